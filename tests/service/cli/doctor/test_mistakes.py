"""A mistake is told once, with what it means for the service."""

import json
from pathlib import Path
from typing import Any

import pytest

from service.config import ConfigError, load_config

FILE = "rules:\n  - id: a\n    on: task.succeeded\n    match: {action: IMAGINE}\n    do: [click: U1]\n"


@pytest.mark.journey
def test_a_file_that_the_running_service_refused_is_told_once(
    start_ringback: Any, make_doctor: Any, simulate: Any, tmp_path: Path
) -> None:
    (config := tmp_path / "ringback.yaml").write_text(FILE)
    url = simulate()
    with start_ringback(RINGBACK_GATEWAY_URL=url, RINGBACK_CONFIG=str(config)) as service:
        config.write_text(FILE.replace("succeeded", "suceeded"))
        with pytest.raises(ConfigError) as refused:
            load_config(config, named=True, environ={})
        service.service._ruling.refuse(refused.value.mistakes)  # as it does when it looks
        doctor = make_doctor(url, service=service)
        lines = [json.loads(line) for line in doctor.run("--json").stdout.splitlines()]
        (finding,) = [line for line in lines if line["check"] == "rules"]
        assert "ringback.yaml:3:9: " in finding["detail"]
        mend = f"Mend it in {config}; the service "
        assert finding["remedy"] == f"{mend}goes on with the rules before; it would not start again."
    assert doctor.find()["rules"]["remedy"] == f"{mend}does not start before."


@pytest.mark.journey
def test_where_no_keys_can_be_the_mistake_is_told_all_the_same(make_doctor: Any, simulate: Any) -> None:
    findings = make_doctor(simulate(), RINGBACK_API_KEYS="", RINGBACK_DATABASE="/").find()
    assert "RINGBACK_DATABASE: / is a folder" in findings["settings"]["detail"]
