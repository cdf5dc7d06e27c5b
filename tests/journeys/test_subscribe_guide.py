"""docs/subscribe.md: what it shows is what arrives, and every receiver on it takes what is genuine and nothing else."""

import json
import re
import shlex
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any, NamedTuple

import click
import pytest

from hooks.signature import make_secret, sign
from service.cli.main import main
from tests.journeys.conftest import Member, Stage
from tests.journeys.guide import (
    RECEIVERS,
    ROOT,
    check_by_hand,
    outline,
    prepare_inbox,
    read_blocks,
    read_calls,
    read_commands,
    run_receiver,
)
from tests.journeys.letterbox import Letterbox, Post
from tests.journeys.processes import Service

pytestmark = pytest.mark.journey
SHOP = "https://shop.example/ringback"
WAREHOUSE = "http://warehouse:8080/events"
SHOP_SECRET = make_secret()
MORE = """
  - {id: binary, url: "BOX/binary", events: chain.settled, format: cloudevents-binary}
  - {id: gateway, url: "BOX/gateway", events: task.succeeded, format: gateway}
"""
SIGNATURE = ("webhook-id", "webhook-timestamp", "webhook-signature")


class World(NamedTuple):
    """A service with the page's own subscriptions, and one order, made by the page's own call."""

    service: Service
    letters: Letterbox
    order: str  # the task's id
    secret: str  # the service's own

    @property
    def settled(self) -> Post:
        """The one signed call back."""
        return self.letters.await_post("/one-task", lambda letter: letter["data"]["task"]["id"] == self.order)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with ExitStack() as exits:
        letters = exits.enter_context(closing(Letterbox()))
        stage = Stage(tmp_path_factory.mktemp("guide"), exits)
        box = f"http://{letters.address}"
        file = read_blocks("yaml")[0].replace(SHOP, f"{box}/shop").replace(WAREHOUSE, f"{box}/structured")
        _, service = stage.gather(
            Member("home", {}),
            written=file + MORE.replace("BOX", box),
            RINGBACK_ALLOW_TARGETS="127.0.0.1",
            SHOP_TOKEN="a-token-0123456789",
            SHOP_SECRET=SHOP_SECRET,
        )
        path, order = read_calls()[0]
        made = service.http.post(path, json=order | {"webhook_url": f"{box}/one-task"})
        assert made.status_code == 202, made.text
        secret = service.http.get("/v1/webhook-secret").json()["secret"]
        yield World(service, letters, made.json()["id"], secret)
        for process in stage.processes:
            process.leave()


def resign(post: Post, secret: str, *, later: int = 0) -> Post:
    """The same, signed anew: by another secret, or at another time (seconds)."""
    moment = int(post.headers["webhook-timestamp"]) + later
    return post._replace(headers=post.headers | sign([secret], post.headers["webhook-id"], moment, post.body))


def list_forgeries(post: Post, secret: str) -> dict[str, Post]:
    """What no receiver may take."""
    bare = {name: value for name, value in post.headers.items() if name not in SIGNATURE}
    return {
        "one byte changed": post._replace(body=post.body.replace(b"fox", b"fux", 1)),
        "old": resign(post, secret, later=-600),
        "from the future": resign(post, secret, later=600),
        "another secret": resign(post, make_secret()),
        "another id": post._replace(headers=post.headers | {"webhook-id": "evt_0"}),
        "no signature": post._replace(headers=bare),
        "nonsense": post._replace(headers=post.headers | {"webhook-signature": "v1 ,, v2,%% x"}),
        "no time": post._replace(headers=post.headers | {"webhook-timestamp": "now"}),
    }


def check_receiver(takes: Callable[[Post], bool], genuine: Post, secret: str) -> None:
    assert takes(genuine)
    rotating = sign(
        [make_secret(), secret], genuine.headers["webhook-id"], int(genuine.headers["webhook-timestamp"]), genuine.body
    )
    assert takes(genuine._replace(headers=genuine.headers | rotating))
    assert [name for name, forged in list_forgeries(genuine, secret).items() if takes(forged)] == []


