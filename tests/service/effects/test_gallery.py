"""Pictures stand in their folder whole, over nothing else, and nowhere else."""

from pathlib import Path

import pytest

from service.effects.gallery import INCOMING, Gallery, NotKept

PNG = b"\x89PNG\r\n\x1a\n" + bytes(1000)
JPEG = b"\xff\xd8\xff\xe0" + bytes(1000)
TASK = "8000000000000001"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "downloads"


def keep(folder: Path, content: bytes, path: str, number: int = 1) -> str:
    gallery = Gallery(folder)
    draft = gallery.begin(number)
    try:
        draft.write(content)
        return gallery.keep(draft, path, TASK)
    finally:
        draft.discard()


def files(folder: Path) -> list[str]:
    return sorted(str(each.relative_to(folder)) for each in folder.rglob("*") if each.is_file())


def test_a_file_comes_to_its_place_whole(folder: Path) -> None:
    assert keep(folder, PNG, "商店/一只猫.png") == "商店/一只猫.png"
    assert (folder / "商店/一只猫.png").read_bytes() == PNG
    assert files(folder) == ["商店/一只猫.png"], "nothing is left over"


@pytest.mark.parametrize(
    ("path", "content", "kept"),
    [
        ("cat", PNG, "cat.png"),
        ("cat v1.5", JPEG, "cat v1.5.jpg"),
        ("cat.PNG", PNG, "cat.PNG"),
        ("cat.png", JPEG, "cat.png"),
        ("clip", b"\x00\x00\x00\x18ftypmp42", "clip.mp4"),
        (".hidden", PNG, ".hidden.png"),
    ],
)
def test_a_path_without_a_suffix_gets_the_right_one(path: str, content: bytes, kept: str, folder: Path) -> None:
    assert keep(folder, content, path) == kept
    assert files(folder) == [kept]


def test_the_same_file_may_stand_there(folder: Path) -> None:
    assert [keep(folder, PNG, "a.png") for _ in range(2)] == ["a.png", "a.png"]
    assert files(folder) == ["a.png"]


@pytest.mark.parametrize("other", [b"a letter", PNG[:-1], PNG[:-1] + b"x", b""])
def test_another_file_is_not_written_over(other: bytes, folder: Path) -> None:
    folder.mkdir()
    (folder / "a.png").write_bytes(other)
    assert [keep(folder, PNG, "a.png") for _ in range(2)] == [f"a-{TASK}.png"] * 2
    assert (folder / "a.png").read_bytes() == other
    (folder / f"a-{TASK}.png").write_bytes(b"this one, too")
    with pytest.raises(NotKept, match="another file stands there"):
        keep(folder, PNG, "a.png")
    assert len(files(folder)) == 2


def test_a_folder_in_the_place_of_the_file_is_left_alone(folder: Path) -> None:
    (folder / "a.png").mkdir(parents=True)
    assert keep(folder, PNG, "a.png") == f"a-{TASK}.png"


@pytest.mark.parametrize("path", ["/etc/a.png", "../a.png", "x/../../a.png", "", ".", f"{INCOMING}/1.png"])
def test_no_path_leads_out_of_the_folder(path: str, folder: Path) -> None:
    with pytest.raises(NotKept, match="leads out"):
        keep(folder, PNG, path)
    assert files(folder.parent) == []


def test_no_link_leads_out_of_the_folder(folder: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    folder.mkdir()
    (folder / "link").symlink_to(outside)
    (folder / "dangling").symlink_to(tmp_path / "nowhere")
    for path in ("link/a.png", "link/deeper/a.png", "dangling/a.png"):
        with pytest.raises(NotKept, match="a link in its path leads out"):
            keep(folder, PNG, path)
    assert list(outside.iterdir()) == []
    assert not (tmp_path / "nowhere").exists()


def test_a_link_in_the_place_of_the_file_is_not_followed(folder: Path, tmp_path: Path) -> None:
    folder.mkdir()
    (folder / "a.png").symlink_to(tmp_path / "elsewhere.png")
    assert keep(folder, PNG, "a.png") == f"a-{TASK}.png"
    assert not (tmp_path / "elsewhere.png").exists()
    (tmp_path / "elsewhere.png").write_bytes(PNG)
    assert keep(folder, PNG, "a.png") == f"a-{TASK}.png", "the same picture elsewhere is not kept here"


def test_a_folder_of_downloads_may_itself_be_a_link(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "big disk").mkdir()
    folder.symlink_to(tmp_path / "big disk")
    assert keep(folder, PNG, "x/a.png") == "x/a.png"


def test_links_within_the_folder_are_fine(folder: Path) -> None:
    (folder / "real").mkdir(parents=True)
    (folder / "link").symlink_to(folder / "real")
    keep(folder, PNG, "link/a.png")
    assert (folder / "real/a.png").is_file()


def test_what_is_no_picture_is_not_kept(folder: Path) -> None:
    for content in (b"<!doctype html>", b"", b'{"error": "expired"}'):
        with pytest.raises(NotKept, match="neither a picture nor a video"):
            keep(folder, content, "a.png")
    assert files(folder) == []


def test_what_a_crash_left_is_removed(folder: Path) -> None:
    gallery = Gallery(folder)
    gallery.sweep()
    assert not folder.exists(), "it is made when the first picture comes"
    half = gallery.begin(7)
    half.write(b"half")
    half.finish()
    keep(folder, PNG, "a.png")
    assert len(files(folder)) == 2
    Gallery(folder).sweep()
    assert files(folder) == ["a.png"]


def test_what_is_discarded_is_not_written_any_more(folder: Path) -> None:
    draft = Gallery(folder).begin(1)
    draft.write(PNG)
    draft.discard()
    draft.write(PNG)
    late = Gallery(folder).begin(2)
    late.discard()
    late.write(PNG)
    assert files(folder) == []
