"""The gateway's own books: all that is needed to audit a run from the other side."""

from collections import Counter, deque

from service.simulator.answers import JSON
from service.simulator.tasks import Letter, Task

KEPT = 100_000  # newest entries that each log keeps
COUNTS = (
    "submissions",  # accepted POSTs: what a gateway would have charged for, and answers to windows
    "imagine",
    "clicks",
    "modals",
    "refused",  # submissions that were answered with a refusal
    "unanswered",  # accepted, but the client was left without an answer
    "spoiled",  # answers that were withheld, cut or made garbage
    "uploads",  # pictures that came in
    "existed",  # clicks that were answered with somebody else's task
    "marked",  # favourites: clicks that make no task
    "cancelled",
    "forgotten",
    "hooks_stripped",
    "callbacks_made",  # changes that called for a callback
    "callbacks_sent",  # POSTs made, doubles included; made + doubled = sent + lost when all is quiet
    "acknowledged",  # answered with 2xx
    "refused_by_receiver",  # answered otherwise, or not at all
    "lost",
    "doubled",
    "reordered",
    "fetches",
    "lists",
)
_CLICKS = ("action", "change", "simple-change")


class Books:
    """What happened, as counts and as logs."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self._submissions: deque[JSON] = deque(maxlen=KEPT)
        self._acknowledged: deque[tuple[str, str, str | None, int]] = deque(maxlen=KEPT)
        self._upscales: Counter[tuple[str, str, str, int]] = Counter()
        self._states: Counter[str] = Counter()
        self._arrivals: deque[JSON] = deque(maxlen=KEPT)
        self._most_outstanding = 0
        self._most_at_work = 0

    def count(self, name: str, by: int = 1) -> None:
        """One more of something, or several."""
        self.counts[name] += by

    def arrived(self, endpoint: str, state: str | None, *, accepted: bool) -> None:
        """A submission came in, and was decided about."""
        self._arrivals.append({"endpoint": endpoint, "state": state, "accepted": accepted})

    def outstanding(self, tasks: int) -> None:
        """So many tasks are accepted and have not ended; the greatest number counts."""
        self._most_outstanding = max(self._most_outstanding, tasks)

    def at_work(self, tasks: int) -> None:
        """So many of them have a slot; the greatest number counts."""
        self._most_at_work = max(self._most_at_work, tasks)

    def submitted(self, task: Task) -> None:
        """A submission was accepted. The same U of one grid is paid twice if it comes twice."""
        ask = task.ask
        self.count("submissions")
        self.count("uploads", ask.uploads)
        if ask.endpoint == "imagine":
            self.count("imagine")
        if ask.endpoint in _CLICKS:
            self.count("clicks")
        if ask.parent and ask.word == "upsample" and ask.index:
            self._upscales[ask.parent, ask.image, ask.action, ask.index] += 1
        if ask.state:
            self._states[ask.state] += 1
        self._log(task, ask.endpoint, at=task.submitted_at)

    def answered_window(self, task: Task, *, at: int) -> None:
        """A window was answered; the click behind it was counted before."""
        self.count("submissions")
        self.count("modals")
        self.count("uploads", int(task.ask.uploads > 0))
        self._log(task, "modal", at=at)

    def acknowledged(self, task: Task, letter: Letter, *, at: int) -> None:
        """A receiver said 2xx: from now on, milliseconds since the epoch, it must know this."""
        self.count("acknowledged")
        if letter.foreign:
            return  # and that is not this
        self._acknowledged.append((task.id, letter.moment.status, letter.moment.progress, at))

    def to_json(self) -> JSON:
        """Everything, for `GET /simulator/books`."""
        return {
            "counts": {name: self.counts[name] for name in COUNTS},
            "submissions": list(self._submissions),
            "double_spends": [
                {"parent": parent, "action": action, "index": index, "count": count}
                for (parent, _, action, index), count in self._upscales.items()
                if count > 1
            ],
            "repeated_states": [{"state": state, "count": count} for state, count in self._states.items() if count > 1],
            "acknowledged_log": list(self._acknowledged),
            "arrivals": list(self._arrivals),
            "most_outstanding": self._most_outstanding,
            "most_at_work": self._most_at_work,
        }

    def _log(self, task: Task, endpoint: str, *, at: int) -> None:
        ask = task.ask
        self._submissions.append(
            {
                "id": task.id,
                "endpoint": endpoint,
                "action": ask.action,
                "parent": ask.parent,
                "custom_id": ask.custom_id,
                "index": ask.index,
                "state": ask.state,
                "prompt": ask.prompt,
                "at": at,
                "hook": bool(ask.hook),
                "mode": ask.mode,
                "bot_type": ask.bot_type,
                "uploads": ask.uploads,
                "dimensions": ask.dimensions,
            }
        )
