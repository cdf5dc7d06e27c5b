"""Deliveries, verified by the library that receivers use in node. One process reads them all."""

import json
import subprocess
import time
from base64 import b64encode
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from standardwebhooks import Webhook

from hooks.envelope import write_letter
from hooks.signature import LONGEST, SHORTEST, make_secret, sign
from storage.records import Event
from storage.records_of_deliveries import Format
from tests.events import events

VERIFY = Path(__file__).with_name("verify.js")
SECRETS = st.binary(min_size=SHORTEST, max_size=LONGEST).map(lambda secret: "whsec_" + b64encode(secret).decode())
FORMATS: tuple[Format, ...] = ("standard", "cloudevents", "cloudevents-binary")


@pytest.fixture(scope="module")
def verify(node_modules: Path) -> Any:
    """Asks node about many letters at once."""

    def ask(letters: list[dict[str, Any]]) -> list[dict[str, Any]]:
        lines = "".join(f"{json.dumps(letter)}\n" for letter in letters)
        done = subprocess.run(
            ["node", str(VERIFY)], input=lines, capture_output=True, check=True, timeout=60, encoding="utf-8"
        )
        return [json.loads(line, parse_int=float) for line in done.stdout.split("\n")[:-1]]

    return ask


def test_node_verifies_every_event_with_every_secret_while_one_is_replaced(verify: Any) -> None:
    letters: list[dict[str, Any]] = []
    now = int(time.time())

    @settings(suppress_health_check=[HealthCheck.too_slow])
    @given(events(), st.sampled_from(FORMATS), st.lists(SECRETS, min_size=1, max_size=3, unique=True))
    def write(event: Event, form: Format, secrets: list[str]) -> None:
        letter = write_letter(event, form, source="https://ringback.example")
        headers = letter.headers | sign(secrets, letter.id, now, letter.body)
        for secret in secrets:
            letters.append({"secret": secret, "headers": headers, "body": letter.body.decode()})

    write()
    verdicts = verify(letters)
    assert len(verdicts) == len(letters) > 50
    for letter, verdict in zip(letters, verdicts, strict=True):
        read = Webhook(letter["secret"]).verify(letter["body"], letter["headers"])
        assert verdict.get("data") == json.loads(json.dumps(read), parse_int=float), "JavaScript knows no other number"


def test_node_refuses_what_is_not_ours(verify: Any) -> None:
    secret, now, body = make_secret(), int(time.time()), '{"a":"一只猫"}'
    headers = sign([secret], "evt_1", now, body.encode())
    late = sign([secret], "evt_1", now - 3600, body.encode())
    good, *bad = verify(
        [
            {"secret": secret, "headers": headers, "body": body},
            {"secret": make_secret(), "headers": headers, "body": body},
            {"secret": secret, "headers": headers, "body": body + " "},
            {"secret": secret, "headers": headers | {"webhook-id": "evt_2"}, "body": body},
            {"secret": secret, "headers": late, "body": body},
        ]
    )
    assert good == {"data": {"a": "一只猫"}}
    assert all("error" in verdict for verdict in bad)
