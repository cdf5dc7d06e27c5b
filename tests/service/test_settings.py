"""The environment and `.env` become settings; every mistake has its place, and no key is ever shown."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hooks.targets import AllowList, parse_allow_list
from service.gateways.presets import Gateway
from service.settings import Settings, SettingsError, load_settings, read_settings
from service.written.environment import Environment

KEY = "rb_0123456789abcdef"


def load(tmp_path: Path, dotenv: str | None = None, **environ: str) -> Settings:
    if dotenv is not None:
        (tmp_path / ".env").write_text(dotenv, encoding="utf-8")
    return load_settings(environ, tmp_path)


def complaints(tmp_path: Path, dotenv: str | None = None, **environ: str) -> list[str]:
    with pytest.raises(SettingsError) as caught:
        load(tmp_path, dotenv, **environ)
    return [str(mistake) for mistake in caught.value.mistakes]


def test_nothing_configured_is_the_defaults(tmp_path: Path) -> None:
    settings = load(tmp_path)
    assert settings == Settings(
        gateway=None,
        public_url=None,
        database=tmp_path / "ringback.db",
        downloads=tmp_path / "downloads",
        secret_keys=(),
        api_keys=(),
        config=tmp_path / "ringback.yaml",
        config_named=False,
        silent_after=30.0,
        lost_after=7200.0,
        allow_targets=AllowList(),
        host="127.0.0.1",
        port=8000,
        log="info",
        url="http://127.0.0.1:8000",
        api_key=None,
        environ={},
    )


def test_three_variables_are_all_that_a_real_gateway_needs(tmp_path: Path) -> None:
    settings = load(
        tmp_path,
        RINGBACK_GATEWAY="fuhuapi",
        RINGBACK_GATEWAY_KEY="sk-1",
        RINGBACK_PUBLIC_URL="https://ringback.example/here/",
    )
    gateway = Gateway(name="fuhuapi", url="https://api.fuhuapi.com", key="sk-1", auth="raw")
    assert settings.require_gateway() == gateway
    assert settings.public_url == "https://ringback.example/here"


def test_everything_can_be_set(tmp_path: Path) -> None:
    settings = load(
        tmp_path,
        RINGBACK_GATEWAY="midjourney-proxy",
        RINGBACK_GATEWAY_URL="http://10.0.0.2:8080/mj/",
        RINGBACK_GATEWAY_KEY="secret",
        RINGBACK_DATABASE="data/ledger.db",
        RINGBACK_SECRET_KEYS="old-0123456789abcdef, new-0123456789abcdef",
        RINGBACK_API_KEYS=f"{KEY},{KEY}2",
        RINGBACK_CONFIG="/etc/ringback.yaml",
        RINGBACK_SILENT_AFTER="0.05",
        RINGBACK_LOST_AFTER="60",
        RINGBACK_LOG="DEBUG",
        RINGBACK_URL="https://r.example/",
        RINGBACK_API_KEY=KEY,
        HOST="0.0.0.0",
        PORT="0",
    )
    assert settings.require_gateway().url == "http://10.0.0.2:8080"
    assert settings.database == tmp_path / "data/ledger.db"
    assert settings.downloads == tmp_path / "data/downloads", "it lies beside the ledger"
    assert settings.secret_keys == ("old-0123456789abcdef", "new-0123456789abcdef")
    assert settings.api_keys == (KEY, f"{KEY}2")
    assert (settings.config, settings.config_named) == (Path("/etc/ringback.yaml"), True)
    assert (settings.silent_after, settings.lost_after) == (0.05, 60.0)
    assert (settings.host, settings.port, settings.log) == ("0.0.0.0", 0, "debug")
    assert (settings.url, settings.api_key) == ("https://r.example", KEY)


@pytest.mark.parametrize(
    ("host", "url"),
    [("0.0.0.0", "http://127.0.0.1:9000"), ("::", "http://[::1]:9000"), ("box", "http://box:9000")],
)
def test_the_command_line_calls_an_address_that_can_be_called(tmp_path: Path, host: str, url: str) -> None:
    assert load(tmp_path, HOST=host, PORT="9000").url == url


def test_the_environment_wins_over_the_file(tmp_path: Path) -> None:
    settings = load(tmp_path, "PORT=1\nRINGBACK_LOG=error\nSLACK_URL=https://s\n", PORT="2", RINGBACK_LOG="")
    assert settings.port == 2
    assert settings.log == "info"
    assert settings.environ["SLACK_URL"] == "https://s"


def test_every_mistake_of_the_file_has_its_place(tmp_path: Path) -> None:
    dotenv = (
        "# a comment\n"
        "RINGBACK_PUBLIC_ULR=https://r.example\n"
        "\n"
        "  RINGBACK_GATEWAY=fuhu\n"
        "\n\n"
        "export RINGBACK_LOG=loud\n"
        "RINGBACK_SILENT_AFTER='-1'\n"
        "RINGBACK_GATEWAY_KEY=sk-1\n"
        "just words with sk-secret\n"
    )
    found = complaints(tmp_path, dotenv, PORT="70000", RINGBACK_GATEWAY_URL="ftp://x", RINGBACK_COLOUR="red")
    assert found == [
        ".env:2:1: RINGBACK_PUBLIC_ULR: there is no such setting (did you mean 'RINGBACK_PUBLIC_URL'?)",
        ".env:4:3: RINGBACK_GATEWAY: there is no preset 'fuhu' (did you mean 'fuhuapi'?)",
        ".env:7:1: RINGBACK_LOG: there is no log level 'loud' (known: debug, info, warning, error)",
        ".env:8:1: RINGBACK_SILENT_AFTER: expected a number of seconds above 0, found '-1'",
        ".env:10:1: expected NAME=value, and there is no '='",
        "environment: RINGBACK_COLOUR: there is no such setting",
        "environment: PORT: expected a port from 0 to 65535, found '70000'",
        "environment: RINGBACK_GATEWAY_URL: a URL begins with https:// or http:// and a host",
    ]


@pytest.mark.parametrize(
    ("environ", "mistake"),
    [
        ({"RINGBACK_API_KEYS": "sk-short"}, "key 1 of 1 is shorter than 16 characters"),
        ({"RINGBACK_API_KEYS": f"{KEY},sk-short,sk-tiny"}, "key 2, 3 of 3 is shorter than 16 characters"),
        ({"RINGBACK_API_KEYS": f"sk-{KEY} {KEY}"}, "a key is made of plain ASCII characters without blanks"),
        ({"RINGBACK_API_KEYS": " , "}, "there is no key between the commas"),
        ({"RINGBACK_SECRET_KEYS": "sk-密钥"}, "a key is made of plain ASCII characters without blanks"),
        ({"RINGBACK_GATEWAY_KEY": "sk-\nx"}, "a key is made of plain ASCII characters without blanks"),
        ({"RINGBACK_PUBLIC_URL": "https://sk-u:sk-p@r.example"}, "a URL may not hold a user name or a password"),
    ],
)
def test_a_refused_key_is_never_shown(tmp_path: Path, environ: dict[str, str], mistake: str) -> None:
    (found,) = complaints(tmp_path, **environ)
    assert found == f"environment: {next(iter(environ))}: {mistake}"
    assert "sk-" not in found


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        (
            {"RINGBACK_GATEWAY": "deerapi"},
            ["RINGBACK_GATEWAY: deerapi needs RINGBACK_GATEWAY_KEY, which is not set"],
        ),
        (
            {"RINGBACK_GATEWAY": "dearapi"},
            [
                "RINGBACK_GATEWAY: there is no preset 'dearapi' (did you mean 'deerapi'?)",
                "RINGBACK_GATEWAY: it needs RINGBACK_GATEWAY_KEY, which is not set",
            ],
        ),
        (
            {"RINGBACK_ALLOW_TARGETS": "10.0.0.1/8,n8n:5678"},
            [
                "RINGBACK_ALLOW_TARGETS: '10.0.0.1/8' begins in the middle of a range: write 10.0.0.0/8 for the range,"
                " or one address; 'n8n:5678' has a port"
            ],
        ),
        (
            {"RINGBACK_GATEWAY": "kuaiwenwen", "RINGBACK_GATEWAY_KEY": "sk-1"},
            ["RINGBACK_GATEWAY: kuaiwenwen has no host of its own; set RINGBACK_GATEWAY_URL to yours"],
        ),
        ({"RINGBACK_PUBLIC_URL": "https://r.example/" + "x" * 1700}, ["RINGBACK_PUBLIC_URL: longer than 1700"]),
        ({"RINGBACK_PUBLIC_URL": "https://r.example/?a=1"}, ["RINGBACK_PUBLIC_URL: a URL may hold a path, but"]),
        ({"RINGBACK_LOST_AFTER": "0"}, ["RINGBACK_LOST_AFTER: expected a number of seconds above 0, found '0'"]),
        ({"RINGBACK_LOST_AFTER": "nan"}, ["RINGBACK_LOST_AFTER: expected a number of seconds above 0, found"]),
        ({"RINGBACK_LOST_AFTER": "9" * 400}, ["RINGBACK_LOST_AFTER: expected a number of seconds above 0, found"]),
        ({"RINGBACK_DATABASE": "a\0b"}, ["RINGBACK_DATABASE: a path may not hold a NUL character"]),
        ({"RINGBACK_DATABASE": "~nobody-here-x/l.db"}, ["RINGBACK_DATABASE: nobody has that home directory"]),
        ({"HOST": "a b"}, ["HOST: expected a host name or an address, found 'a b'"]),
        ({"PORT": "８０"}, ["PORT: expected a port from 0 to 65535, found '８０'"]),
    ],
)
def test_what_cannot_be_used_says_why(tmp_path: Path, environ: dict[str, str], expected: list[str]) -> None:
    found = complaints(tmp_path, **environ)
    assert [each[: len("environment: ") + len(want)] for each, want in zip(found, expected, strict=True)] == [
        f"environment: {want}" for want in expected
    ]


def test_a_command_that_needs_a_gateway_names_what_to_set(tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as caught:
        load(tmp_path).require_gateway()
    for name in ("RINGBACK_GATEWAY", "RINGBACK_GATEWAY_KEY", "RINGBACK_PUBLIC_URL"):
        assert name in str(caught.value)


def test_a_file_that_cannot_be_read_is_a_mistake(tmp_path: Path) -> None:
    (tmp_path / ".env").mkdir()
    assert complaints(tmp_path) == [".env: cannot be read: Is a directory"]
    (tmp_path / ".env").rmdir()
    (tmp_path / ".env").write_bytes(b"PORT=1\nX=\xff\n")
    assert complaints(tmp_path) == [".env:2:1: this is not UTF-8"]


@pytest.mark.parametrize(
    ("dotenv", "says"),
    [
        ("PORT=1\n\nPORT=2\nPORT=3\n", [".env:3:1: PORT: it is set on line 1", ".env:4:1: PORT: it is set on line 1"]),
        ("OTHER=1\nOTHER=2\n", []),
        ("RINGBACK_LOG\n", [".env:1:1: expected NAME=value, and there is no '='"]),
        ("A='sk-1\n", [".env:1:1: expected NAME=value, and the quote that begins the value does not end"]),
        ('A="sk" x\n', [".env:1:1: expected NAME=value, and the quote that begins the value does not end"]),
    ],
)
def test_a_line_that_is_wrong_says_how(tmp_path: Path, dotenv: str, says: list[str]) -> None:
    (tmp_path / ".env").write_text(dotenv)
    found = complaints(tmp_path) if says else []
    assert [each[: len(want)] for each, want in zip(found, says, strict=True)] == says
    assert says or load_settings({}, tmp_path)


def test_settings_do_not_print_their_secrets(tmp_path: Path) -> None:
    settings = load(
        tmp_path,
        RINGBACK_GATEWAY="deerapi",
        RINGBACK_GATEWAY_KEY="sk-hidden",
        RINGBACK_API_KEYS="rb_hidden-and-long-enough",
        RINGBACK_SECRET_KEYS="hidden-too-0123456789",
        RINGBACK_API_KEY="rb_hidden-as-well",
        SLACK_URL="https://hidden",
    )
    assert "hidden" not in repr(settings)


@given(st.binary(max_size=200) | st.text("RINGBACK_PORT=\"'\\\n\r# x1,${}", max_size=80))
def test_no_file_raises_anything_but_its_mistakes(dotenv: bytes | str) -> None:
    data = dotenv.encode() if isinstance(dotenv, str) else dotenv
    try:
        read_settings(Environment({}, data), Path())
    except SettingsError as error:
        assert all(each.line is not None for each in error.mistakes)


def test_what_would_be_given_up_before_it_is_asked_about_is_a_mistake(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="RINGBACK_LOST_AFTER is 10 s, and it would give up before it asks"):
        load_settings({"RINGBACK_LOST_AFTER": "10"}, tmp_path)


def test_a_short_secret_key_is_a_mistake(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="RINGBACK_SECRET_KEYS: key 1 of 1 is shorter than 16 characters"):
        load_settings({"RINGBACK_SECRET_KEYS": "abc"}, tmp_path)


def test_private_addresses_may_be_called_where_they_are_named(tmp_path: Path) -> None:
    settings = load(tmp_path, RINGBACK_ALLOW_TARGETS="10.0.0.0/8, n8n")
    assert settings.allow_targets == parse_allow_list("10.0.0.0/8,n8n")
    (complaint,) = complaints(tmp_path, RINGBACK_ALLOW_TARGETS="10.0.0.1/8")
    assert complaint.startswith("environment: RINGBACK_ALLOW_TARGETS: ")
