"""One file with a rule of every kind, as a service of a shop would have it: they meet on the same tasks."""

import pytest

from service.simulator.pictures import draw
from tests.journeys.conftest import Member, Stage
from tests.journeys.cookbook import Example, Hours, Kitchen
from tests.journeys.letterbox import Letterbox
from tests.journeys.processes import wait_until

pytestmark = pytest.mark.journey
SLOW = {"fail": 0.9, "seed": 4}  # with this seed the first two tasks of the gateway run out of time
PRICES = dict.fromkeys(("IMAGINE", "UPSCALE", "VARIATION", "ZOOM"), 0.05)
FILE = """
limits:
  max_depth: 4
  per_hour: 60
  spend_per_day: 20.00
  quiet_hours: {from: 01:00, to: 02:00, tz: Asia/Shanghai, policy: defer}

rules:
  - id: best-cat
    on: task.succeeded
    match: {action: IMAGINE, prompt: {word: cat}}
    do:
      - click: U1
  - id: banner
    on: task.succeeded
    match: {action: IMAGINE, params.ar: "16:9", tags: banner}
    do:
      - click: [U1, U2, U3, U4]
  - id: banner-done
    on: chain.settled
    match: {tags: banner, chain.succeeded.UPSCALE: {gte: 4}}
    do:
      - tag: {root: banner-done}
      - download: {to: "all/{root_id}/{action}{index}.png"}
      - notify: {url: "${DESK_URL}", text: "{prompt}: {chain.succeeded.UPSCALE} for {chain.cost}"}
  - id: wander
    on: task.succeeded
    match: {action: [IMAGINE, VARIATION], tags: wander}
    max_depth: 3
    budget: {per_root: 2, policy: drop}
    do:
      - click: V1
  - id: once-more
    on: task.failed
    match: {action: {not: DESCRIBE}, fail_kind: timeout}
    attempts: {max: 1, backoff: [1s, 5m]}
    do:
      - resubmit: {}
  - id: wider
    on: task.succeeded
    match: {action: UPSCALE, index: 4, tags: banner}
    budget: {per_hour: 1}
    do:
      - click: {button: Custom Zoom, prompt: "{prompt} --zoom 1.8"}
  - id: archive
    on: task.succeeded
    match: {action: UPSCALE, tags: banner, image_url: {exists: true}}
    do:
      - download: {to: "archive/{root_id}/{index}.png"}

tests:
  - given: {action: IMAGINE, prompt: "a cat on a wall --ar 16:9", tags: [banner]}
    expect: {best-cat: click U1, banner: [click U1, click U2, click U3, click U4]}
  - given: {action: IMAGINE, prompt: a catalogue, tags: [wander]}
    expect: {wander: click V1}
  - given: {action: VARIATION, prompt: a catalogue, tags: [wander], depth: 3}
    expect: {wander: "blocked: depth"}
  - given: {event: task.failed, action: IMAGINE, prompt: x, fail_kind: moderation}
    expect: {}
  - given: {event: task.failed, action: IMAGINE, prompt: x, fail_kind: timeout, attempt: 2}
    expect: {once-more: "blocked: attempts"}
"""


def test_rules_of_every_kind_meet_on_the_same_tasks(stage: Stage, letters: Letterbox) -> None:
    written = Example(FILE).quiet(Hours.around(begin=2, end=4)).text
    gateways, service = stage.gather(
        Member("calm", {}, configured={"prices": PRICES}),
        Member("slow", SLOW, configured={"prices": PRICES}),
        written=written,
        RINGBACK_ALLOW_TARGETS="127.0.0.1/32",
        DESK_URL=f"http://{letters.address}/desk",
    )
    kitchen = Kitchen(service, gateways, letters)
    retried = kitchen.order("一座灯塔", gateway="slow")
    cat = kitchen.order("a cat on a wall --ar 16:9", "banner")
    wanderer = kitchen.order("a catalogue", "wander")
    kitchen.tasks(cat)
    other = kitchen.order("a dog on a wall --ar 16:9", "banner")

    # Two rules want one picture of the cat: it is bought once, and the others beside it.
    assert kitchen.clicked(cat) == ["U1", "U2", "U3", "U4"]
    firings = kitchen.firings(cat)
    assert list(firings) == ["best-cat", "banner", "banner-done"]
    first, *others = firings["banner"]["actions"]
    assert (first["result"], first["task_id"]) == ("exists", firings["best-cat"]["actions"][0]["task_id"])
    assert {each["result"] for each in others} == {"opened"}
    # What they bought is zoomed, kept and told.
    *_, zoom = kitchen.tasks(cat)
    asked = gateways["calm"].fetch(zoom["gateway_id"])
    assert (zoom["action"], asked["prompt"]) == ("ZOOM", "a cat on a wall --ar 16:9 --zoom 1.8")
    for index in range(1, 5):
        assert kitchen.await_file(f"archive/{cat}/{index}.png") == draw("a cat on a wall --ar 16:9", index)
    for name in ("IMAGINE_", "UPSCALE1", "UPSCALE2", "UPSCALE3", "UPSCALE4", "ZOOM_"):
        assert kitchen.await_file(f"all/{cat}/{name}.png")
    told = letters.await_letter("/desk", lambda letter: letter["task"]["id"] == cat)
    assert told["text"] == "a cat on a wall --ar 16:9: 4 for 0.3"
    assert kitchen.ended(cat)["tags"] == ["banner", "banner-done"]

    # "catalogue" has no cat in it; its rule ends by its budget.
    assert [each["action"] for each in kitchen.tasks(wanderer)] == ["IMAGINE", "VARIATION", "VARIATION"]
    last = kitchen.tasks(wanderer)[-1]
    assert kitchen.firings(last["id"])["wander"]["reason"] == "budget"

    # The zoom of this hour is spent: the next one waits, and so does the word that the order is done.
    wait_until(
        lambda: len(kitchen.get(f"/v1/tasks/{other}/chain")["tasks"]) == 5, "four pictures of the dog are bought"
    )
    *_, fourth = kitchen.get(f"/v1/tasks/{other}/chain")["tasks"]
    kitchen.ended(fourth["id"])
    waiting = kitchen.firings(fourth["id"])["wider"]
    assert (waiting["outcome"], waiting["reason"]) == ("deferred", "budget")
    assert "banner-done" not in kitchen.firings(other)

    # It was asked for once more, and then never again.
    tasks = kitchen.tasks(retried)
    assert [(each["attempt"], each["fail_kind"]) for each in tasks] == [(1, "timeout"), (2, "timeout")]
    assert kitchen.firings(tasks[1]["id"])["once-more"]["reason"] == "attempts"

    service.run("rules", "test", "ringback.yaml")
    # A newer file whose own tests fail is not taken.
    before = kitchen.rules()["file"]["version"]
    kitchen.write(written.replace("word: cat}", "word: dog}"))
    wait_until(lambda: kitchen.rules()["file"]["mistakes"], "the file is refused")
    file = kitchen.rules()["file"]
    assert file["version"] == before
    assert "best-cat: expected click U1, found nothing" in file["mistakes"][0]["message"]
    for gateway in gateways.values():
        assert (gateway.books()["double_spends"], gateway.books()["repeated_states"]) == ([], [])
