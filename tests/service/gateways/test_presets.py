"""Gateways differ in a table; a URL may be pasted as it is found in a gateway's manual."""

import pytest

from service.gateways.actions import Mode
from service.gateways.presets import PRESETS, Auth, Gateway, clean_gateway_url


@pytest.mark.parametrize(
    ("auth", "headers"),
    [
        ("raw", {"Authorization": "sk-{1}"}),
        ("bearer", {"Authorization": "Bearer sk-{1}"}),
        ("mj-api-secret", {"mj-api-secret": "sk-{1}"}),
        ("both", {"Authorization": "Bearer sk-{1}", "mj-api-secret": "sk-{1}"}),
    ],
)
def test_a_key_travels_in_the_gateways_own_header(auth: Auth, headers: dict[str, str]) -> None:
    assert Gateway(name="x", url="https://x", key="sk-{1}", auth=auth).headers() == headers


def test_a_gateway_does_not_print_its_key() -> None:
    assert "sk-1" not in repr(Gateway(name="x", url="https://x", key="sk-1", auth="raw"))


def test_the_presets_are_as_their_manuals_say() -> None:
    assert {preset.name: (preset.url, preset.auth) for preset in PRESETS.values()} == {
        "fuhuapi": ("https://api.fuhuapi.com", "raw"),
        "deerapi": ("https://api.deerapi.com", "raw"),
        "kuaiwenwen": (None, "bearer"),
        "midjourney-proxy": (None, "mj-api-secret"),
        "new-api": (None, "bearer"),
    }
    assert list(PRESETS) == [preset.name for preset in PRESETS.values()]


@pytest.mark.parametrize(
    ("pasted", "url"),
    [
        ("https://api.fuhuapi.com", "https://api.fuhuapi.com"),
        ("https://api.fuhuapi.com/", "https://api.fuhuapi.com"),
        ("https://api.fuhuapi.com/mj", "https://api.fuhuapi.com"),
        ("https://api.fuhuapi.com/mj/", "https://api.fuhuapi.com"),
        ("https://api.fuhuapi.com/mj/submit/imagine", "https://api.fuhuapi.com"),
        ("https://k.example/mj-fast", "https://k.example/mj-fast"),
        ("https://k.example/mj-relax/mj", "https://k.example/mj-relax"),
        ("https://k.example/fast/mj/submit/action", "https://k.example/fast"),
        ("http://mj/mj", "http://mj"),
        ("http://mj:8080/", "http://mj:8080"),
        ("http://10.0.0.2:8080/proxy/mj/", "http://10.0.0.2:8080/proxy"),
    ],
)
def test_everything_from_mj_on_is_ours(pasted: str, url: str) -> None:
    assert clean_gateway_url(pasted) == url


@pytest.mark.parametrize(
    ("url", "mode", "address"),
    [
        ("https://k.example", None, "https://k.example/mj/x"),
        ("https://k.example", "relax", "https://k.example/mj-relax/mj/x"),
        ("https://k.example/proxy", "fast", "https://k.example/proxy/mj-fast/mj/x"),
        ("https://k.example/mj-fast", None, "https://k.example/mj-fast/mj/x"),
        ("https://k.example/mj-fast", "relax", "https://k.example/mj-relax/mj/x"),
        ("https://k.example/fast", "turbo", "https://k.example/turbo/mj/x"),
        ("http://fast", "relax", "http://fast/mj-relax/mj/x"),
    ],
)
def test_a_mode_takes_the_place_of_the_one_in_the_url(url: str, mode: Mode | None, address: str) -> None:
    assert Gateway(name="k", url=url, key="k", auth="bearer").address("/x", mode) == address
