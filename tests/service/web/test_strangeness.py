"""Bodies that nobody meant: every call answers them as a mistake of the caller, and not as a fault of ours."""

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

pytestmark = pytest.mark.journey

TEXT = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"]), max_size=20),
    st.sampled_from(["IMAGINE", "VIDEO", "U1", "data:image/png;base64,", "data:,x", "8000000000000001", "upsample"]),
)
VALUE = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), TEXT),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(TEXT, inner, max_size=3)),
    max_leaves=6,
)
FIELDS = (
    "action",
    "prompt",
    "images",
    "options",
    "gateway",
    "state",
    "once",
    "then",
    "button",
    "kind",
    "index",
    "mask",
)
OPTIONS = st.dictionaries(
    st.sampled_from(["mode", "extra", "bot_type", "extend", "index", "loop", "batch_size", "dimensions"]), VALUE
)
BODY = st.one_of(
    VALUE,
    st.dictionaries(st.sampled_from([*FIELDS, "ids", "all", "tags"]), VALUE, max_size=5),
    st.fixed_dictionaries({"action": st.sampled_from(["IMAGINE", "VIDEO"]), "prompt": TEXT, "options": OPTIONS}),
)


@pytest.fixture(scope="module")
def grid(ringback: Any) -> str:
    return str(ringback.grid()["id"])


@pytest.mark.parametrize("path", ["", "/adopt", "/{grid}/click", "/{grid}/modal"])
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(body=BODY)
def test_no_body_is_a_fault_of_the_service(ringback: Any, grid: str, path: str, body: Any) -> None:
    answer = ringback.post(f"/v1/tasks{path.format(grid=grid)}", body)
    assert answer.status_code in (200, 202, 409, 415, 422, 501), (body, answer.text)
    if answer.status_code == 422:
        assert answer.json()["detail"]
