import pytest

from service.simulator.buttons import Shape, read_change, read_content, read_custom_id, show_buttons

IMAGE = "26d56b92-4ed6-45e2-8561-563797923135"


@pytest.mark.parametrize(
    ("custom_id", "word", "index", "action", "row_action", "window"),
    [
        (f"MJ::JOB::upsample::2::{IMAGE}", "upsample", 2, "UPSCALE", "UPSCALE", "never"),
        (f"MJ::JOB::variation::4::{IMAGE}", "variation", 4, "VARIATION", "VARIATION", "remix"),
        (f"MJ::JOB::reroll::0::{IMAGE}::SOLO", "reroll", None, "REROLL", "REROLL", "remix"),
        (
            f"MJ::JOB::high_variation::1::{IMAGE}::SOLO",
            "high_variation",
            1,
            "VARIATION",
            "HIGH_VARIATION",
            "remix",
        ),
        (f"MJ::JOB::pan_left::1::{IMAGE}::SOLO", "pan_left", 1, "PAN", "PAN", "remix"),
        (f"MJ::Inpaint::1::{IMAGE}::SOLO", "Inpaint", 1, "VARIATION", "INPAINT", "always"),
        (f"MJ::Outpaint::50::1::{IMAGE}::SOLO", "Outpaint", None, "ZOOM", "ZOOM", "never"),
        (f"MJ::CustomZoom::{IMAGE}", "CustomZoom", None, "ZOOM", "CUSTOM_ZOOM", "always"),
        ("MJ::Job::PicReader::3", "PicReader", 3, "IMAGINE", None, "always"),
        ("MJ::Job::PicReader::all", "PicReader", None, "IMAGINE", None, "never"),
        ("MJ::Picread::Retry", "Picread", None, "DESCRIBE", None, "never"),
        ("MJ::Job::PromptAnalyzer::5", "PromptAnalyzer", 5, "IMAGINE", None, "always"),
        (f"MJ::JOB::animate_low::1::{IMAGE}::SOLO", "animate_low", 1, "VIDEO", None, "remix"),
        (f"MJ::JOB::animate_high_extend::1::{IMAGE}", "animate_high_extend", 1, "VIDEO", None, "remix"),
        (f"MJ::JOB::video_virtual_upscale::3::{IMAGE}", "video_virtual_upscale", 3, "UPSCALE", None, "never"),
        (f"MJ::JOB::video::1::{IMAGE}::low::manual", "video", 1, "VIDEO", None, "always"),
        (f"MJ::BOOKMARK::{IMAGE}", "BOOKMARK", None, "BOOKMARK", None, "never"),
    ],
)
def test_a_custom_id_says_what_a_click_does(
    custom_id: str, word: str, index: int | None, action: str, row_action: str | None, window: str
) -> None:
    click = read_custom_id(custom_id)
    assert click is not None
    assert (click.word, click.index, click.kind.action) == (word, index, action)
    assert (click.kind.row_action, click.kind.window) == (row_action, window)


@pytest.mark.parametrize("custom_id", ["", "MJ", "MJ::JOB", "U1", f"MJ::RemixModal::{IMAGE}", "XX::JOB::upsample::1"])
def test_other_custom_ids_mean_nothing(custom_id: str) -> None:
    assert read_custom_id(custom_id) is None


@pytest.mark.parametrize("shape", ["grid", "single", "describe", "shorten", "video", "clip"])
def test_every_button_shown_can_be_clicked(shape: Shape) -> None:
    shown = [str(button["customId"]) for button in show_buttons(shape, IMAGE)]
    assert len(shown) == len(set(shown)) >= 2
    assert all(map(read_custom_id, shown))


def test_a_video_has_a_button_for_each_of_its_parts() -> None:
    assert [button["label"] for button in show_buttons("video", IMAGE, videos=2)] == ["U1", "U2"]
    assert show_buttons("face", IMAGE) == []


@pytest.mark.parametrize(("action", "index"), [("UPSCALE", None), ("UPSCALE", 5), ("VARIATION", 0), ("ZOOM", 1)])
def test_a_change_needs_a_known_action_and_its_index(action: str, index: int | None) -> None:
    assert read_change(action, index) is None


def test_a_reroll_needs_no_index() -> None:
    click = read_change("REROLL", None)
    assert click is not None
    assert click.word == "reroll"


@pytest.mark.parametrize(
    ("content", "change"),
    [
        ("1712310326047513 U2", ("1712310326047513", "UPSCALE", 2)),
        ("17 v4", ("17", "VARIATION", 4)),
        ("17 R", ("17", "REROLL", None)),
        ("17 U5", None),
        ("17 U", None),
        ("17", None),
        ("17  U1", None),
        ("17 X1", None),
    ],
)
def test_a_simple_change_is_an_id_and_a_letter(content: str, change: tuple[str, str, int | None] | None) -> None:
    assert read_content(content) == change
