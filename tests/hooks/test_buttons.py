import pytest
from hypothesis import given
from hypothesis import strategies as st

from hooks.buttons import (
    WELL_KNOWN_LABELS,
    actions_of_label,
    find_button,
    opens_window,
    parse_button,
    parse_custom_id,
    synthesise_button,
    well_known_buttons,
)
from storage.actions import action_of
from storage.records import Button

U = "26d56b92-4ed6-45e2-8561-563797923135"

# customId, kind, index, whether a window surely opens, our action
GRAMMAR = [
    *((f"MJ::JOB::upsample::{i}::{U}", "upsample", i, False, "UPSCALE") for i in range(1, 5)),
    *((f"MJ::JOB::variation::{i}::{U}", "variation", i, False, "VARIATION") for i in range(1, 5)),
    (f"MJ::JOB::reroll::0::{U}::SOLO", "reroll", None, False, "REROLL"),
    *(
        (f"MJ::JOB::{kind}::1::{U}::SOLO", kind, None, False, "UPSCALE")
        for kind in (
            *(
                "upsample_v6_2x_subtle",
                "upsample_v6_2x_creative",
                "upsample_v6r1_2x_subtle",
                "upsample_v6r1_2x_creative",
            ),
            *("upsample_v7_2x_subtle", "upsample_v7_2x_creative", "upsample_v5_2x", "upsample_v5_4x", "upsample_v9_8x"),
        )
    ),
    (f"MJ::JOB::low_variation::1::{U}::SOLO", "low_variation", None, False, "VARIATION"),
    (f"MJ::JOB::high_variation::1::{U}::SOLO", "high_variation", None, False, "VARIATION"),
    (f"MJ::Inpaint::1::{U}::SOLO", "Inpaint", None, True, "INPAINT"),
    (f"MJ::Outpaint::50::1::{U}::SOLO", "Outpaint", 50, False, "ZOOM"),
    (f"MJ::Outpaint::75::1::{U}::SOLO", "Outpaint", 75, False, "ZOOM"),
    (f"MJ::Outpaint::100::1::{U}::SOLO", "Outpaint", 100, False, "ZOOM"),
    (f"MJ::CustomZoom::{U}", "CustomZoom", None, True, "ZOOM"),
    (f"MJ::CustomZoom::1::{U}", "CustomZoom", None, True, "ZOOM"),
    *(
        (f"MJ::JOB::pan_{way}::1::{U}::SOLO", f"pan_{way}", None, False, "PAN")
        for way in ("left", "right", "up", "down")
    ),
    (f"MJ::JOB::animate_high::1::{U}::SOLO", "animate_high", None, False, "VIDEO"),
    (f"MJ::JOB::animate_low::1::{U}::SOLO", "animate_low", None, False, "VIDEO"),
    *((f"MJ::JOB::video_virtual_upscale::{i}::{U}", "video_virtual_upscale", i, False, "UPSCALE") for i in range(1, 5)),
    (f"MJ::JOB::animate_high_extend::1::{U}", "animate_high_extend", None, False, "VIDEO"),
    (f"MJ::JOB::animate_low_extend::1::{U}", "animate_low_extend", None, False, "VIDEO"),
    (f"MJ::JOB::video::1::{U}::low::manual", "video", None, True, "VIDEO"),
    (f"MJ::JOB::video::1::{U}::high", "video", None, False, "VIDEO"),
    *((f"MJ::Job::PicReader::{i}", "PicReader", i, True, "IMAGINE") for i in range(1, 5)),
    ("MJ::Job::PicReader::all", "PicReader", None, False, "IMAGINE"),
    ("MJ::Picread::Retry", "Picread", None, False, "DESCRIBE"),
    *((f"MJ::Job::PromptAnalyzer::{i}", "PromptAnalyzer", i, True, "IMAGINE") for i in range(1, 6)),
    (f"MJ::BOOKMARK::{U}", "BOOKMARK", None, False, "BOOKMARK"),
    ("MJ::Settings::RemixMode", "Settings", None, False, "ACTION"),
]


