"""`/asyncapi.json` against the schema that AsyncAPI publishes."""

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft7Validator
from jsonschema.validators import validator_for

from service.web.asyncapi import describe_channels
from service.web.schema import describe_schemas
from service.web.site import list_calls


@pytest.fixture(scope="module")
def official(node_modules: Path) -> Draft7Validator:
    # The one without "$id" is one document: nothing in it leads to the network.
    written = json.loads((node_modules / "@asyncapi/specs/schemas/3.0.0-without-$id.json").read_bytes())
    assert validator_for(written) is Draft7Validator
    return Draft7Validator(written)


@pytest.fixture(scope="module")
def schemas() -> dict[str, Any]:
    return describe_schemas(list_calls(None))  # type: ignore[arg-type]


@pytest.mark.parametrize("public_url", [None, "https://ringback.example", "http://10.0.0.1:8000/behind/a/path"])
def test_it_is_asyncapi(official: Draft7Validator, schemas: dict[str, Any], public_url: str | None) -> None:
    document = json.loads(json.dumps(describe_channels(schemas, public_url)))
    assert [error.message[:200] for error in official.iter_errors(document)] == []


def test_the_oracle_notices_a_mistake(official: Draft7Validator, schemas: dict[str, Any]) -> None:
    document = describe_channels(schemas, None)
    document["operations"]["deliver"]["action"] = "shout"
    assert not official.is_valid(document)
