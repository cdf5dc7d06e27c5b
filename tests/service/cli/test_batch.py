"""Files of prompts: each row is submitted once, however often."""

import json

import httpx
import pytest

from service.cli.batch import identify, submit_rows
from service.cli.rows import Row

pytestmark = pytest.mark.journey

CSV = "\ufefftitle,ar\n红狐狸,16:9\na cat,1:1\na cat,1:1\n"
ORDER = {"images": (), "options": {"mode": None, "bot_type": None}, "tags": (), "origin": "cli"}


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "prompts.csv"
    path.write_text(CSV, encoding="utf-8")
    return path


def run(home, file, *more):
    return home.run("submit", "-f", str(file), "--template", "{title} --ar {ar}", *more)


def prompts(home, tag):
    return [task["prompt"] for task in home.ringback.get("/v1/tasks", tag=tag).json()["tasks"]]


def test_no_row_is_submitted_twice(home, file):
    first = run(home, file, "--tag", "batch-1", "--then", "U1")
    assert (first.exit_code, first.stdout, first.stderr) == (0, "3 rows: 3 opened, 0 there already, 0 failed.\n", "")
    assert sorted(set(prompts(home, "batch-1"))) == ["a cat --ar 1:1", "红狐狸 --ar 16:9"]
    again = run(home, file, "--tag", "another")
    assert (again.exit_code, again.stdout) == (0, "3 rows: 0 opened, 3 there already, 0 failed.\n")
    file.write_text("ar,title,more\n16:9,a dog,x\n1:1,a cat,y\n16:9,红狐狸,z\n1:1,a cat,\n1:1,a cat,new\n")
    longer = run(home, file, "--tag", "batch-2")
    assert longer.stdout == "5 rows: 2 opened, 3 there already, 0 failed.\n"
    assert sorted(prompts(home, "batch-2")) == ["a cat --ar 1:1", "a dog --ar 16:9"]
    assert prompts(home, "another") == []


def test_what_became_of_each_row_is_told_as_json(home, file):
    file.write_text("title,ar\nbird,2:3\n")
    opened, known = (json.loads(run(home, file, "--json").stdout) for _ in range(2))
    assert (opened["line"], opened["result"], opened["detail"]) == (2, "opened", None)
    assert (known["result"], known["task"]["id"]) == ("known", opened["task"]["id"])
    assert opened["task"]["state"].startswith("batch:")


def test_what_failed_is_not_submitted_again(open_home, file):
    home = open_home("http://127.0.0.1:9")
    file.write_text("title,ar\nfish,2:3\n")
    run(home, file)
    (task,) = home.ringback.get("/v1/tasks").json()["tasks"]
    while home.ringback.post(f"/v1/tasks/{task['id']}/cancel").status_code != 200:
        pass  # it is being tried just now
    again = run(home, file)
    assert (again.exit_code, again.stdout) == (0, "1 rows: 0 opened, 1 there already, 0 failed.\n")
    assert again.stderr == "1 of those there already did not succeed; they are not submitted again.\n"


def test_every_mistake_of_a_file_is_told_before_anything_is_sent(home, file):
    before = len(home.noted())
    file.write_text("title,ar\n,1:1\nx,\n")
    outcome = run(home, file)
    assert (outcome.exit_code, outcome.stdout) == (1, "")
    assert outcome.stderr.splitlines() == [f"{file}: line 2: 'title' is empty", f"{file}: line 3: 'ar' is empty"]
    assert len(home.noted()) == before


def test_one_mistake_of_every_row_is_told_once(home, file):
    file.write_text("title,ar\n" + "".join(f"row {number},1:1\n" for number in range(12)))
    outcome = run(home, file, "--gateway", "nowhere")
    assert (outcome.exit_code, outcome.stdout) == (1, "12 rows: 0 opened, 0 there already, 12 failed.\n")
    (line,) = outcome.stderr.splitlines()
    assert line.startswith("lines 2, 3, 4, 5, 6, 7, 8, 9, 10, 11 and 2 more: gateway: 'nowhere' is not configured")


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (["-f", "none.csv"], 2, "none.csv cannot be read: No such file or directory."),
        (["-f", "FILE", "a prompt"], 2, "Either a prompt or -f; not both."),
        (["-f", "FILE", "--wait"], 2, "--wait does not go with -f, which submits and does not wait."),
        (["-f", "FILE", "--state", "s"], 2, "--state does not go with -f, which submits"),
        (["a prompt", "--template", "{x}"], 2, "--template goes with -f."),
        (["-f", "FILE"], 1, "there is no column 'prompt'; there is 'title', 'ar'"),
    ],
)
def test_what_makes_no_sense_is_told(home, file, arguments, status, said):
    outcome = home.run("submit", *(str(file) if each == "FILE" else each for each in arguments))
    assert (outcome.exit_code, outcome.stdout) == (status, "")
    assert said in outcome.stderr


def test_a_row_is_known_by_what_it_draws_alone():
    row = Row(2, "a cat", 1)
    same = identify(row, ORDER)
    assert identify(Row(9, "a cat", 1), ORDER | {"tags": ("t",), "gateway": "g", "then": ("U1",)}) == same
    others = [
        identify(Row(2, "a cat", 2), ORDER),
        identify(Row(2, "a dog", 1), ORDER),
        identify(row, ORDER | {"images": ("data:,x",)}),
        identify(row, ORDER | {"options": {"bot_type": "NIJI_JOURNEY"}}),
    ]
    assert len({same, *others}) == 5


def test_when_the_service_is_away_the_rest_is_not_sent(make_api, answers):
    wire = answers(httpx.ConnectError("gone"))
    done = submit_rows(make_api(wire), [Row(line, "x", line) for line in range(200)], ORDER)
    assert {each.result for each in done} == {"failed"}
    assert len(wire.requests) < 50
    assert "it was not sent" in {each.detail for each in done}


def test_a_connection_that_broke_opens_no_second_task(make_api, answers, a_task):
    wire = answers(httpx.ReadError("x"), httpx.Response(202, json=a_task()))
    (done,) = submit_rows(make_api(wire), [Row(2, "x", 1)], ORDER)
    assert done.result == "opened"
    keys = {request.headers["idempotency-key"] for request in wire.requests}
    assert (len(wire.requests), len(keys)) == (2, 1)
    assert json.loads(wire.requests[0].content)["once"] is True
