"""`ringback rules retry`, beside a running service."""

import json

import pytest
from click.testing import CliRunner

from service.cli.main import main
from storage.effects import fail_effect

RULES = """
rules:
  - id: tell
    on: task.succeeded
    match: {action: IMAGINE}
    do:
      - notify: {url: "http://127.0.0.1:9/one", text: a}
      - notify: {url: "http://127.0.0.1:9/two", text: b}
"""


@pytest.fixture
def retry(start_ringback, tmp_path):
    """Runs the verb beside a service that gave up two notifications."""
    config = tmp_path / "ringback.yaml"
    config.write_text(RULES)
    with start_ringback(RINGBACK_CONFIG=str(config)) as running:
        environ = {"RINGBACK_URL": running.url, "RINGBACK_API_KEY": "api-0123456789abcdef"}
        running.grid()
        for effect in (1, 2):
            running.service.store.submit(fail_effect, effect, "410 Gone").result(10)

        def run(*arguments):
            return CliRunner().invoke(main, ("rules", "retry", *arguments), env=environ)

        yield run


def test_what_was_given_up_is_tried_again(retry):
    assert retry("tell").stdout == "2 notifications and downloads of tell are tried again.\n"
    outcome = retry()
    assert (outcome.exit_code, outcome.stderr) == (0, "No notification or download was given up.\n")
    assert json.loads(retry("--json").stdout) == {"retried": 0}
    assert retry("nowhere").exit_code == 1
