"""A changed `ringback.yaml` while the service runs."""

import asyncio
import os
import threading
from functools import partial

import pytest
from structlog.testing import capture_logs

from hooks.seal import Sealer
from service.deployment import gather_gateways, load_deployment
from service.reloader import PATIENCE, Reloader
from service.rules.ruling import Ruling
from service.subscriptions.sync import take_up
from storage.deferrals import resume_due
from storage.errors import LedgerBusy
from storage.subscriptions import read_standing

GATEWAY = {"RINGBACK_GATEWAY": "deerapi", "RINGBACK_GATEWAY_KEY": "sk-1"}
CATS = "rules: [{id: cats, on: task.succeeded, match: {action: IMAGINE}, do: [click: U1]}]\n"
DOGS = "rules: [{id: dogs, on: task.succeeded, match: {action: IMAGINE}, do: [click: U2]}]\n"


class Watched:
    """A folder with a file, a ledger, and a reloader whose looks a test takes itself."""

    def __init__(self, folder, ledger, environ=GATEWAY):
        self.file = folder / "ringback.yaml"
        self.store = ledger.store
        self.loads = 0
        self._load = partial(load_deployment, environ, folder)
        settings, config = self._load()
        roster = gather_gateways(settings, config)
        self.ruling = Ruling(ledger.store, config.rulebook, file="ringback.yaml", price=roster.price)
        self.reloader = Reloader(
            self.file,
            load=self.load,
            subscribe=partial(take_up, ledger.store, Sealer(["secret-0123456789abcdef"])),
            ruling=self.ruling,
            roster=roster,
            store=ledger.store,
            settle=0,
        )

    def load(self):
        self.loads += 1
        return self._load()

    def look(self):
        """One step, and what the log says of it."""
        with capture_logs() as lines:
            asyncio.run(self.reloader.watch())
        return [line for line in lines if line["event"] != "Using selector: EpollSelector"]

    @property
    def rules(self):
        return [rule.id for rule in self.ruling.rulebook.rules]

    @property
    def complaints(self):
        return [each.message for each in self.ruling.refusal.mistakes] if self.ruling.refusal else []


@pytest.fixture
def watched(tmp_path, ledger):
    (tmp_path / "ringback.yaml").write_text(CATS)
    made = Watched(tmp_path, ledger)
    assert made.look() == []
    return made


def test_a_changed_file_decides_from_then_on(watched):
    before = watched.store.react
    watched.file.write_text(DOGS)
    (line,) = watched.look()
    assert watched.rules == ["dogs"]
    assert (line["event"], line["rules"], line["version"]) == ("rules loaded", 1, watched.ruling.version)
    assert watched.store.react is not before


def test_a_file_that_stays_is_not_read_again(watched):
    loads = watched.loads
    assert watched.look() == []
    assert watched.loads == loads


def test_a_broken_file_changes_nothing_and_every_mistake_is_told_with_its_place(watched):
    before = watched.store.react
    watched.file.write_text("rules: [{id: cats, on: task.succeded}]\n")
    lines = watched.look()
    assert (watched.rules, watched.store.react) == (["cats"], before)
    assert [line["event"] for line in lines] == ["rules refused"] * 2
    assert any("ringback.yaml:1:" in line["mistake"] and "task.succeded" in line["mistake"] for line in lines)
    assert len(watched.complaints) == 2
    assert watched.look() == [], "it is told once"
    watched.reloader.ask()
    assert len(watched.look()) == 2, "and again to who asks"
    watched.file.write_text(CATS)
    assert [line["event"] for line in watched.look()] == ["rules loaded"]
    assert watched.complaints == []


def test_a_file_whose_tests_fail_changes_nothing(watched):
    failing = "tests: [{given: {event: task.succeeded, action: IMAGINE}, expect: {dogs: [click U4]}}]\n"
    watched.file.write_text(DOGS + failing)
    assert [line["event"] for line in watched.look()] == ["rules refused"]
    assert watched.rules == ["cats"]


def test_a_mistake_in_the_settings_keeps_everything(watched):
    (watched.file.parent / ".env").write_text("PORT=http\n")
    watched.file.write_text(DOGS)
    watched.look()
    assert watched.rules == ["cats"]
    assert watched.complaints[0].startswith("PORT: ")


def test_a_file_that_is_gone_leaves_its_rules_in_force_and_says_so(watched):
    watched.file.unlink()
    assert [line["event"] for line in watched.look()] == ["rules refused"]
    assert (watched.rules, watched.complaints) == (["cats"], ["the file is gone; its rules and subscriptions go on"])
    assert watched.look() == []
    watched.file.write_text(DOGS)
    watched.look()
    assert (watched.rules, watched.complaints) == (["dogs"], [])


def test_a_file_that_comes_to_be_is_taken_up(tmp_path, ledger):
    watched = Watched(tmp_path, ledger)
    watched.reloader.ask()
    assert (watched.look(), watched.rules, watched.complaints) == ([], [], []), "there was none, and none is gone"
    watched.file.write_text(CATS)
    watched.look()
    assert watched.rules == ["cats"]


