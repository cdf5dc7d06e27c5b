"""Every example of docs/rules.md, as it stands there, run end to end: what the page promises is what happens.

Each dish orders tasks, yields, and then looks at `/v1`, the downloads, the gateways and who was told. The dishes of one
sheet are rules of one service, kept apart by the page's own tags; the sheets follow one another as changes of the
running service's file. Only what nobody can wait for is replaced: the hours of the day and the pauses of retries.
"""

from collections.abc import Callable
from datetime import datetime

import pytest

from service.simulator.pictures import draw
from tests.journeys.conftest import Member, Stage
from tests.journeys.cookbook import Dish, Hours, Kitchen, bind, read_examples
from tests.journeys.letterbox import Letterbox

pytestmark = pytest.mark.journey
EXAMPLES = read_examples()
FOUR = ["U1", "U2", "U3", "U4"]
# With this seed the first task of the gateway fails as banned, the next two run out of time, and the fourth succeeds.
MOODY = {"fail": 0.75, "seed": 75}
QUIET, LOUD = Hours.around(begin=-1, end=2), Hours.around(begin=2, end=3)
Cook = Callable[[Kitchen], Dish]


def order_word_to_feishu(kitchen: Kitchen) -> Dish:
    banned = kitchen.order("一张被拒的海报", "order", gateway="moody")
    assert kitchen.ended(banned)["fail_kind"] == "moderation"  # the moody gateway's first
    good = kitchen.order("一只橘猫", "order", then=["U1", "U2"])
    yield
    assert len(kitchen.tasks(good)) == 3
    told = kitchen.letters.await_letter("/feishu", lambda letter: "一只橘猫" in letter["message"])
    assert (told["title"], told["message"]) == ("订单完成", "一只橘猫 已完成,共 2 张图片")
    told = kitchen.letters.await_letter("/feishu", lambda letter: "被拒" in letter["message"])
    assert (told["title"], told["message"]) == ("订单需要处理", "一张被拒的海报:失败 1,取消 0,丢失 0")
    assert set(kitchen.firings(banned)) == {"order-to-look-at"}
    assert len(kitchen.tasks(banned)) == 1  # nobody asked again for what moderation refused
    assert len(kitchen.letters.letters("/feishu")) == 2


def try_again_after_a_time_out(kitchen: Kitchen) -> Dish:
    root = kitchen.order("一座灯塔", gateway="moody")
    yield
    first, second, third = kitchen.tasks(root)
    assert [each["status"] for each in (first, second, third)] == ["FAILURE", "FAILURE", "SUCCESS"]
    assert {each["fail_kind"] for each in (first, second)} == {"timeout"}
    assert [each["attempt"] for each in (first, second, third)] == [1, 2, 3]
    assert (second["retry_of"], third["retry_of"]) == (first["id"], second["id"])
    assert {each["depth"] for each in (second, third)} == {0}
    for failed in (first, second):
        firing = kitchen.firings(failed["id"])["retry-timeouts"]
        waited = datetime.fromisoformat(firing["updated_at"]) - datetime.fromisoformat(firing["created_at"])
        assert firing["outcome"] == "fired"
        assert waited.total_seconds() >= 1  # the pause


def click_all_four_of_wide_grids(kitchen: Kitchen) -> Dish:
    wide = kitchen.order("一座港口 --ar 16:9", "auto")
    wider = kitchen.order("一条长廊 --ar 16:90", "auto")
    yield
    assert kitchen.clicked(wide) == FOUR
    told = kitchen.letters.await_letter("/shop", lambda letter: letter["task"]["id"] == wide)
    assert (told["rule"], told["event"]) == ("grid-done", "chain.settled")
    assert told["text"] == "一座港口 --ar 16:9: four pictures are ready"
    assert kitchen.ended(wide)["tags"] == ["auto", "grid-done"]
    assert kitchen.clicked(wider) == []
    assert kitchen.ended(wider)["tags"] == ["auto"]
    assert kitchen.firings(wider) == {}


