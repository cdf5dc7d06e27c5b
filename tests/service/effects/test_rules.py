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