def test_a_file_that_changed_between_the_start_and_the_first_look_is_taken_up(tmp_path, ledger):
    (tmp_path / "ringback.yaml").write_text(CATS)
    watched = Watched(tmp_path, ledger)
    watched.file.write_text(DOGS)
    watched.look()
    assert watched.rules == ["dogs"]


def test_a_file_that_is_moved_into_place_with_the_same_length_is_taken_up(watched):
    stat = watched.file.stat()
    beside = watched.file.with_name("beside")
    beside.write_text(DOGS)
    os.utime(beside, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    beside.replace(watched.file)
    watched.look()
    assert watched.rules == ["dogs"]


def test_a_file_that_changes_while_it_is_read_is_read_again(watched):
    load = watched._load

    def load_and_change():
        found = load()
        watched._load = load
        watched.file.write_text(DOGS + "# and more\n")
        return found

    watched._load = load_and_change
    watched.file.write_text(CATS.replace("cats", "half"))
    watched.look()
    assert watched.rules == ["cats"], "who knows which half was read"
    watched.look()
    assert watched.rules == ["dogs"]


def test_an_editor_that_empties_the_file_first_is_waited_for(watched, monkeypatch):
    watched.file.write_text("")
    rest = ["rules: [", DOGS]

    async def write_on(_):
        if rest:
            watched.file.write_text(rest.pop(0))

    monkeypatch.setattr("service.reloader.asyncio.sleep", write_on)
    lines = watched.look()
    assert (watched.rules, [line["event"] for line in lines]) == (["dogs"], ["rules loaded"])
    assert watched.loads == 2, "once at the first look, and once when it stood still"


def test_who_asks_gets_the_file_read_though_it_has_not_changed(watched):
    watched.reloader.ask()
    assert [line["event"] for line in watched.look()] == ["rules loaded"]
    assert watched.look() == []


def test_secrets_are_taken_from_the_env_file_anew(tmp_path, ledger):
    notify = "rules: [{id: tell, on: task.failed, do: [notify: {url: '${URL}', text: x}]}]\n"
    (tmp_path / "ringback.yaml").write_text(notify)
    (tmp_path / ".env").write_text("URL=https://one.example/\n")
    watched = Watched(tmp_path, ledger)
    (rule,) = watched.ruling.rulebook.rules
    address = rule.do[0].address
    assert watched.ruling.find_url(address) == "https://one.example/"
    (tmp_path / ".env").write_text("URL=https://two.example/\n")
    watched.reloader.ask()
    watched.look()
    assert watched.ruling.find_url(address) == "https://two.example/"
    assert watched.ruling.find_url("another") is None


def test_other_gateways_wait_for_the_next_start_and_the_rules_do_not(watched):
    watched.file.write_text("gateways: [{name: b, preset: fuhuapi, key: sk-0123456789}]\n" + DOGS)
    warning, loaded = watched.look()
    assert (warning["event"], warning["log_level"], loaded["event"]) == ("gateways changed", "warning", "rules loaded")
    assert watched.rules == ["dogs"]


def test_another_file_waits_for_the_next_start(watched):
    (watched.file.parent / "other.yaml").write_text(DOGS)
    (watched.file.parent / ".env").write_text("RINGBACK_CONFIG=other.yaml\n")
    watched.reloader.ask()
    watched.look()
    assert watched.rules == ["cats"]
    assert "restart the service" in watched.complaints[0]


def test_firings_carry_the_version_that_decided(watched, ledger):
    first = ledger.open_grid("g1")
    watched.file.write_text(CATS.replace("U1", "U3"))
    watched.look()
    second = ledger.open_grid("g2")
    (before,), (after,) = ledger.firings(first), ledger.firings(second)
    assert before.rule == after.rule == "cats"
    assert before.version != after.version == watched.ruling.rulebook.rules[0].version
    assert [child.button for child in ledger.children(second)] == ["U3"]


MASKED = """
rules:
  - id: sky
    on: task.succeeded
    match: {action: UPSCALE}
    do: [click: {button: Vary (Region), prompt: a blue sky, mask: sky.png}]
"""
PNG = b"\x89PNG\r\n\x1a\n"


def test_a_file_that_is_overwritten_in_place_and_looks_as_before_is_taken_up(watched):
    stat = watched.file.stat()
    watched.file.write_text(DOGS)
    os.utime(watched.file, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    watched.look()
    assert watched.rules == ["dogs"]


def test_a_file_that_was_refused_is_read_again_and_told_of_when_its_mistakes_are_others(watched):
    watched.file.write_text(MASKED)
    watched.look()
    (complaint,) = watched.complaints
    assert "there is no file 'sky.png'" in complaint
    loads, refused_at = watched.loads, watched.ruling.refusal.at
    for _ in range(PATIENCE):
        assert watched.look() == []
    assert (watched.loads, watched.ruling.refusal.at) == (loads + 1, refused_at)
    sky = watched.file.with_name("sky.png")
    sky.write_text("no picture")
    assert [line["event"] for _ in range(PATIENCE) for line in watched.look()] == ["rules refused"]
    sky.write_bytes(PNG)
    assert [line["event"] for _ in range(PATIENCE) for line in watched.look()] == ["rules loaded"]
    assert (watched.rules, watched.complaints) == (["sky"], [])


def test_a_mask_that_changed_is_taken_up(watched):
    def mask():
        return watched.ruling.rulebook.rules[0].do[0].mask

    sky = watched.file.with_name("sky.png")
    sky.write_bytes(PNG)
    watched.file.write_text(MASKED)
    assert [line["event"] for _ in range(3) for line in watched.look()] == ["rules loaded"]
    assert mask() == PNG
    sky.write_bytes(PNG + b"a wider one")
    assert [line["event"] for _ in range(3) for line in watched.look()] == ["rules loaded"]
    assert mask() == PNG + b"a wider one"
    loads = watched.loads
    assert (watched.look(), watched.loads) == ([], loads)
    sky.unlink()
    watched.look()
    assert mask() == PNG + b"a wider one"
    assert "there is no file" in watched.complaints[0]
    watched.file.write_text(CATS)
    assert [line["event"] for _ in range(3) for line in watched.look()] == ["rules loaded"]
    loads = watched.loads
    sky.write_bytes(PNG)
    assert (watched.look(), watched.loads) == ([], loads), "no rule names it any more"


def test_nobody_waits_for_a_file_that_takes_long_to_read(watched):
    async def scenario():
        load, loop, reading, others_work = watched._load, asyncio.get_running_loop(), asyncio.Event(), threading.Event()

        def load_slowly():
            loop.call_soon_threadsafe(reading.set)
            assert others_work.wait(10), "the event loop stands still"
            return load()

        watched._load = load_slowly
        watched.file.write_text(DOGS)
        look = asyncio.create_task(watched.reloader.watch())
        await reading.wait()
        others_work.set()
        await look

    asyncio.run(scenario())
    assert watched.rules == ["dogs"]


def test_what_waits_is_looked_at_at_once_by_new_rules(watched, ledger):
    one_a_day = CATS.replace("do:", "budget: {per_day: 1}, do:")
    watched.file.write_text(one_a_day)
    watched.look()
    ledger.open_grid("g1")
    waiting = ledger.open_grid("g2")
    ledger.do(resume_due)
    assert (ledger.firings(waiting)[0].outcome, ledger.children(waiting)) == ("deferred", [])
    watched.file.write_text(one_a_day + "# the same rules\n")
    watched.look()
    assert ledger.firings(waiting)[0].next_at > ledger.store.now()
    watched.file.write_text(one_a_day.replace("per_day: 1", "per_day: 2"))
    watched.look()
    ledger.do(resume_due)
    assert (ledger.firings(waiting)[0].outcome, len(ledger.children(waiting))) == ("fired", 1)


SHOP = "subscriptions: [{id: shop, url: 'https://shop.example/${TOKEN}', events: task.*}]\n"


def list_standing(ledger):
    return {each.id: each.events for each in ledger.ask(read_standing)}


def test_changed_subscriptions_are_in_force_at_once_and_rules_that_stay_are_not_told_anew(watched, ledger):
    watched.file.with_name(".env").write_text("TOKEN=t0ken\n")
    watched.file.write_text(CATS + SHOP)
    (line,) = watched.look()
    assert (line["event"], line["added"]) == ("subscriptions taken up", "shop")
    assert list_standing(ledger) == {"shop": ("task.*",)}
    watched.file.write_text(CATS + SHOP.replace("task.*", "task.failed"))
    assert [line["event"] for line in watched.look()] == ["subscriptions taken up"]
    assert list_standing(ledger) == {"shop": ("task.failed",)}
    watched.file.write_text(CATS)
    assert [line["event"] for line in watched.look()] == ["subscriptions taken up", "subscription removed"]
    assert list_standing(ledger) == {}


def test_a_mistake_in_a_subscription_keeps_all_that_was(watched, ledger):
    watched.file.write_text(DOGS + SHOP.replace("${TOKEN}", "x"))
    watched.look()
    watched.file.write_text(CATS + SHOP.replace("task.*", "task.suceeded"))
    watched.look()
    assert (watched.rules, list_standing(ledger)) == (["dogs"], {"shop": ("task.*",)})
    assert "there is no event 'task.suceeded' (did you mean 'task.succeeded'?)" in watched.complaints


def test_subscriptions_that_the_ledger_did_not_take_are_tried_again(watched, ledger, monkeypatch):
    async def refuse(_):
        raise LedgerBusy

    subscribe = watched.reloader._subscribe
    watched.file.write_text(CATS + SHOP.replace("${TOKEN}", "x"))
    monkeypatch.setattr(watched.reloader, "_subscribe", refuse)
    with pytest.raises(LedgerBusy):
        watched.look()
    monkeypatch.setattr(watched.reloader, "_subscribe", subscribe)
    watched.look()
    assert list_standing(ledger) == {"shop": ("task.*",)}
