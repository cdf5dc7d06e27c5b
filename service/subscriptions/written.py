"""A subscription as `ringback.yaml` writes it down."""

from dataclasses import dataclass, field
from typing import Final

from hooks.recipient import Recipient
from storage.records import JSON
from storage.records_of_deliveries import Format

MOST_STANDING: Final = 1000  # subscriptions: each change of one has all of them read again, before the next event
MOST_EVENTS: Final = 50  # types and wildcards of one subscription
HIGHEST_RATE: Final = 1000  # deliveries per second
LOWEST_RATE: Final = 1 / 3600  # one in an hour
MOST_AT_ONCE: Final = 16  # deliveries of one subscription under way
DEFAULT_AT_ONCE: Final = 4


@dataclass(frozen=True, kw_only=True, slots=True)
class WrittenSubscription:
    """What one item of `subscriptions:` asks for. Its repr shows no secret."""

    id: str
    recipient: Recipient = field(repr=False)  # `${NAME}` filled in
    host: str  # all of its URL that may be shown
    events: tuple[str, ...]  # types and wildcards
    match: JSON | None = None
    format: Format = "standard"
    ordered: bool = True
    rate: float | None = None  # deliveries per second at most
    concurrency: int = DEFAULT_AT_ONCE  # deliveries under way at once
    secret: str | None = field(default=None, repr=False)  # whsec_…; None: signed with the service's own
