"""The verbs that ask for something, against a service and a simulated gateway."""

import pytest

pytestmark = pytest.mark.journey

JPEG = b"\xff\xd8\xff\xe0" + b"x" * 20


@pytest.fixture(scope="module")
def grid(home):
    return home.objects("submit", "a", "grid")[0]


@pytest.fixture(scope="module")
def single(home, grid):
    return home.objects("click", grid["id"], "U1")[1]


@pytest.mark.parametrize(
    ("arguments", "images", "wanted"),
    [
        (["submit", "红狐狸", "--ar", "16:9", "--image"], 1, {"endpoint": "imagine", "prompt": "红狐狸 --ar 16:9"}),
        (["submit", "x", "--mode", "relax", "--bot", "niji"], 0, {"bot_type": "NIJI_JOURNEY", "mode": "RELAX"}),
        (["blend", "--shape", "landscape"], 3, {"endpoint": "blend", "dimensions": "LANDSCAPE", "uploads": 3}),
        (["edit"], 1, {"endpoint": "edits", "uploads": 1}),
        (["edit", "--retexture"], 1, {"endpoint": "retexture", "uploads": 1}),
        (["video", "it runs", "--motion", "high", "--loop", "--count", "2", "--image"], 1, {"endpoint": "video"}),
        (["swap-face"], 2, {"endpoint": "insight-face/swap", "uploads": 2}),
    ],
)
def test_every_verb_asks_for_what_it_says(home, picture, arguments, images, wanted):
    files = [picture(f"{number}.png") for number in range(images)]
    words = ["with", "snow", "--ar", "1:1"] if arguments[0] == "edit" else []
    (task,) = home.objects(*arguments, *files, *words, "--tag", "cli")
    assert (task["status"], task["origin"], task["tags"]) == ("SUCCESS", "cli", ["cli"])
    (noted,) = [each for each in home.noted() if each["state"] == task["id"]]
    noted["endpoint"] = noted["endpoint"].removeprefix("submit/")
    noted["mode"] = (noted["mode"] or "").upper()
    assert wanted.items() <= noted.items()
    assert not words or task["prompt"] == "with snow --ar 1:1"


def test_a_video_goes_on(home, picture):
    (first,) = home.objects("video", "it runs", "--image", picture())
    tasks = home.objects("video", "on and on", "--extend", first["id"])
    assert [task["parent_id"] for task in tasks] == [None, first["id"]]


@pytest.mark.parametrize(("verb", "said"), [("describe", "1️⃣ 一只猫, a cat"), ("shorten", "a very long")])
def test_what_is_said_is_printed(home, picture, verb, said):
    outcome = home.run(verb, picture() if verb == "describe" else "a very long prompt of many many words")
    assert (outcome.exit_code, outcome.stderr) == (0, "")
    assert said in outcome.stdout
    assert "IMAGINE" not in outcome.stdout and "✓" not in outcome.stdout


def test_the_addresses_of_what_was_uploaded_are_printed(home, picture):
    outcome = home.run("upload", picture("a.png"), picture("b.png"))
    assert outcome.exit_code == 0
    assert [line.startswith(f"{home.gateway}/uploads/") for line in outcome.stdout.splitlines()] == [True, True]


def test_a_file_that_is_no_picture_is_refused_before_anything_is_sent(home, tmp_path, picture):
    before = len(home.noted())
    (tmp_path / "page.png").write_text("<html>")
    (tmp_path / "photo.jpg").write_bytes(JPEG)
    for arguments, said in (
        (["describe", str(tmp_path / "none.png")], "none.png' cannot be read: No such file or directory"),
        (["describe", str(tmp_path)], "cannot be read: Is a directory"),
        (["blend", picture(), str(tmp_path / "page.png")], "page.png': it is a web page (HTML); gateways take PNG"),
    ):
        outcome = home.run(*arguments)
        assert (outcome.exit_code, outcome.stdout) == (2, "")
        assert said in outcome.stderr
    alone = home.run("blend", picture())
    assert (alone.exit_code, alone.stderr) == (1, "images: BLEND takes 2 to 5, not 1\n")
    assert len(home.noted()) == before


def test_a_window_is_answered_with_the_click_or_later(home, single, picture):
    tasks = home.objects("click", single["id"], "Vary (Region)", "--prompt", "戴帽子", "--mask", picture("m.png"))
    assert tasks[-1]["action"] == "INPAINT"
    opened = home.run("click", single["id"], "Vary (Region)")
    assert opened.exit_code == 1
    window = next(line for line in opened.stderr.splitlines() if "needs you" in line)
    task_id = window.split()[-3]
    assert window.endswith(f"it opened a window; to answer it: ringback modal {task_id} --prompt TEXT")
    answered = home.objects("modal", task_id, "--prompt", "with a hat")
    assert {task["status"] for task in answered} == {"SUCCESS"}
    late = home.run("modal", task_id)
    assert (late.exit_code, "It has no open window: it is SUCCESS." in late.stderr) == (1, True)


def test_what_has_ended_is_not_cancelled(home, grid):
    outcome = home.run("cancel", grid["id"])
    assert (outcome.exit_code, "It has ended: it is SUCCESS." in outcome.stderr) == (1, True)


def test_what_waits_is_cancelled(open_home):
    home = open_home("http://127.0.0.1:9")  # nobody is there: it stays planned
    task_id = home.ringback.postponed()["id"]
    outcome = home.run("cancel", task_id)
    assert (outcome.exit_code, outcome.stdout) == (
        0,
        "⊘ IMAGINE  It was cancelled before its gateway was asked.\n",
    )
    assert home.run("cancel", task_id, "--json").exit_code == 1


def test_usage_is_told(home, single):
    groups = home.objects("usage", "--by", "action")
    assert {"IMAGINE", "UPSCALE"} <= {each["key"] for each in groups}
    head, *rows = home.run("usage", "--by", "action").stdout.splitlines()
    assert head.split() == ["ACTION", "TASKS", "COST"]
    assert len(rows) == len(groups)
    assert "without a price" in rows[0]
    assert home.run("usage", "--since", "2099-01-01").stderr == "Nothing was spent.\n"
    assert len(home.objects("usage", "--by", "action", "--since", "1h")) == len(groups)
    assert "no span such as 7d" in home.run("usage", "--since", "soon").stderr


def test_tasks_are_adopted(home, grid):
    ours = grid["gateway_id"]
    outcome = home.run("tasks", "adopt", ours, "1234567890123456")
    assert outcome.exit_code == 1
    assert outcome.stdout == f"{ours}  known  {grid['id']}\n1234567890123456  missing\n"
    every = home.objects("tasks", "adopt", "--all")
    assert (ours, "known") in {(each["id"], each["result"]) for each in every}
    assert home.run("tasks", "adopt").stderr == "Name the ids, or say --all.\n"
    assert home.run("tasks", "adopt", "--all", "1").exit_code == 2
    assert home.run("tasks", "--limit", "1").exit_code == 0
