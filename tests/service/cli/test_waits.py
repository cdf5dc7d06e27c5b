"""Why a task waits, told to whoever waits for it."""

from datetime import UTC, datetime

import pytest

from service.cli.waits import explain_wait

pytestmark = pytest.mark.journey

NOW = datetime(2026, 11, 23, 1, 0, 5, tzinfo=UTC)


def submission(**more):
    return {"state": "planned", "attempts": 1, "next_at": None, "answer": None} | more


@pytest.mark.parametrize(
    ("answer", "attempts", "said"),
    [
        ({"error": "The gateway could not be reached: no."}, 3, "the gateway could not be reached: no (3 tries)"),
        ({"http_status": 200, "code": 23, "description": "队列已满"}, 1, "队列已满 (1 try)"),
        ({"http_status": 429, "description": ""}, 2, "the gateway answered HTTP 429 (2 tries)"),
        ({"description": "\x1b[2Jfull"}, 2, " [2Jfull (2 tries)"),
    ],
)
def test_the_reason_is_the_latest_answer_and_how_often_it_was_given(answer, attempts, said):
    assert str(explain_wait(submission(answer=answer, attempts=attempts), now=NOW)) == said


def test_the_next_try_is_told_where_it_is_known():
    later = submission(answer={"error": "no"}, next_at="2026-11-23T01:00:30.500Z")
    again = datetime(2026, 11, 23, 1, 0, 30, tzinfo=UTC).astimezone()
    assert str(explain_wait(later, now=NOW)) == f"no (1 try, the next at {again:%H:%M:%S})"
    assert explain_wait(later | {"next_at": "2026-11-23T01:00:05.000Z"}, now=NOW).again is None


def test_what_nobody_has_refused_yet_just_waits():
    assert explain_wait(submission(attempts=0), now=NOW) is None


def test_a_wait_that_runs_out_says_why(open_home):
    nobody = open_home("http://127.0.0.1:9")  # nobody is there
    outcome = nobody.run("submit", "a", "fox", "--timeout", "0.5")
    assert outcome.exit_code == 1
    over, why = outcome.stderr.splitlines()
    assert over.startswith("Not over after 0.5 s. It goes on: ringback watch 8")
    assert why.startswith("IMAGINE 8") and " waits: the gateway could not be reached: " in why
    assert why.endswith(").") and ("tries" in why or "1 try" in why)
