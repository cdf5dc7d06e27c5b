"""What is wrong with what was written, each mistake once: as it is found here, or as the running service tells it."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import httpx
import msgspec

from hooks.clients import api_client
from service.cli.doctor.finding import Finding, ill
from service.web.api.rules import ShownFile, ShownMistake
from service.written.environment import FILE, PROCESS
from service.written.mistakes import Mistake

DEADLINE: Final = 10.0  # seconds
SHOWN: Final = 3  # mistakes that only the service finds


class _Page(msgspec.Struct):
    file: ShownFile


def read_refusal(url: str, api_key: str | None) -> ShownFile | None:
    """Ask the running service for the file that it refused; None where it goes by the latest, or does not answer."""
    try:
        with api_client(url, api_key) as http:
            file = msgspec.json.decode(http.get("/v1/rules", timeout=DEADLINE).content, type=_Page).file
    except (httpx.HTTPError, msgspec.MsgspecError, UnicodeDecodeError):
        return None
    return None if file.refused_at is None else file


def examine_mistakes(found: Sequence[Mistake], refusal: ShownFile | None, *, rules: str) -> Iterator[Finding]:
    """Tell of the mistakes found here, then of those that only the service refused; `rules` is the name of the file."""
    refused = set() if refusal is None else set(map(_identify, refusal.mistakes))
    for mistake in found:
        runs = _identify(mistake) in refused
        of_rules = mistake.file == rules or (runs and mistake.file not in (PROCESS, FILE))
        where = "the environment" if mistake.file == PROCESS else mistake.file
        then = (
            "the service goes on with the rules before; it would not start again"
            if runs
            else "the service does not start before"
        )
        yield ill("rules" if of_rules else "settings", f"{mistake}.", f"Mend it in {where}; {then}.")
    told = set(map(_identify, found))
    if refusal is not None and (others := [each for each in refusal.mistakes if _identify(each) not in told]):
        yield _tell_refusal(refusal, others)


def _identify(mistake: Mistake | ShownMistake) -> tuple[str, int | None, int | None, str]:
    # The service may name the folder otherwise.
    return Path(mistake.file).name, mistake.line, mistake.column, mistake.message


def _tell_refusal(file: ShownFile, mistakes: Sequence[ShownMistake]) -> Finding:
    said = "; ".join(str(Mistake(each.file, each.line, each.column, each.message)) for each in mistakes[:SHOWN])
    more = f"; and {len(mistakes) - SHOWN} more" if len(mistakes) > SHOWN else ""
    return ill(
        "rules",
        f"The service refused a newer {file.name} at {file.refused_at}; the rules of {file.loaded_at} go on:"
        f" {said}{more}.",
        "Mend the file. Where `ringback rules check` finds nothing wrong, the service has another environment or .env"
        " than you; SIGHUP makes it look again.",
    )