@pytest.mark.parametrize(("custom_id", "kind", "index", "opens_modal", "action"), GRAMMAR)
def test_the_grammar_of_custom_ids_is_known_row_by_row(custom_id, kind, index, opens_modal, action):
    said = parse_custom_id(custom_id)
    assert (said.kind, said.index, said.opens_modal) == (kind, index, opens_modal)
    assert action_of(said.kind) == action
    assert actions_of_label(custom_id) == ((action,) if kind else ())
    assert opens_window(custom_id) == opens_modal


@pytest.mark.parametrize(
    "custom_id",
    [
        "",
        "MJ",
        "MJ::",
        "MJ::JOB",
        "MJ::JOB::",
        "MJ::Job::Brand::1",
        "MJ::ImagineModal",
        "XX::JOB::upsample::1",
        "买",
        "::::",
    ],
)
def test_an_unknown_custom_id_has_no_kind(custom_id):
    said = parse_custom_id(custom_id)
    assert (said.kind, said.index, said.opens_modal) == ("", None, False)


@pytest.mark.parametrize("index", ["01", "0001"])
def test_an_index_with_zeros_before_it_is_that_index(index):
    said = parse_custom_id(f"MJ::JOB::upsample::{index}::{U}")
    assert (said.kind, said.index) == ("upsample", 1)


@pytest.mark.parametrize("custom_id", [f"MJ::JOB::upsample::x::{U}", "MJ::JOB::upsample", "MJ::JOB::upsample::１"])
def test_an_upsample_of_nobody_knows_which_is_no_upsample_until_its_label_says_which(custom_id):
    """Counted among those without an index, it would be bought beside the U1 that it is."""
    assert parse_custom_id(custom_id).kind == ""
    named = parse_button({"label": "U1", "customId": custom_id})
    assert (named.kind, named.index, named.custom_id) == ("upsample", 1, custom_id)


@pytest.mark.parametrize("index", ["0", "-1", "x", "", "²", "999999999999999999999999", "1" * 5000, "1.0"])
def test_a_strange_index_is_no_index(index):
    assert parse_custom_id(f"MJ::JOB::upsample::{index}::{U}").index is None


@given(st.text(st.sampled_from("MJOBob:upsamlev_1234-all\0é"), max_size=60))
def test_no_custom_id_can_make_it_fail(text):
    parse_custom_id(text)
    parse_custom_id(f"MJ::JOB::{text}")
    actions_of_label(text)
    opens_window(text)
    synthesise_button(text)
    find_button((button("x", text),), text)


def button(custom_id: str | None, label: str = "", emoji: str = "") -> Button:
    parsed = parse_button({"customId": custom_id, "label": label, "emoji": emoji})
    assert parsed is not None
    return parsed


def test_a_button_is_read_whole():
    raw = {"customId": f"MJ::JOB::upsample::2::{U}", "emoji": "", "label": "U2", "style": 2, "type": 2}
    assert parse_button(raw) == Button(
        label="U2", custom_id=f"MJ::JOB::upsample::2::{U}", kind="upsample", index=2, opens_modal=False
    )


def test_an_unknown_button_is_kept():
    assert parse_button({"customId": "MJ::Job::Brand::1", "emoji": "🚀", "label": "全新"}) == Button(
        label="全新", emoji="🚀", custom_id="MJ::Job::Brand::1", kind=""
    )


@pytest.mark.parametrize(
    "raw", [{}, {"customId": "", "emoji": "", "label": "", "style": 0, "type": 0}, {"customId": None}]
)
def test_a_button_that_says_nothing_is_none(raw):
    assert parse_button(raw) is None


@pytest.mark.parametrize("strange", [None, 5, True, [], {}, 1.5])
def test_a_button_with_strange_values_does_not_fail(strange):
    parse_button({"customId": strange, "emoji": strange, "label": strange})
    assert parse_button({"customId": "x", "emoji": strange, "label": strange}) is not None


def test_a_button_without_a_custom_id_is_known_by_its_label():
    assert button(None, "u3") == Button(label="u3", kind="upsample", index=3)
    assert button(None, "something").kind == ""


