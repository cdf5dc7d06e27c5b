"""`subscriptions:` of the file: what is read, every mistake in its place, and no secret in any."""

from textwrap import dedent

import pytest

from hooks.recipient import Recipient
from hooks.signature import make_secret
from service.config import Config, ConfigError, parse_config
from service.subscriptions.written import WrittenSubscription
from service.written.environment import Concealed

SECRET = make_secret()
ENVIRON = {"TOKEN": "t0ken-in-path", "PASS": "p4ss", "SIGNING": SECRET, "WEAK": "whsec_c2hvcnQ="}
LEAST = "id: a, url: 'https://shop.example/x', events: task.succeeded"


def read(text):
    return parse_config(f"subscriptions: {text}".encode(), file="f", environ=ENVIRON).subscriptions


def complaints(text, environ=ENVIRON):
    with pytest.raises(ConfigError) as caught:
        parse_config(dedent(text).encode(), file="f", environ=environ)
    told = [str(mistake) for mistake in caught.value.mistakes]
    assert not any(value in line for value in ENVIRON.values() for line in told)
    return told


def test_a_subscription_is_read_whole():
    (one,) = read(
        "[{id: shop-1, url: 'https://shop.example/in/${TOKEN}', events: [task.*, chain.settled, task.*],"
        " match: {action: [UPSCALE], params.v: {gte: 6}}, format: cloudevents, ordered: false, rate: 2.5,"
        " concurrency: 8, headers: {Authorization: 'Bearer ${PASS}'}, secret: '${SIGNING}'}]"
    )
    assert one == WrittenSubscription(
        id="shop-1",
        recipient=Recipient(url="https://shop.example/in/t0ken-in-path", headers={"Authorization": "Bearer p4ss"}),
        host="shop.example:443",
        events=("task.*", "chain.settled"),
        match={"action": ["UPSCALE"], "params.v": {"gte": 6}},
        format="cloudevents",
        ordered=False,
        rate=2.5,
        concurrency=8,
        secret=SECRET,
    )
    assert not any(value in repr(one) for value in ENVIRON.values())


def test_three_lines_are_enough():
    (one,) = read(f"[{{{LEAST}}}]")
    assert (one.events, one.match, one.format, one.ordered, one.rate, one.concurrency, one.secret) == (
        ("task.succeeded",), None, "standard", True, None, 4, None,
    )  # fmt: skip
    assert read("[]") == Config().subscriptions == ()


def test_every_mistake_is_reported_at_once_with_its_place():
    assert complaints("""\
        subscriptions:
          - id: Shop
            url: ftp://shop.example/x
            events: [task.suceeded, "job.*"]
            match: {promt: cat}
            format: cloudevent
            ordered: maybe
            rate: 0
            concurrency: 17
            headers: {Host: x, "Ünder": y, X-Count: 1}
            secret: whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA
            colour: red
          - {id: b}
          - id: b
            url: https://a:b@shop.example/
            events: []
        """) == [
        "f:2:9: an id is made of a-z, 0-9 and '-', at most 64 of them, found 'Shop'",
        "f:3:10: only a URL that begins with https:// or http:// and a host is called",
        "f:4:14: there is no event 'task.suceeded' (did you mean 'task.succeeded'?)",
        "f:4:29: there is no event 'job.*'",
        "f:5:13: a task has no field 'promt' (did you mean 'prompt'?)",
        "f:6:13: there is no format 'cloudevent' (did you mean 'cloudevents'?)",
        "f:7:14: expected true or false, found 'maybe'",
        "f:8:11: expected deliveries per second, 0.0003 (one in an hour) to 1000, found the number 0",
        "f:9:18: expected a whole number from 1 to 16, found the number 17",
        "f:10:15: Host is set by each delivery itself, and cannot be given",
        "f:10:24: 'Ünder' is not a header's name: letters, digits and hyphens, no blanks",
        "f:10:45: expected text, found the number 1",
        "f:11:13: a secret does not belong into a file that others read; write ${NAME}, and keep it in .env",
        "f:12:5: unknown key 'colour'",
        "f:13:5: 'url' is missing",
        "f:13:5: 'events' is missing",
        "f:14:9: there is a subscription 'b' already, on line 13",
        "f:15:10: a URL with a user name or a password in it is not called",
        "f:16:13: the list is empty",
    ]  # fmt: skip


def test_the_word_for_the_services_own_secret_is_no_id():
    (told,) = complaints("subscriptions: [{id: secret, url: 'https://a.example', events: '*'}]")
    assert "stands for the service's own secret" in told


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ("secret: '${WEAK}'", "what '${WEAK}' stands for is no secret: a secret has 24 to 64 bytes, and this one 5"),
        ("secret: '${PASS}'", "what '${PASS}' stands for is no secret: a secret begins with whsec_"),
        ("secret: '${NONE}'", "${NONE} is not set in the environment"),
        ("secret: 'whsec_${PASS}'", "a secret does not belong into a file that others read"),
        (
            "headers: {X: '${RINGBACK_API_KEYS}'}",
            "${RINGBACK_API_KEYS}: names that start with RINGBACK_ are Ringback's",
        ),
        ("headers: {X-A: x, x-a: y}", "x-a is there twice, spelled differently"),
        ("headers: {X-A: ''}", "X-A has a value that no header can have"),
        ("match: {state: '${PASS}'}", "what passes is no secret, so nothing is filled in here"),
        ("match: {any: [{state: {in: ['${NONE}']}}]}", "what passes is no secret, so nothing is filled in here"),
        ("match: {chain.lost: 0}", "'chain.lost' is known when a whole chain has ended, on chain.settled alone"),
        ("format: gateway, events: chain.settled", "gateways tell of tasks alone"),
        ("match: cats", "expected a mapping"),
    ],
)
def test_what_can_never_be_is_a_mistake(more, told):
    least = LEAST.partition(", events")[0] if "events:" in more else LEAST
    (line,) = complaints(f"subscriptions: [{{{least}, {more}}}]")
    assert told in line


@pytest.mark.parametrize("url", ["${PASS}", "ftp://${TOKEN}/", "https://u:${PASS}@shop.example/"])
def test_a_url_that_is_none_is_told_without_what_was_filled_in(url):
    (line,) = complaints(f"subscriptions: [{{id: a, events: '*', url: '{url}'}}]")
    assert line.startswith(f"f:1:43: '{url}' stands for what is never called: ")


def test_a_match_on_the_chain_goes_with_the_event_that_knows_it():
    (one,) = read(f"[{{{LEAST.replace('task.succeeded', 'chain.*')}, match: {{chain.lost: 0}}}}]")
    assert one.match == {"chain.lost": 0}


def test_too_many_are_refused():
    many = ", ".join(f"{{id: a{number}, url: 'https://a.example', events: '*'}}" for number in range(501))
    (told,) = complaints(f"subscriptions: [{many}]")
    assert told.endswith("there may be at most 500 subscriptions")


def test_a_file_that_somebody_sends_may_name_secrets_that_are_not_told_it():
    text = (
        "subscriptions: [{id: a, url: 'https://${HOST}/${X}', events: '*', headers: {A: 'Bearer ${Y}'},"
        " secret: '${Z}'}]"
    )
    (one,) = parse_config(text.encode(), file="f", environ=Concealed()).subscriptions
    assert one.secret is None
