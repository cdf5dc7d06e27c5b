"""Clicks that open a window, and the answers to it."""

import pytest

IMAGE = "26d56b92-4ed6-45e2-8561-563797923135"
INPAINT = f"MJ::Inpaint::1::{IMAGE}::SOLO"
VARIATION = f"MJ::JOB::variation::1::{IMAGE}"


@pytest.mark.parametrize("dialect", ["midjourney-proxy-plus", "trueai"])
def test_some_buttons_always_open_a_window(simulate, receiver, dialect):
    gateway = simulate(dialect, settled=True)
    answer = gateway.submit(
        "action", taskId=gateway.grid(), customId=INPAINT, notifyHook=receiver.hook("w"), state="s"
    ).json()
    assert (answer["code"], answer["description"]) == (21, "Waiting for window confirm")
    assert answer["properties"] == {"finalPrompt": "a cat", "remix": True}
    assert gateway.fetch(answer["result"])["status"] == "MODAL"
    assert receiver.got("w") == []

    modal = gateway.submit(
        "modal", taskId=answer["result"], prompt="戴帽子的猫", maskBase64="data:image/png;base64,AA=="
    )
    assert (modal.json()["code"], modal.json()["result"]) == (1, answer["result"])
    done = receiver.wait_for("w", "SUCCESS")
    assert (done["id"], done["prompt"], done["state"]) == (answer["result"], "戴帽子的猫", "s")
    counts = gateway.counts()
    assert (counts["submissions"], counts["clicks"], counts["modals"]) == (3, 1, 1)


def test_a_window_is_answered_once(simulate):
    gateway = simulate("midjourney-proxy-plus", settled=True)
    task_id = gateway.submit("action", taskId=gateway.grid(), customId=INPAINT).json()["result"]
    assert gateway.submit("modal", taskId=task_id).json()["code"] == 1
    again = gateway.submit("modal", taskId=task_id).json()
    assert (again["code"], again["description"]) == (4, "关联任务状态错误")
    assert gateway.submit("modal", taskId="17").json()["code"] == 3
    assert gateway.submit("modal", taskId="").json()["code"] == 4


def test_remix_opens_a_window_where_it_is_asked_for(simulate):
    gateway = simulate("trueai", settled=True)
    grid = gateway.grid()
    assert gateway.submit("action", taskId=grid, customId=VARIATION).json()["code"] == 1
    assert gateway.submit("action", taskId=grid, customId=VARIATION, enableRemix=True).json()["code"] == 21


def test_the_modal_vice_opens_windows_for_variations_only(simulate):
    gateway = simulate("midjourney-proxy-plus", settled=True, vices={"modal": 1.0})
    grid = gateway.grid()
    assert gateway.submit("action", taskId=grid, customId=VARIATION).json()["code"] == 21
    assert gateway.submit("action", taskId=grid, customId=f"MJ::JOB::upsample::1::{IMAGE}").json()["code"] == 1


def test_midjourney_proxy_has_no_windows(simulate):
    gateway = simulate(settled=True, vices={"modal": 1.0})
    assert gateway.submit("change", taskId=gateway.grid(), action="VARIATION", index=1).json()["code"] == 1


@pytest.mark.parametrize(("dialect", "hook"), [("midjourney-proxy-plus", "new"), ("trueai", "old")])
def test_the_hook_of_a_modal_call_counts_or_is_ignored(simulate, receiver, dialect, hook):
    gateway = simulate(dialect, settled=True)
    task_id = gateway.submit(
        "action", taskId=gateway.grid(), customId=INPAINT, notifyHook=receiver.hook("old"), state="old"
    ).json()["result"]
    gateway.accepted("modal", taskId=task_id, notifyHook=receiver.hook("new"), state="new")
    assert receiver.wait_for(hook, "SUCCESS")["state"] == hook


def test_new_api_tells_of_windows_only_where_one_must_be_answered(simulate):
    gateway = simulate("new-api", settled=True, vices={"lag": 0.0, "modal": 1.0})
    grid = gateway.grid()
    assert gateway.submit("action", taskId=grid, customId=INPAINT).json()["code"] == 21
    disguised = gateway.submit("action", taskId=grid, customId=VARIATION).json()
    assert (disguised["code"], disguised["description"]) == (1, "Waiting for window confirm")
    assert gateway.fetch(disguised["result"])["status"] == "MODAL"
