"""What can go wrong at the door. The docstring of each class is what a person reads."""


class HookError(Exception):
    """The door cannot accept that."""

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message or type(self).__doc__)


class BadToken(HookError):
    """This is not a hook of ours."""


class ExpiredToken(HookError):
    """This hook has expired."""


class NotATask(HookError):
    """The body is not a Midjourney task."""


class CannotClick(HookError):
    """There is no such button, or clicking it takes more than its name."""


class ForbiddenTarget(HookError):
    """That address may not be called."""


class NotAPicture(HookError):
    """That is not a picture that a gateway takes."""


class NotFetched(HookError):
    """The picture could not be fetched."""

    def __init__(self, message: str | None = None, *, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status  # what HTTP says, where it said anything


class Unsuited(HookError):
    """The format has no words for that event."""


class Crowded(NotFetched):
    """Too many names are being looked up; try again in a minute."""


class SealBroken(HookError):
    """What was sealed is damaged: write it anew (a secret, a subscription's address)."""
