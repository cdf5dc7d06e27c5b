"""Clicks that open a window, and the answers to it."""

import pytest

pytestmark = pytest.mark.journey

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


@pytest.mark.parametrize(
    "custom_id",
    [
        INPAINT,
        f"MJ::CustomZoom::{IMAGE}",
        f"MJ::CustomZoom::1::{IMAGE}",
        "MJ::Job::PicReader::2",
        "MJ::Job::PromptAnalyzer::5",
        f"MJ::JOB::video::1::{IMAGE}::high::manual",
    ],
)
def test_whatever_needs_a_prompt_opens_a_window(simulate, custom_id):
    gateway = simulate("midjourney-proxy-plus", settled=True)
    assert gateway.submit("action", taskId=gateway.grid(), customId=custom_id).json()["code"] == 21


@pytest.mark.parametrize(
    "word", ["variation::1", "reroll::0", "pan_left::1", "animate_low::1", "animate_high_extend::1"]
)
def test_remix_has_windows_for_all_that_takes_a_prompt(simulate, word):
    gateway = simulate("trueai", settled=True)
    click = {"taskId": gateway.grid(), "customId": f"MJ::JOB::{word}::{IMAGE}"}
    answer = gateway.submit("action", **click, enableRemix=True).json()
    assert (answer["code"], answer["properties"]["remix"]) == (21, True)
    assert gateway.submit("action", **click).json()["code"] == 1


def test_a_window_shows_the_prompt_that_was_clicked(simulate, receiver):
    gateway = simulate("midjourney-proxy-plus", settled=True)
    described = gateway.accepted("describe", base64="data:image/png;base64,AAAA", notifyHook=receiver.hook("d"))
    shortened = gateway.accepted("shorten", prompt="one two three four five six", notifyHook=receiver.hook("s"))
    read = gateway.submit("action", taskId=described, customId="MJ::Job::PicReader::2").json()
    analysed = gateway.submit("action", taskId=shortened, customId="MJ::Job::PromptAnalyzer::3").json()
    assert read["properties"]["finalPrompt"] == "a lovely Japan countryside --ar 1:1"
    assert analysed["properties"]["finalPrompt"] == "one two three"
    gateway.accepted("modal", taskId=analysed["result"], notifyHook=receiver.hook("m"))
    assert receiver.wait_for("m", "SUCCESS")["prompt"] == "one two three"


def test_a_window_is_answered_by_its_own_id_alone(simulate):
    gateway = simulate("midjourney-proxy-plus", settled=True)
    grid = gateway.grid()
    window = gateway.submit("action", taskId=grid, customId=INPAINT).json()["result"]
    assert window != grid
    assert gateway.submit("modal", taskId=grid, prompt="猫").json()["description"] == "关联任务状态错误"
    assert gateway.accepted("modal", taskId=window, prompt="猫") == window


def test_the_answer_to_a_window_can_make_another_task(simulate, receiver):
    gateway = simulate("midjourney-proxy-plus", settled=True, vices={"modal_new_id": 1.0})
    grid = gateway.grid()
    window = gateway.submit("action", taskId=grid, customId=INPAINT, notifyHook=receiver.hook("w"), state="s").json()[
        "result"
    ]
    task_id = gateway.accepted("modal", taskId=window, prompt="猫", maskBase64="data:image/png;base64,AAAA")
    assert task_id not in (window, grid)
    done = receiver.wait_for("w", "SUCCESS")
    assert (done["id"], done["state"], done["prompt"]) == (task_id, "s", "猫")
    assert gateway.fetch(window)["status"] == "MODAL"
    assert gateway.submit("modal", taskId=window, prompt="猫").json()["description"] == "关联任务状态错误"
    last = gateway.books()["submissions"][-1]
    assert (last["id"], last["endpoint"], last["parent"], last["uploads"]) == (task_id, "modal", grid, 1)


def test_trueai_has_no_word_for_shortened_prompts_and_manual_videos(unserved):
    for custom_id in ("MJ::Job::PromptAnalyzer::1", f"MJ::JOB::video::1::{IMAGE}::low::manual"):
        answer = unserved("trueai").submit("action", taskId="17", customId=custom_id).json()
        assert (answer["code"], answer["description"]) == (4, "未知的 Action 类型")


@pytest.mark.parametrize(("dialect", "called"), [("midjourney-proxy-plus", True), ("trueai", False)])
def test_imagine_all_makes_four_tasks_with_numbered_states(simulate, dialect, called):
    gateway = simulate(dialect, settled=True)
    parent = gateway.accepted("describe", base64="data:image/png;base64,AAAA", notifyHook=gateway.receiver.hook("d"))
    answer = gateway.submit(
        "action",
        taskId=parent,
        customId="MJ::Job::PicReader::all",
        state="s",
        notifyHook=gateway.receiver.hook("all"),
    ).json()
    ids = answer["result"].split(",")
    assert (answer["code"], len(set(ids))) == (1, 4)
    gateway.until(lambda: all(gateway.fetch(task_id)["status"] == "SUCCESS" for task_id in ids))
    rows = [gateway.fetch(task_id) for task_id in ids]
    assert [row["state"] for row in rows] == ["s::1", "s::2", "s::3", "s::4"]
    assert (rows[0]["prompt"], len({row["prompt"] for row in rows})) == ("一只猫, a cat in the rain --ar 1:1", 4)
    assert bool(gateway.receiver.got("all")) == called
    assert gateway.counts()["submissions"] == 5


def test_imagine_all_stops_where_the_queue_is_full(simulate):
    gateway = simulate("trueai", slots=1, queue_size=1, upscale_seconds=0.0, grid_seconds=60)
    parent = gateway.accepted("describe", base64="data:image/png;base64,AAAA")
    gateway.until(lambda: gateway.http.get("/simulator/health").json()["at_work"] == 0)
    answer = gateway.submit("action", taskId=parent, customId="MJ::Job::PicReader::all").json()
    assert len(answer["result"].split(",")) == 2


def test_a_favourite_is_marked_and_makes_no_task(simulate):
    gateway = simulate("trueai", settled=True)
    grid = gateway.grid()
    answer = gateway.submit("action", taskId=grid, customId=f"MJ::BOOKMARK::{IMAGE}").json()
    assert (answer["code"], answer["result"]) == (1, grid)
    assert len(gateway.http.get("/mj/task/list").json()) == 1
    assert (gateway.counts()["marked"], gateway.counts()["submissions"]) == (1, 1)