@pytest.mark.parametrize("language", RECEIVERS)
def test_a_receiver_of_the_page_takes_what_is_genuine_and_nothing_else(
    language: str, world: World, tmp_path: Path
) -> None:
    with run_receiver(RECEIVERS[language], tmp_path, world.secret) as receiver:
        check_receiver(receiver.takes, world.settled, world.secret)


def test_the_check_by_hand_takes_what_is_genuine_and_nothing_else(world: World, tmp_path: Path) -> None:
    genuine = world.settled
    forgeries = list_forgeries(genuine, world.secret)
    assert check_by_hand(genuine, tmp_path, world.secret)
    for name in ("one byte changed", "old", "from the future", "another secret"):
        assert not check_by_hand(forgeries[name], tmp_path, world.secret), name


def test_the_inbox_of_the_page_keeps_each_event_once(world: World, tmp_path: Path) -> None:
    genuine = world.settled
    with run_receiver(prepare_inbox, tmp_path, world.secret) as receiver:
        again = resign(genuine, world.secret, later=5)  # the next attempt: another time, and so another signature
        assert [receiver.takes(each) for each in (genuine, again, genuine)] == [True] * 3
        assert not receiver.takes(list_forgeries(genuine, world.secret)["another secret"])
    with closing(sqlite3.connect(tmp_path / "inbox.db")) as inbox:
        assert inbox.execute("SELECT id, body, done FROM inbox").fetchall() == [
            (genuine.headers["webhook-id"], genuine.body.decode(), 0)
        ]


def test_the_call_back_is_the_one_that_the_page_shows(world: World) -> None:
    shown, arrived = json.loads(read_blocks("json")[0]), world.settled
    assert outline(arrived.json) == outline(shown)
    check_headers(read_blocks("http")[0], arrived)
    assert (arrived.json["type"], arrived.json["data"]["task"]["state"]) == ("chain.settled", "order-1001")
    assert [each["action"] for each in arrived.json["data"]["chain"]["pictures"]] == ["IMAGINE", "UPSCALE"]
    assert len(world.letters.posts("/one-task")) == 1


def test_every_format_is_the_one_that_the_page_shows(world: World) -> None:
    settled = world.settled
    structured = world.letters.await_post("/structured", lambda letter: letter["type"] == "ringback.chain.settled")
    binary = world.letters.await_post("/binary", lambda letter: True)
    gateway = world.letters.await_post("/gateway", lambda letter: letter["id"] == world.order)
    shown, shown_row = (json.loads(block) for block in read_blocks("json")[1:])
    assert outline(structured.json | {"data": {}}) == outline(shown)
    assert structured.json["data"] == binary.json == settled.json["data"]
    assert outline(gateway.json) == outline(shown_row)
    check_headers(read_blocks("http")[1], binary)
    assert structured.headers["content-type"] == "application/cloudevents+json; charset=utf-8"
    assert gateway.headers["content-type"] == "application/json"
    for each in (structured, binary, gateway):
        assert each.headers.keys() >= set(SIGNATURE)


def check_headers(shown: str, arrived: Post) -> None:
    """What the page shows of a POST came; what does not depend on the event, just so."""
    headers = dict(re.findall(r"^([\w-]+): (.*)$", shown, re.MULTILINE))
    headers.pop("Host", None)
    assert arrived.headers.keys() >= {name.lower() for name in headers}
    for name in {"Content-Type", "User-Agent", "ce-specversion", "ce-type"} & headers.keys():
        assert arrived.headers[name.lower()] == headers[name]


