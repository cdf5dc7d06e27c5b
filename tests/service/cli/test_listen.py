"""`ringback listen`: events as they come, and each of them to a program on this machine."""

import json
import os
import subprocess
import sys
import threading
from contextlib import contextmanager
from pathlib import Path

import pytest
from click.testing import CliRunner
from standardwebhooks import Webhook

from service.cli.main import main

pytestmark = pytest.mark.journey

PROGRAM = Path(sys.executable).with_name("ringback")
API_KEY = "api-0123456789abcdef"
PATIENCE = 10.0  # seconds until a test gives up waiting


class Listener:
    """`ringback listen` as a program beside a service."""

    def __init__(self, process):
        self._process = process
        self._said = []
        self._came = threading.Condition()
        self._threads = [threading.Thread(target=self._keep, args=(each,)) for each in (process.stdout, process.stderr)]
        for thread in self._threads:
            thread.start()

    def _keep(self, lines):
        for line in lines:
            with self._came:
                self._said.append(line.rstrip("\n"))
                self._came.notify_all()

    def wait_for(self, words):
        """The first line that holds these words, as soon as it was printed."""

        def found():
            return next((line for line in self._said if words in line), None)

        with self._came:
            assert self._came.wait_for(found, PATIENCE), (words, self._said)
            return found()

    def count(self, words):
        return sum(words in line for line in self._said)

    def stop(self):
        """Ctrl-C; gives the exit status."""
        self._process.send_signal(2)
        status = self._process.wait(PATIENCE)
        for thread in self._threads:
            thread.join(PATIENCE)
        return status