GRID = (
    *(button(f"MJ::JOB::upsample::{i}::{U}", f"U{i}") for i in range(1, 5)),
    button(f"MJ::JOB::reroll::0::{U}::SOLO", "", "🔄"),
    *(button(f"MJ::JOB::variation::{i}::{U}", f"V{i}") for i in range(1, 5)),
)
SINGLE = (
    button(f"MJ::JOB::upsample_v6r1_2x_subtle::1::{U}::SOLO", "Upscale (Subtle)", "upscale_1"),
    button(f"MJ::JOB::upsample_v6r1_2x_creative::1::{U}::SOLO", "Upscale (Creative)", "upscale_1"),
    button(f"MJ::JOB::low_variation::1::{U}::SOLO", "Vary (Subtle)", "🪄"),
    button(f"MJ::JOB::high_variation::1::{U}::SOLO", "Vary (Strong)", "🪄"),
    button(f"MJ::Inpaint::1::{U}::SOLO", "Vary (Region)", "🖌️"),
    button(f"MJ::Outpaint::50::1::{U}::SOLO", "Zoom Out 2x", "🔍"),
    button(f"MJ::Outpaint::75::1::{U}::SOLO", "Zoom Out 1.5x", "🔍"),
    button(f"MJ::Outpaint::100::1::{U}::SOLO", "Make Square", "↔️"),
    button(f"MJ::CustomZoom::{U}", "Custom Zoom", "🔍"),
    *(
        button(f"MJ::JOB::pan_{way}::1::{U}::SOLO", "", emoji)
        for way, emoji in {"left": "⬅️", "right": "➡️", "up": "⬆️", "down": "⬇️"}.items()
    ),
    button(f"MJ::JOB::animate_high::1::{U}::SOLO", "Animate (High motion)", "🎞️"),
    button(f"MJ::JOB::animate_low::1::{U}::SOLO", "Animate (Low motion)", "🎞️"),
)
VIDEO_GRID = tuple(button(f"MJ::JOB::video_virtual_upscale::{i}::{U}", f"U{i}") for i in range(1, 5))
VIDEO = tuple(
    button(f"MJ::JOB::animate_{motion}_extend::1::{U}", f"Extend ({motion.title()} motion)")
    for motion in ("high", "low")
)
OLD = (
    button(f"MJ::JOB::upsample_v5_2x::1::{U}::SOLO", "Upscale (2x)"),
    button(f"MJ::JOB::upsample_v5_4x::1::{U}::SOLO", "Upscale (4x)"),
)
DESCRIBED = (
    *(button(f"MJ::Job::PicReader::{i}", "", f"{i}️⃣") for i in range(1, 5)),
    button("MJ::Picread::Retry", "", "🔄"),
    button("MJ::Job::PicReader::all", "Imagine all", "🎉"),
)
SHORTENED = tuple(button(f"MJ::Job::PromptAnalyzer::{i}", "", f"{i}️⃣") for i in range(1, 6))
SHOWN = (*GRID, *SINGLE, *OLD, *VIDEO, *DESCRIBED, *SHORTENED)


@pytest.mark.parametrize("shown", [GRID, SINGLE, VIDEO_GRID, VIDEO, OLD])
def test_a_button_is_found_by_its_custom_id_and_by_its_label(shown):
    for wanted in shown:
        assert find_button(shown, wanted.custom_id) is wanted
        if wanted.label:
            assert find_button(shown, wanted.label) is wanted
            assert find_button(shown, f" {wanted.label.upper()} ") is wanted


@pytest.mark.parametrize("shown", [GRID, SINGLE, VIDEO_GRID, VIDEO, OLD])
@pytest.mark.parametrize("label", ["", "放大"])
def test_a_well_known_label_finds_its_button_though_the_gateway_writes_another(shown, label):
    renamed = tuple(button(each.custom_id, label) for each in shown)
    for original, other in zip(shown, renamed, strict=True):
        if original.label:
            assert find_button(renamed, original.label) is other


@pytest.mark.parametrize("wanted", ["R", "r", "reroll", "REROLL", "🔄"])
def test_a_reroll_has_many_names(wanted):
    assert find_button(GRID, wanted) is GRID[4]
    assert find_button(DESCRIBED, wanted) is DESCRIBED[4]
    assert find_button(tuple(button(each.custom_id) for each in GRID), wanted).kind == "reroll"


@pytest.mark.parametrize(
    ("wanted", "kind"), [("⬅️", "pan_left"), ("➡", "pan_right"), ("⬆️", "pan_up"), ("⬇", "pan_down")]
)
def test_an_arrow_pans_with_and_without_its_colour(wanted, kind):
    assert find_button(SINGLE, wanted).kind == kind
    assert find_button(tuple(button(each.custom_id, "", "pan") for each in SINGLE), wanted).kind == kind


