"""What the doctor found: one line, and what to do."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """What came of one check."""

    # settings | rules | disk | volume | ledger | service | paused | effects | deliveries | prices | gateway | key |
    # clock | hooks | public_url
    check: str
    ok: bool
    detail: str
    remedy: str | None = None  # what to do; None where all is well


def well(check: str, detail: str) -> Finding:
    """Nothing is to be done."""
    return Finding(check=check, ok=True, detail=detail)


def ill(check: str, detail: str, remedy: str) -> Finding:
    """Something is to be done."""
    return Finding(check=check, ok=False, detail=detail, remedy=remedy)