def vary_until_it_ends(kitchen: Kitchen) -> Dish:
    root = kitchen.order("一片森林", "explore")
    yield
    tasks = kitchen.tasks(root)
    assert [(each["action"], each["depth"]) for each in tasks] == [
        ("IMAGINE", 0),
        *(("VARIATION", depth) for depth in (1, 2, 3)),
    ]
    firings = [kitchen.firings(each["id"])["explore"] for each in tasks]
    assert [each["outcome"] for each in firings] == ["fired", "fired", "fired", "blocked"]
    assert firings[-1]["reason"] == "depth"


def zoom_out_by_a_window(kitchen: Kitchen) -> Dish:
    root = kitchen.order("一只蓝鸟", "zoom", then=["U2"])
    yield
    _, upscale, zoom = kitchen.tasks(root)
    assert (zoom["parent_id"], zoom["button"], zoom["status"]) == (upscale["id"], "Custom Zoom", "SUCCESS")
    assert kitchen.gateways["calm"].fetch(zoom["gateway_id"])["prompt"] == "一只蓝鸟 --zoom 1.8"
    submissions = kitchen.get(f"/v1/tasks/{zoom['id']}/submissions")["submissions"]
    assert [each["kind"] for each in submissions] == ["submit", "modal"]


def keep_the_pictures(kitchen: Kitchen) -> Dish:
    root = kitchen.order("一座塔 ../../etc", "shop", then=["U1", "U3"])
    yield
    assert kitchen.clicked(root) == ["U1", "U3"]
    for index in (1, 3):
        assert kitchen.await_file(f"shop/{root}/{index}.png") == draw("一座塔 ../../etc", index)


def wait_for_the_night(kitchen: Kitchen) -> Dish:
    root = kitchen.order("一间夜里的店", "night")
    yield
    kitchen.ended(root)
    firing = kitchen.firings(root)["night-shift"]
    assert (firing["outcome"], firing["reason"]) == ("deferred", "quiet_hours")
    assert datetime.fromisoformat(firing["next_at"]) == QUIET.end
    assert [each["button"] for each in firing["actions"]] == FOUR
    assert len(kitchen.get(f"/v1/tasks/{root}/chain")["tasks"]) == 1


def buy_two_of_each(kitchen: Kitchen) -> Dish:
    root = kitchen.order("一本目录, with many words", "catalogue", action="SHORTEN")
    yield
    kitchen.ended(root)
    grids = []
    for button in ("1️⃣", "2️⃣"):  # two grids under one root
        grids.append(kitchen.service.click(root, button, prompt=f"目录的一页 {button}"))
        kitchen.tasks(root)
    assert [kitchen.clicked(grid) for grid in grids] == [["U1", "U2"], []]
    firing = kitchen.firings(grids[1])["two-of-each"]
    assert (firing["outcome"], firing["reason"]) == ("blocked", "budget")
    assert "per_root" in firing["detail"]


def go_on_with_snow(kitchen: Kitchen) -> Dish:
    root = kitchen.order("一座村庄", "seasons")
    yield
    _, winter = kitchen.tasks(root)
    assert (winter["action"], winter["prompt"]) == ("IMAGINE", "一座村庄, in deep snow")
    assert (winter["parent_id"], winter["depth"], winter["tags"]) == (root, 1, ["winter"])


def see_a_big_plan(kitchen: Kitchen) -> Dish:
    poster, lake = kitchen.order("a poster of a lake"), kitchen.order("a lake")
    yield
    assert len(kitchen.tasks(poster)) == len(kitchen.tasks(lake)) == 1
    firing = kitchen.firings(poster)["big-plan"]
    assert (firing["outcome"], firing["reason"]) == ("blocked", "dry_run")
    assert [(each["action"], each["button"]) for each in firing["actions"]] == [("click", label) for label in FOUR]
    assert kitchen.firings(lake) == {}