def test_the_files_subscription_gets_what_it_asks_for_with_its_own_headers_and_secret(
    world: World, tmp_path: Path
) -> None:
    bought = world.service.submit("a hat", tags=["shop"], then=["U2"])
    upscaled = world.letters.await_post("/shop", lambda letter: letter["data"]["task"]["root_id"] == bought)
    assert (upscaled.json["type"], upscaled.json["data"]["task"]["button"]) == ("task.succeeded", "U2")
    assert upscaled.headers["authorization"] == "Bearer a-token-0123456789"
    assert check_by_hand(upscaled, tmp_path, SHOP_SECRET)


def test_the_pages_subscription_is_taken_and_tried(world: World) -> None:
    path, wanted = read_calls()[1]
    made = world.service.http.post(path, json=wanted | {"url": f"http://{world.letters.address}/made"})
    assert made.status_code == 201, made.text
    assert made.json()["secret"].startswith("whsec_")
    world.service.run("subscriptions", "test", made.json()["id"])
    assert world.letters.await_post("/made", lambda letter: letter["data"]["test"])


@pytest.mark.parametrize("line", read_commands())
def test_every_command_of_the_page_is_one(line: str) -> None:
    words = shlex.split(line)[1:]
    command: click.Command = main
    context = click.Context(main, info_name="ringback")
    while isinstance(command, click.Group):
        name = words.pop(0)
        found = command.get_command(context, name)
        assert found is not None, name
        command, context = found, click.Context(found, info_name=name, parent=context)
    command.parse_args(context, words)


def test_every_call_of_the_page_is_one(world: World) -> None:
    described = world.service.http.get("/openapi.json").json()["paths"]
    text = (ROOT / "docs" / "subscribe.md").read_text()
    for method, path in re.findall(r"`(GET|POST) (/v1/[^`?]*)`", text):
        assert method.lower() in described[re.sub(r"\b[A-Z]+\b", "{id}", path)], path
    for path, _ in read_calls():
        assert "post" in described[path]


@pytest.mark.parametrize("file", sorted((ROOT / "examples" / "n8n").glob("*.json")), ids=lambda file: file.name)
def test_a_flow_for_n8n_hangs_together(file: Path) -> None:
    flow = json.loads(file.read_text())
    nodes = {node["name"]: node for node in flow["nodes"]}
    assert len(nodes) == len({node["id"] for node in flow["nodes"]}) == len(flow["nodes"])
    assert all(node["type"].startswith("n8n-nodes-base.") and node["typeVersion"] for node in nodes.values())
    assert list_reached(flow, "Start") == set(nodes)
    expressions = re.findall(r'"=([^"]*)"', json.dumps(flow))
    assert [each for each in expressions if not 0 < each.count("{{") == each.count("}}")] == []


def test_the_flow_for_n8n_submits_sleeps_and_takes_the_pictures_of_the_call(world: World) -> None:
    flow = json.loads((ROOT / "examples" / "n8n" / "one-picture.json").read_text())
    order, submit, wait, split, picture = (
        next(node["parameters"] for node in flow["nodes"] if node["name"] == name)
        for name in ("Order", "Submit", "Wait for the call", "Each picture", "Picture")
    )
    named = {each["name"] for each in order["assignments"]["assignments"]}
    assert set(re.findall(r"\$json\.(\w+)", submit["url"] + submit["jsonBody"])) == named
    assert "webhook_url: $execution.resumeUrl" in submit["jsonBody"]
    assert (submit["method"], wait["resume"], wait["httpMethod"]) == ("POST", "webhook", "POST")
    called: Any = {"body": world.settled.json}  # what the node that waits gives to the next
    for name in split["fieldToSplitOut"].split("."):
        called = called[name]
    assert called
    assert set(re.findall(r"\$json\.(\w+)", picture["url"])) <= called[0].keys()


def list_reached(flow: dict[str, Any], start: str) -> set[str]:
    """The nodes to which a flow's connections lead from one."""
    reached, waiting = set[str](), [start]
    while waiting:
        reached.add(name := waiting.pop())
        for branch in flow["connections"].get(name, {}).get("main", []):
            waiting += [each["node"] for each in branch]
    return reached