@pytest.mark.parametrize("shown", [DESCRIBED, SHORTENED])
def test_a_keycap_chooses_a_text(shown):
    for index in range(1, 5):
        assert find_button(shown, f"{index}️⃣").index == index


def test_every_text_of_a_describe_can_be_imagined_at_once():
    assert find_button(tuple(button(each.custom_id) for each in DESCRIBED), "imagine all") == button(
        "MJ::Job::PicReader::all"
    )


@pytest.mark.parametrize("wanted", ["🪄", "🔍", "🎞️", "upscale_1"])
def test_an_emoji_that_several_buttons_share_names_none_of_them(wanted):
    assert find_button(SINGLE, wanted) is None


def test_an_emoji_of_one_button_alone_names_it():
    assert find_button(SINGLE, "🖌").kind == "Inpaint"


def test_a_label_counts_for_more_than_a_kind():
    odd = (button(f"MJ::JOB::upsample::1::{U}", "first"), button(f"MJ::JOB::upsample::2::{U}", "U1"))
    assert find_button(odd, "U1") is odd[1]


@pytest.mark.parametrize("wanted", ["", "  ", "U5", "U0", "U11", "V", "Upscale", "nothing", "️"])
def test_what_nobody_shows_is_not_found(wanted):
    assert find_button(SHOWN, wanted) is None
    assert find_button((), wanted) is None
    assert synthesise_button(wanted) is None


def test_an_upscaled_picture_has_no_u1():
    assert find_button(SINGLE, "U1") is None


@pytest.mark.parametrize(
    ("wanted", "label", "kind", "index"),
    [
        *((f"U{i}", f"U{i}", "upsample", i) for i in range(1, 5)),
        *((f"v{i}", f"V{i}", "variation", i) for i in range(1, 5)),
        *((name, "reroll", "reroll", None) for name in ("R", "Reroll", "🔄")),
    ],
)
def test_a_task_without_buttons_can_still_be_changed(wanted, label, kind, index):
    made = synthesise_button(wanted)
    assert (made.label, made.kind, made.index, made.custom_id) == (label, kind, index, None)


@pytest.mark.parametrize("label", ["Upscale (Subtle)", "Custom Zoom", "⬅️", "U9"])
def test_only_changes_can_be_made_up(label):
    assert synthesise_button(label) is None


@pytest.mark.parametrize("label", WELL_KNOWN_LABELS)
def test_every_well_known_label_finds_a_button_and_has_its_action(label):
    found = find_button(SHOWN, label)
    assert found is not None
    assert actions_of_label(label)[0] == actions_of_label(label.lower())[0] == action_of(found.kind) != "ACTION"
    assert opens_window(label) == found.opens_modal


@pytest.mark.parametrize(
    ("label", "actions"),
    [
        *(("U1", "UPSCALE"), ("V4", "VARIATION"), ("Upscale (Subtle)", "UPSCALE"), ("Vary (Region)", "INPAINT")),
        *(("Custom Zoom", "ZOOM"), ("➡", "PAN"), ("Animate (Low motion)", "VIDEO"), ("3️⃣", "IMAGINE")),
        *(("R", "REROLL DESCRIBE"), ("🔄", "REROLL DESCRIBE")),  # below a grid, or below a description
        *(("放大", ""), ("U5", ""), ("", ""), ("MJ::Job::Brand::1", "")),
    ],
)
def test_what_a_click_can_open_is_known_beforehand(label, actions):
    assert actions_of_label(label) == tuple(actions.split())


def test_a_u1_of_an_unknown_grammar_is_a_u1_all_the_same():
    button = parse_button({"label": "U1", "customId": "upsample_1_abc"})
    assert (button.kind, button.index, button.custom_id) == ("upsample", 1, "upsample_1_abc")


def test_a_task_that_shows_every_well_known_button_has_each_by_its_label():
    buttons = well_known_buttons()
    assert [button.label for button in buttons] == list(WELL_KNOWN_LABELS)
    for button in buttons:
        assert find_button(buttons, button.label) == button
        assert action_of(button.kind) in actions_of_label(button.label)
        assert button.opens_modal is opens_window(button.label)