def click_the_first_picture(kitchen: Kitchen) -> Dish:
    root = kitchen.order("一只黑猫")
    yield
    assert kitchen.clicked(root) == ["U1"]
    assert kitchen.firings(root)["first-picture"]["outcome"] == "fired"


def buy_at_night(kitchen: Kitchen) -> Dish:
    root = kitchen.order("一间夜里的店", "night")
    yield
    # The first picture is wanted by two rules, and bought once.
    assert kitchen.clicked(root) == FOUR
    results = [each["result"] for each in kitchen.firings(root)["night-shift"]["actions"]]
    assert results == ["exists", "opened", "opened", "opened"]


def click_what_a_task_wants_itself(kitchen: Kitchen) -> Dish:
    root = kitchen.order("一只黑猫", then=["U1", "U2"])
    yield
    assert kitchen.clicked(root) == ["U1", "U2"]
    firings = kitchen.firings(root)
    assert list(firings) == ["then", "first-picture"]  # its own list goes first
    assert firings["first-picture"]["reason"] == "exists"


def buy_nothing_while_all_is_quiet(kitchen: Kitchen) -> Dish:
    root = kitchen.order("一本目录", "catalogue", then=["U3"])
    yield
    kitchen.ended(root)
    for firing in (kitchen.firings(root)["two-of-each"], kitchen.firings(root)["then"]):
        assert (firing["outcome"], firing["reason"]) == ("deferred", "quiet_hours")
        assert datetime.fromisoformat(firing["next_at"]) == QUIET.end


# What needs an order of its own at the moody gateway goes first.
BY_DAY: dict[tuple[str, ...], Cook] = {
    ("order-done", "order-to-look-at"): order_word_to_feishu,
    ("retry-timeouts",): try_again_after_a_time_out,
    ("wide-grid", "grid-done"): click_all_four_of_wide_grids,
    ("explore",): vary_until_it_ends,
    ("zoom-out",): zoom_out_by_a_window,
    ("shop",): keep_the_pictures,
    ("night-shift",): wait_for_the_night,
    ("two-of-each",): buy_two_of_each,
    ("winter-too",): go_on_with_snow,
    ("big-plan",): see_a_big_plan,
}
BY_NIGHT: dict[tuple[str, ...], Cook] = {
    ("first-picture",): click_the_first_picture,
    ("night-shift",): buy_at_night,
}


def test_every_example_of_the_page_is_cooked() -> None:
    assert set(EXAMPLES) == {*BY_DAY, *BY_NIGHT}


def test_every_example_does_what_the_page_promises(stage: Stage, letters: Letterbox) -> None:
    by_day = EXAMPLES | {
        ("retry-timeouts",): EXAMPLES["retry-timeouts",].replaced("[30s, 5m]", "[1s, 1s]"),
        ("night-shift",): EXAMPLES["night-shift",].quiet(QUIET),
        ("two-of-each",): EXAMPLES["two-of-each",].quiet(LOUD),
    }
    gateways, service = stage.gather(
        Member("calm", {}),
        Member("moody", MOODY),
        written=bind(*(by_day[ids] for ids in BY_DAY)),
        RINGBACK_ALLOW_TARGETS="127.0.0.1/32",
        SHOP_URL=f"http://{letters.address}/shop",
        FEISHU_URL=f"json://{letters.address}/feishu",
    )
    kitchen = Kitchen(service, gateways, letters)
    kitchen.cook(*(cook(kitchen) for cook in BY_DAY.values()))
    kitchen.take_up(bind(EXAMPLES["first-picture",], EXAMPLES["night-shift",].quiet(LOUD)))
    kitchen.cook(*(cook(kitchen) for cook in (*BY_NIGHT.values(), click_what_a_task_wants_itself)))
    kitchen.take_up(EXAMPLES["two-of-each",].quiet(QUIET).text)
    kitchen.cook(buy_nothing_while_all_is_quiet(kitchen))
    for gateway in gateways.values():
        assert (gateway.books()["double_spends"], gateway.books()["repeated_states"]) == ([], [])
