"""Reads submissions that begin something: imagine, blend, describe, shorten, edits, video, swap."""

from collections.abc import Callable, Mapping
from typing import Any

from service.simulator.answers import JSON, Answer, Refusal
from service.simulator.buttons import Shape
from service.simulator.dialect import Dialect
from service.simulator.fields import listed, number, optional, text
from service.simulator.tasks import Ask
from service.simulator.uploads import is_data_url, is_link, is_picture
from service.simulator.vices import Vices

MOST_BLENDED = 5  # pictures
DIMENSIONS = ("PORTRAIT", "SQUARE", "LANDSCAPE")
_MODES = ("--fast", "--relax", "--turbo")


class Roots:
    """Checks what is asked for as this dialect does. The checks stand in the order of the real ones."""

    def __init__(self, *, dialect: Dialect, vices: Vices) -> None:
        self._dialect = dialect
        self._vices = vices
        self.readers: Mapping[str, Callable[[JSON], Ask | Answer]] = {
            "submit/imagine": self._imagine,
            "submit/shorten": self._shorten,
            "submit/describe": self._describe,
            "submit/blend": self._blend,
            "submit/edits": self._edits,
            "submit/edit": self._edits,
            "submit/retexture": self._retexture,
            "insight-face/swap": self._swap,
        }

    def read_uploads(self, body: JSON) -> int | Answer:
        """How many pictures `upload-discord-images` brings, or the refusal."""
        pictures = listed(body, "base64Array")
        if self._forbids(pictures):
            return self._dialect.refuse(Refusal.UPLOADS_FORBIDDEN)
        if not pictures:
            return self._dialect.refuse(Refusal.NO_UPLOADS)
        return len(pictures) if all(map(is_data_url, pictures)) else self._dialect.refuse(Refusal.BAD_PICTURE)

    def read_video(self, body: JSON) -> Ask | Answer:
        """What `video` asks for where it goes on from no other task."""
        prompt = text(body, "prompt").strip()
        if not prompt:
            return self._dialect.refuse(Refusal.NO_VIDEO_PROMPT)
        frames = [frame for name in ("image", "endImage") if (frame := text(body, name))]
        if not all(map(is_picture, frames)):
            return self._dialect.refuse(Refusal.BAD_PICTURE)
        count = number(body, "batchSize")
        videos = count if count in (1, 2, 4) else 4
        return self._root(body, "VIDEO", "video", prompt=prompt, uploads=len(frames), videos=videos)

    def _imagine(self, body: JSON) -> Ask | Answer:
        prompt = text(body, "prompt").strip()
        if not prompt:
            return self._dialect.refuse(Refusal.NO_PROMPT)
        pictures = listed(body, "base64Array")
        if self._dialect.takes_single and text(body, "base64"):
            pictures.append(text(body, "base64"))
        if self._forbids(pictures):
            return self._dialect.refuse(Refusal.UPLOADS_FORBIDDEN)
        if not all(map(is_data_url, pictures)):
            return self._dialect.refuse(Refusal.BAD_PICTURE)
        return self._root(body, "IMAGINE", "grid", prompt=prompt, uploads=len(pictures))

    def _shorten(self, body: JSON) -> Ask | Answer:
        prompt = text(body, "prompt").strip()
        if not prompt:
            return self._dialect.refuse(Refusal.NO_PROMPT)
        return self._root(body, "SHORTEN", "shorten", prompt=prompt)

    def _describe(self, body: JSON) -> Ask | Answer:
        picture = text(body, "base64")
        link = text(body, "link") if self._dialect.takes_links else ""
        if not picture and not link:
            return self._dialect.refuse(Refusal.NO_PICTURE)
        if link and not is_link(link):
            return self._dialect.refuse(Refusal.BAD_LINK)
        if self._forbids(picture):
            return self._dialect.refuse(Refusal.UPLOADS_FORBIDDEN)
        if picture and not is_data_url(picture):
            return self._dialect.refuse(Refusal.BAD_PICTURE)
        return self._root(body, "DESCRIBE", "describe", picture=picture or link, uploads=int(bool(picture)))

    def _blend(self, body: JSON) -> Ask | Answer:
        pictures = listed(body, "base64Array")
        if not 2 <= len(pictures) <= MOST_BLENDED:
            return self._dialect.refuse(Refusal.PICTURE_COUNT)
        dimensions = body.get("dimensions", "SQUARE")
        if dimensions is None:
            return self._dialect.refuse(Refusal.BAD_DIMENSIONS)
        if dimensions not in DIMENSIONS:
            return self._dialect.refuse(Refusal.NOT_JSON)
        if not all(map(is_data_url, pictures)):
            return self._dialect.refuse(Refusal.BAD_PICTURE)
        return self._root(
            body, "BLEND", "grid", picture="".join(pictures), uploads=len(pictures), dimensions=dimensions
        )

    def _edits(self, body: JSON) -> Ask | Answer:
        return self._edited(body, "EDIT", row_action="EDITS")

    def _retexture(self, body: JSON) -> Ask | Answer:
        return self._edited(body, "RETEXTURE", row_action="RETEXTURE")

    def _edited(self, body: JSON, action: str, *, row_action: str) -> Ask | Answer:
        prompt, image = text(body, "prompt").strip(), text(body, "image")
        if not prompt or not image.strip():
            return self._dialect.refuse(Refusal.NO_IMAGE)
        if self._forbids(image):
            return self._dialect.refuse(Refusal.UPLOADS_FORBIDDEN)
        if not is_picture(image):
            return self._dialect.refuse(Refusal.BAD_PICTURE)
        row = row_action if self._dialect.names_clicks else action
        return self._root(body, action, "grid", row_action=row, prompt=prompt, uploads=int(not is_link(image)))

    def _swap(self, body: JSON) -> Ask | Answer:
        links = self._dialect.takes_links
        face = text(body, "sourceBase64") or (text(body, "sourceUrl") if links else "")
        target = text(body, "targetBase64") or (text(body, "targetUrl") if links else "")
        if not face:
            return self._dialect.refuse(Refusal.NO_FACE)
        if not target:
            return self._dialect.refuse(Refusal.NO_TARGET)
        if face == target:
            return self._dialect.refuse(Refusal.SAME_FACES)
        uploads = 2 - is_link(face) - is_link(target)
        return self._root(body, "SWAP_FACE", "face", picture=f"{face}/{target}", uploads=uploads)

    def _forbids(self, pictures: object) -> bool:
        """Whether pictures came that this gateway takes from nobody; only one kind of gateway can say so."""
        can_forbid = Refusal.UPLOADS_FORBIDDEN in self._dialect.refusals
        return bool(pictures) and can_forbid and self._vices.number("no_uploads") > 0

    def _root(
        self,
        body: JSON,
        action: str,
        shape: Shape,
        *,
        row_action: str = "",
        prompt: str = "",
        picture: str = "",
        **more: Any,
    ) -> Ask:
        return Ask(
            action=action,
            row_action=row_action or action,
            shape=shape,
            picture=picture or prompt,
            prompt=prompt,
            state=optional(body, "state"),
            hook=text(body, "notifyHook"),
            mode=self._mode(body, prompt) if self._dialect.takes_filter else None,
            bot_type="NIJI_JOURNEY" if text(body, "botType") in ("NIJI_JOURNEY", "niji") else "MID_JOURNEY",
            **more,
        )

    def _mode(self, body: JSON, prompt: str) -> str | None:
        """What accountFilter asks for, or else the prompt."""
        wanted = body.get("accountFilter")
        modes = listed(wanted, "modes") if isinstance(wanted, dict) else []
        named = [f"--{mode.lower()}" for mode in modes] or prompt.split()
        return next((mode.removeprefix("--") for mode in named if mode in _MODES), None)