@pytest.fixture
def listen(ringback, tmp_path):
    """Starts `ringback listen …`; its state lies in the test's own folder."""

    @contextmanager
    def start(*arguments):
        environ = {name: value for name, value in os.environ.items() if not name.startswith("RINGBACK_")}
        environ |= {"RINGBACK_URL": ringback.url, "RINGBACK_API_KEY": API_KEY, "XDG_STATE_HOME": str(tmp_path)}
        with subprocess.Popen(
            [PROGRAM, "listen", *arguments],
            env=environ,
            cwd=tmp_path,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as process:
            listener = Listener(process)
            try:
                yield listener
            finally:
                if process.poll() is None:
                    listener.stop()

    return start


def seqs(box):
    return [post.json["data"]["seq"] for post in box.posts]


def test_events_are_printed_as_they_come(ringback, listen):
    task = ringback.grid(tags=["listened"])
    with listen("--json", "--task", task["id"], "--from-start") as listener:
        events = [json.loads(listener.wait_for(f'"type":"{each}"')) for each in ("task.submitted", "chain.settled")]
        assert {event["task"]["id"] for event in events} == {task["id"]}
        assert listener.stop() == 130


def test_each_event_goes_to_the_program_signed_and_in_order(ringback, listen, box):
    task = ringback.grid()
    told = ringback.get("/v1/events", task=task["id"]).json()["events"]
    with listen("--forward", box.url, "--task", task["id"], "--from-start") as listener:
        box.wait(count=3)
        secret = listener.wait_for("its secret, to verify it with").split()[-1]
        assert secret == ringback.get("/v1/webhook-secret").json()["secret"]
        listener.wait_for(f"chain.settled {told[-1]['seq']}: taken with HTTP 204 in ")
    assert [Webhook(secret).verify(post.body, post.headers)["type"] for post in box.posts] == [
        "task.submitted",
        "task.succeeded",
        "chain.settled",
    ]
    assert [post.headers["webhook-id"] for post in box.posts] == [event["id"] for event in told]


@pytest.mark.parametrize("form", ["standard", "cloudevents", "cloudevents-binary", "gateway"])
def test_the_program_is_sent_what_the_service_sends_to_its_subscribers(allowing, tmp_path, subscriber, form):
    sent, forwarded = subscriber.open_box(), subscriber.open_box()
    subscription = allowing.post("/v1/subscriptions", {"url": sent.url, "events": ["*"], "format": form}).json()
    task = allowing.grid(prompt="水墨画 --ar 16:9", then=["U1"])
    child = allowing.get(f"/v1/tasks/{task['id']}/chain").json()["tasks"][1]
    allowing.succeed(child["id"])
    count = 4 if form == "gateway" else 5
    sent.wait(count=count)
    assert allowing.http.delete(f"/v1/subscriptions/{subscription['id']}").status_code == 204

    environ = {"RINGBACK_URL": allowing.url, "RINGBACK_API_KEY": API_KEY, "XDG_STATE_HOME": str(tmp_path)}
    environ |= {"PATH": os.environ["PATH"]}
    first = allowing.get("/v1/events", root=task["id"], limit=1).json()["events"][0]["seq"]
    arguments = ["listen", "--forward", forwarded.url, "--format", form, "--after", str(first - 1)]
    with subprocess.Popen(
        [PROGRAM, *arguments], env=environ, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as it:
        try:
            forwarded.wait(count=count)
        finally:
            it.terminate()

    def of(box):
        changing = ("webhook-timestamp", "webhook-signature", "host", "accept", "accept-encoding", "connection")
        return {
            post.headers["webhook-id"]: (
                {name: value for name, value in post.headers.items() if name not in changing},
                post.body,
            )
            for post in box.posts
        }

    assert len(of(sent)) == count
    assert of(forwarded) == of(sent)


def test_the_next_run_goes_on_where_the_last_one_stopped(ringback, listen, box):
    task = ringback.open()
    ringback.gateway.wait_for(task["id"])
    told = ["--forward", box.url, "--task", task["id"]]
    with listen(*told, "--from-start") as listener:
        box.wait(lambda post: post.json["type"] == "task.submitted")
        listener.wait_for("task.submitted ")
        listener.wait_for("taken with HTTP 204")
    before = len(box.posts)
    ringback.succeed(task["id"])
    with listen(*told) as listener:
        listener.wait_for("It goes on after event ")
        box.wait_for("chain.settled")
        listener.wait_for("chain.settled ")
    assert seqs(box) == sorted(set(seqs(box)))
    assert len(box.posts) == before + 2
    with listen(*told, "--from-start"):
        box.wait(count=2 * (before + 2) - 1)


def test_the_first_run_begins_with_the_next_event_and_keeps_that_place(ringback, listen, box):
    ringback.grid()
    with listen("--forward", box.url, "--type", "task.submitted") as listener:
        listener.wait_for("its secret")
        task = ringback.open()
        box.wait_for("task.submitted", task["id"])
    assert len(box.posts) == 1


def test_an_event_that_is_not_taken_is_sent_again_before_the_next(ringback, listen, box):
    box.status = 500
    task = ringback.grid()
    with listen("--forward", box.url, "--task", task["id"], "--from-start") as listener:
        listener.wait_for("127.0.0.1 answers HTTP 500 Internal Server Error. Trying again in 1 s.")
        box.status = 200
        box.wait_for("chain.settled")
        assert listener.stop() == 130
        assert listener.count("Traceback") == 0
    first, second, *_ = seqs(box)
    assert first == second
    assert sorted(seqs(box)) == seqs(box)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--after", "3", "--from-start"], "two places to begin at"),
        (["--format", "gateway"], "give --forward too"),
        (["--forward", "ftp://localhost/hook"], "--forward: "),
        (["--forward", "http://user:hidden@localhost/hook"], "--forward: "),
        (["--forward", ""], "--forward: "),
    ],
)
def test_what_cannot_work_is_refused(ringback, tmp_path, arguments, said):
    environ = {"RINGBACK_URL": ringback.url, "RINGBACK_API_KEY": API_KEY, "XDG_STATE_HOME": str(tmp_path)}
    outcome = CliRunner().invoke(main, ["listen", *arguments], env=environ)
    assert outcome.exit_code == 2
    assert said in outcome.output
    assert "hidden" not in outcome.output
