"""Pictures that are sent along: each is kept once, under the hash of its bytes."""

import hashlib
from typing import TYPE_CHECKING

import pytest

from storage.attachments import Attachment, hash_attachment, keep_attachments, read_attachments
from storage.errors import NoSuchAttachment
from storage.openings import open_task
from storage.records import NewTask

if TYPE_CHECKING:
    from tests.conftest import Ledger

ONE = Attachment("image/png", b"\x89PNG one")
OTHER = Attachment("image/webp", b"RIFF other")


def test_a_picture_is_named_by_its_bytes_alone() -> None:
    assert hash_attachment(ONE) == hashlib.sha256(b"\x89PNG one").hexdigest()
    assert hash_attachment(Attachment("image/jpeg", ONE.content)) == hash_attachment(ONE)


def test_a_picture_is_kept_once_however_often_it_comes(ledger: "Ledger") -> None:
    names = ledger.do(keep_attachments, [ONE, OTHER, ONE])
    assert names == (hash_attachment(ONE), hash_attachment(OTHER), hash_attachment(ONE))
    ledger.clock.now += 60
    assert ledger.do(keep_attachments, [ONE]) == names[:1]
    rows = ledger.sql("SELECT hash, media_type, created_at FROM attachments ORDER BY media_type")
    first = 1_800_000_000_000
    assert rows == [(names[0], "image/png", first), (names[1], "image/webp", first)]


def test_pictures_are_read_in_the_order_of_their_names(ledger: "Ledger") -> None:
    one, other = ledger.do(keep_attachments, [ONE, OTHER])
    assert ledger.ask(read_attachments, [other, one, other]) == (OTHER, ONE, OTHER)
    assert ledger.ask(read_attachments, []) == ()


def test_a_picture_that_is_not_there_is_told_by_its_name(ledger: "Ledger") -> None:
    (one,) = ledger.do(keep_attachments, [ONE])
    with pytest.raises(NoSuchAttachment, match="The ledger has no picture 5555"):
        ledger.ask(read_attachments, [one, "5" * 64])


def test_a_picture_and_its_task_are_one_commit(ledger: "Ledger") -> None:
    new = NewTask(gateway="g", action="BLEND", origin="api", request={"pictures": [hash_attachment(ONE)]})
    task = ledger.do(open_task, new, [ONE])
    assert ledger.ask(read_attachments, ledger.submission(task).request["pictures"]) == (ONE,)
    with pytest.raises(Exception, match="no task 8000000000000001"):
        ledger.do(open_task, NewTask(gateway="g", action="BLEND", origin="api", parent_id="8000000000000001"), [OTHER])
    with pytest.raises(NoSuchAttachment):
        ledger.ask(read_attachments, [hash_attachment(OTHER)])
