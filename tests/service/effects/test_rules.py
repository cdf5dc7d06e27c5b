"""From the text of a rule to the picture on the disk and the message at its address."""

import json
from pathlib import Path
from typing import Any

from service.config import parse_config
from service.effects.downloader import Downloader
from service.effects.notifier import Notifier
from service.rules.actions import NotifyAction
from service.rules.reactor import Reactor

RULES = """
rules:
  - id: shop
    on: task.succeeded
    match: {action: UPSCALE, image_url: {exists: true}}
    do:
      - download: {to: "商店/{prompt} {id}"}
      - notify: {url: "${SHOP_URL}", title: "完成 {action}", text: "{prompt}"}
"""
PNG = b"\x89PNG\r\n\x1a\n" + bytes(100)


def test_a_rule_keeps_a_picture_and_tells_somebody(run: Any, open_house: Any, answer: Any, tmp_path: Path) -> None:
    async def scenario() -> None:
        async with open_house() as (house, server):
            url = f"{server.url}/sk-Geheim"
            config = parse_config(RULES.encode(), file="f", environ={"SHOP_URL": url})
            house.store.react = Reactor(config.rulebook, price=lambda *_: None)
            urls = {each.address: each.url for each in config.rulebook.rules[0].do if isinstance(each, NotifyAction)}
            server.answers |= {"/sk-Geheim": answer(b""), "/cat": answer(PNG)}
            task = await house.succeed(image_url=f"{server.url}/cat")
            await house.finish(Downloader(house.store, house.client, tmp_path / "downloads"))
            effects = await house.finish(Notifier(house.store, house.client, urls.get))
            assert [effect.state for effect in effects] == ["done", "done"]
            assert "Geheim" not in str(effects), "the ledger knows no secret"
            assert (tmp_path / f"downloads/商店/一只猫 {task.id}.png").read_bytes() == PNG
            told = json.loads(server.bodies[server.asked.index("/sk-Geheim")])
            assert (told["title"], told["text"], told["rule"]) == ("完成 UPSCALE", "一只猫", "shop")

    run(scenario())


def test_who_is_told_of_a_chain_gets_its_counts_and_pictures(run: Any, open_house: Any, answer: Any) -> None:
    rule = "rules: [{id: done, on: chain.settled, do: [notify: {url: '${URL}', text: '{prompt}'}]}]"

    async def scenario() -> None:
        async with open_house() as (house, server):
            config = parse_config(rule.encode(), file="f", environ={"URL": f"{server.url}/shop"})
            house.store.react = Reactor(config.rulebook, price=lambda *_: None)
            server.answers["/shop"] = answer(b"", status="503 X")
            task = await house.succeed(image_url="https://cdn.example/1.png")
            notifier = Notifier(house.store, house.client, lambda _: f"{server.url}/shop")
            await house.finish(notifier)
            house.clock.now += 3600
            server.answers["/shop"] = answer(b"")
            (effect,) = await house.finish(notifier)
            first, again = map(json.loads, server.bodies)
            assert first == again, "whoever gets it twice can tell by its id"
            assert first["id"] == f"ntf_{effect.created_at:011x}{effect.id:x}"
            assert (first["firing"], first["event"], first["task"]["id"]) == (1, "chain.settled", task.id)
            chain = first["chain"]
            assert (chain["root_id"], chain["tasks"], chain["succeeded"]) == (task.id, 1, {"UPSCALE": 1})
            assert (chain["cost"], chain["pictures"][0]["image_url"]) == (None, "https://cdn.example/1.png")

    run(scenario())
