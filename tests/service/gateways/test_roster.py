"""`gateways:` and `groups:` of the configuration file."""

from textwrap import dedent, indent

import pytest

from service.gateways.presets import Gateway
from service.gateways.roster import read_gateways, read_groups
from service.written.document import Document


def gateways_of(text: str, **environ: str) -> tuple[tuple[Gateway, ...], list[str]]:
    document = Document(f"gateways:\n{indent(dedent(text), '  ')}".encode(), file="ringback.yaml", environ=environ)
    assert document.root is not None
    gateways = read_gateways(document.root.mapping(["gateways"])["gateways"])
    return gateways, [str(mistake) for mistake in document.source.mistakes]


def groups_of(text: str) -> tuple[dict[str, tuple[str, ...]], list[str]]:
    document = Document(text.encode(), file="ringback.yaml", environ={})
    assert document.root is not None
    groups = read_groups(document.root, frozenset({"main", "spare"}))
    return groups, [str(mistake) for mistake in document.source.mistakes]


def test_a_gateway_may_say_everything_about_itself() -> None:
    (gateway,), mistakes = gateways_of(
        """
        - name: 快稳稳
          preset: kuaiwenwen
          url: https://kuai.example/mj-fast/mj/submit/imagine
          key: ${KUAI}
          auth: both
          mode: relax
          mode_style: filter
          limits: {in_flight: 3, per_minute: 20}
          prices: {IMAGINE: 0.3, IMAGINE fast: 0.6, UPSCALE: 0}
        """,
        KUAI="sk-of-kuai-0123456789",
    )
    assert mistakes == []
    assert gateway == Gateway(
        name="快稳稳",
        url="https://kuai.example/mj-fast",
        key="sk-of-kuai-0123456789",
        auth="both",
        mode="relax",
        mode_style="filter",
        in_flight=3,
        per_minute=20,
        prices={"IMAGINE": 0.3, "IMAGINE fast": 0.6, "UPSCALE": 0.0},
    )


def test_a_preset_fills_in_what_is_left_out() -> None:
    (gateway,), _ = gateways_of("[{name: fuhu, preset: fuhuapi, key: sk-0123456789}]")
    assert (gateway.url, gateway.auth, gateway.in_flight) == ("https://api.fuhuapi.com", "raw", None)


@pytest.mark.parametrize(
    ("text", "mistake"),
    [
        ("[{name: a, preset: fuhuapy, key: k12345678}]", "2:22: there is no 'fuhuapy' (did you mean 'fuhuapi'?)"),
        ("[{name: a, preset: kuaiwenwen, key: k12345678}]", "kuaiwenwen has no host of its own; give its url"),
        ("[{name: a, preset: fuhuapi}]", "'key' is missing"),
        ("[{name: a, preset: fuhuapi, key: 12345678}]", "put the key in quotes"),
        ("[{name: a, preset: fuhuapi, key: 'with blank'}]", "a key is made of plain ASCII characters"),
        ("[{name: a, preset: fuhuapi, key: '${GONE}'}]", "${GONE} is not set in the environment"),
        ("[{name: ' a', preset: fuhuapi, key: k12345678}]", "a name has 1 to 64 printable characters"),
        ("[{name: a, preset: fuhuapi, key: k12345678, url: 'ftp://x'}]", "2:52: a URL begins with https"),
        ("[{name: a, preset: fuhuapi, key: k12345678, mode: fasst}]", "there is no 'fasst' (did you mean 'fast'?)"),
        ("[{name: a, preset: fuhuapi, key: k12345678, limits: {in_flight: 0}}]", "a whole number from 1 to"),
        ("[{name: a, preset: fuhuapi, key: k12345678, limit: {}}]", "unknown key 'limit' (did you mean 'limits'?)"),
        ("[{name: a, preset: fuhuapi, key: k12345678, prices: {IMAGIN: 1}}]", "there is no action 'IMAGIN'"),
        ("[{name: a, preset: fuhuapi, key: k12345678, prices: {IMAGINE slow: 1}}]", "there is no mode 'slow'"),
        ("[{name: a, preset: fuhuapi, key: k12345678, prices: {IMAGINE: -1}}]", "expected a price, 0 or more"),
        ("[{name: a, preset: fuhuapi, key: k12345678, prices: {IMAGINE: .inf}}]", "expected a price, 0 or more"),
        (
            "[{name: a, preset: fuhuapi, key: k12345678}, {name: a, preset: deerapi, key: k12345678}]",
            "there is a gateway 'a' already",
        ),
        ("{name: a}", "expected a list, found a mapping"),
    ],
)
def test_what_is_wrong_with_a_gateway_is_said_in_its_place(text: str, mistake: str) -> None:
    _, mistakes = gateways_of(text)
    assert len(mistakes) == 1
    assert mistake in mistakes[0]


def test_a_key_is_never_quoted() -> None:
    _, mistakes = gateways_of("[{name: a, preset: fuhuapi, key: 'sécrèt-0123456789'}]")
    assert mistakes
    assert "crèt" not in "".join(mistakes)


def test_a_group_names_gateways_in_the_order_in_which_they_are_tried() -> None:
    assert groups_of("any: [spare, main]") == ({"any": ("spare", "main")}, [])


@pytest.mark.parametrize(
    ("text", "mistake"),
    [
        ("any: [main, spar]", "there is no gateway 'spar' (did you mean 'spare'?)"),
        ("any: [main, main]", "'main' is in it already"),
        ("main: [spare]", "'main' is a gateway; give the group another name"),
        ("any: []", "a group needs a gateway"),
        ("any: main", "expected a list"),
    ],
)
def test_what_is_wrong_with_a_group_is_said_in_its_place(text: str, mistake: str) -> None:
    _, mistakes = groups_of(text)
    assert len(mistakes) == 1
    assert mistake in mistakes[0]


def test_a_group_without_a_name_is_a_mistake() -> None:
    _, mistakes = groups_of('"": [main]')
    assert mistakes == ["ringback.yaml:1:1: a group needs a name"]
