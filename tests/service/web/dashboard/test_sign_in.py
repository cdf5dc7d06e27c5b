"""Who is not signed in sees the sign-in and nothing else; a form of another site changes nothing."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest
from itsdangerous import URLSafeSerializer

from service.web.auth import KeyRing
from service.web.dashboard.sessions import LIFETIME, Session, Sessions

PAGES = ("/", "/overview", "/rules", "/subscriptions", "/gateways", "/new", "/tasks/1", "/nowhere")


def test_a_stranger_is_sent_to_the_sign_in_and_then_where_he_wanted_to_go(ringback: Any, open_browser: Any) -> None:
    browser = open_browser(ringback)
    for path in PAGES:
        answer = browser.http.get(path, follow_redirects=False)
        assert answer.status_code == 303, path
        assert answer.headers["location"].startswith("/sign-in"), path
    answer = browser.sign_in(next="/gateways?x=1")
    assert [str(each.headers["location"]) for each in answer.history] == ["/gateways?x=1"]
    assert browser.http.get("/nowhere").status_code == 404


def test_a_wrong_key_opens_nothing_and_is_not_shown_again(ringback: Any, open_browser: Any) -> None:
    browser = open_browser(ringback)
    answer = browser.http.post("/sign-in", data={"key": "wrong-0123456789abcdef"})
    assert answer.status_code == 403
    assert "not known here" in answer.text
    assert "wrong-0123456789abcdef" not in answer.text
    assert not browser.http.cookies


def test_the_cookie_is_for_this_site_alone_and_out_of_reach_of_scripts(ringback: Any, open_browser: Any) -> None:
    browser = open_browser(ringback)
    answer = browser.http.post("/sign-in", data={"key": browser._key}, follow_redirects=False)
    said = answer.headers["set-cookie"].lower()
    assert "httponly" in said
    assert "samesite=lax" in said
    assert f"max-age={LIFETIME}" in said
    assert browser._key not in said


@pytest.mark.parametrize(
    "onward", ["//evil.example", "https://evil.example", "/\\evil.example", "javascript:x", "/a\nb"]
)
def test_signing_in_leads_to_no_other_site(ringback: Any, open_browser: Any, onward: str) -> None:
    browser = open_browser(ringback)
    answer = browser.http.post("/sign-in", data={"key": browser._key, "next": onward}, follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (303, "/")


def test_after_signing_out_the_cookie_opens_nothing_wherever_it_was_kept(browser: Any) -> None:
    kept = dict(browser.http.cookies)
    assert browser.do("/sign-out").url.path == "/sign-in"
    answer = httpx.get(f"{browser.url}/", cookies=kept, trust_env=False, verify=False)
    assert answer.status_code == 303


def test_a_form_needs_the_token_of_its_own_session(ringback: Any, browser: Any, open_browser: Any) -> None:
    other = open_browser(ringback)
    other.sign_in()
    for token in ("", "x", "é", other.find_token()):
        answer = browser.http.post("/sign-out", data={"_csrf": token})
        assert answer.status_code == 403
        assert "load the page again" in answer.text
    assert browser.see("/").status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
def test_a_form_of_another_site_is_refused(browser: Any, headers: dict[str, str]) -> None:
    token = browser.find_token()
    for path in ("/sign-out", "/sign-in", "/language"):
        answer = browser.http.post(path, data={"_csrf": token, "key": browser._key}, headers=headers)
        assert answer.status_code == 403, path
    assert browser.see("/").status_code == 200


def test_no_page_loads_or_is_framed_by_anything_from_elsewhere(browser: Any) -> None:
    for path in ("/", "/sign-in", "/nowhere", "/static/ringback.css"):
        headers = browser.http.get(path).headers
        assert "default-src 'none'" in headers["content-security-policy"], path
        assert "unsafe" not in headers["content-security-policy"], path
        assert headers["x-content-type-options"] == "nosniff", path
    assert browser.see("/").headers["cache-control"] == "no-store"


def test_pages_speak_what_the_browser_wishes_or_what_was_chosen(ringback: Any, open_browser: Any) -> None:
    browser = open_browser(ringback)
    assert "API 密钥" in browser.http.get("/sign-in", headers={"Accept-Language": "zh-CN,zh;q=0.9"}).text
    assert "API key" in browser.http.get("/sign-in", headers={"Accept-Language": "fr"}).text
    assert "API 密钥" in browser.http.post("/language", data={"language": "zh", "next": "/sign-in"}).text


def make_sessions(keys: tuple[str, ...] = ("an-api-key-0123456789",), now: Callable[[], float] = lambda: 1e9) -> Any:
    class Nobody:
        async def read(self, *_: Any) -> bool:
            return False

    return Sessions(Nobody(), KeyRing(keys), ["old-secret", "new-secret"], clock=now)  # type: ignore[arg-type]


class Cookies:
    def __init__(self, value: Any) -> None:
        self.cookies = {"ringback": value}


def test_a_session_ends_with_its_time_and_with_its_key(run: Any) -> None:
    async def scenario() -> None:
        sessions = make_sessions()
        session = sessions.begin("an-api-key-0123456789")
        value = sessions._cookies.dumps({"id": session.id, "client": session.client, "expires": session.expires})
        assert await sessions.read(Cookies(value)) == session
        assert await make_sessions(("another-key-0123456789",)).read(Cookies(value)) is None
        assert await make_sessions(now=lambda: 1e9 + LIFETIME).read(Cookies(value)) is None
        assert await make_sessions(now=lambda: 1e9 - 7200).read(Cookies(value)) is None
        assert await sessions.read(Cookies(value[:-1])) is None
        foreign = URLSafeSerializer("new-secret", salt="another").dumps(
            {"id": "a", "client": session.client, "expires": 2}
        )
        assert await sessions.read(Cookies(foreign)) is None

    run(scenario())


def test_a_session_of_another_shape_is_none(run: Any) -> None:
    async def scenario() -> None:
        sessions = make_sessions()
        for said in ([], {}, {"id": 1}, "x", {"id": "a", "client": "b", "expires": "c"}):
            assert await sessions.read(Cookies(sessions._cookies.dumps(said))) is None
        assert sessions.begin("no key of ours") is None
        assert isinstance(sessions.begin("an-api-key-0123456789"), Session)

    run(scenario())
