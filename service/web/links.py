"""Links to pictures that open without a key, for who was given them."""

from collections.abc import Mapping

from hooks.links import LinkSigner
from storage.records import Task


class PictureLinks:
    """Makes and checks the links to `/mj/image/{id}`; `public_url` is None where nobody reaches us from outside."""

    def __init__(self, signer: LinkSigner, public_url: str | None) -> None:
        self._signer = signer
        self._public_url = public_url

    def make(self, task: Task) -> str | None:
        """The link to a task's picture; None where there is none, or no address of ours to name."""
        if self._public_url is None or task.image_url is None:
            return None
        return f"{self._public_url}/mj/image/{task.id}?{self._signer.sign(task.id)}"

    def opens(self, task_id: str, query: Mapping[str, str]) -> bool:
        """Whether a request with this query was given the link."""
        return self._signer.opens(task_id, query)
