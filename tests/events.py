"""Events as hypothesis thinks them up: every type, whatever texts gateways and people may have written."""

import msgspec
from hypothesis import strategies as st

from storage.records import (
    CHAIN_SETTLED,
    CONTRADICTED,
    DELIVERY_EXHAUSTED,
    EVENT_TYPES,
    JSON,
    RULE_PAUSED,
    SUBSCRIPTION_DISABLED,
    Button,
    Chain,
    Event,
    Picture,
    Status,
    Task,
)

# Everything that UTF-8 can write; what stands beside it is what others have stumbled over.
TEXTS = st.text(max_size=40) | st.sampled_from(
    ("", "一只猫 --ar 16:9", "👩\u200d🚀\u2028\u2029\0\x1b</script>", "\ufeff", "a.b,c")
)
TIMES = st.integers(min_value=0, max_value=7_258_118_400_000)
SEQS = st.integers(min_value=1, max_value=2**63 - 1)
NUMBERS = st.integers() | st.floats(allow_nan=False, allow_infinity=False)
VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=8,
)
OBJECTS = st.dictionaries(TEXTS, VALUES, max_size=4)
IDS = st.from_regex(r"8[0-9]{15}", fullmatch=True)
LISTS = {"max_size": 4}

BUTTONS = st.builds(
    Button, label=TEXTS, emoji=TEXTS, custom_id=st.none() | TEXTS, kind=TEXTS, index=st.none() | st.integers(1, 4)
)
TASKS = st.builds(
    Task,
    id=IDS,
    root_id=IDS,
    gateway=TEXTS,
    gateway_id=st.none() | TEXTS,
    action=st.sampled_from(("IMAGINE", "UPSCALE", "VIDEO")) | TEXTS,
    status=st.sampled_from(list(Status)) | TEXTS,
    progress=st.none() | st.integers(0, 100),
    prompt=st.none() | TEXTS,
    params=OBJECTS,
    image_url=st.none() | TEXTS,
    video_urls=st.lists(TEXTS, **LISTS).map(tuple),
    buttons=st.lists(BUTTONS, **LISTS).map(tuple),
    fail_reason=st.none() | TEXTS,
    origin=TEXTS,
    tags=st.lists(TEXTS, **LISTS).map(tuple),
    state=st.none() | TEXTS,
    cost=st.none() | st.floats(0, 1e9),
    created_at=TIMES,
    updated_at=TIMES,
    submitted_at=st.none() | TIMES,
    finished_at=st.none() | TIMES,
    properties=OBJECTS,
)
PICTURES = st.builds(
    Picture, task_id=IDS, action=TEXTS, index=st.none() | st.integers(1, 4), image_url=st.none() | TEXTS
)
COUNTS = st.dictionaries(TEXTS, st.integers(0, 99), max_size=3)
CHAINS = st.builds(
    Chain,
    root_id=IDS,
    tasks=st.integers(0, 999),
    succeeded=COUNTS,
    failed=COUNTS,
    cancelled=COUNTS,
    retried=COUNTS,
    lost=st.integers(0, 9),
    cost=st.none() | st.floats(0, 1e9),
    pictures=st.lists(PICTURES, **LISTS).map(tuple),
).map(msgspec.to_builtins)

_DATA: dict[str, st.SearchStrategy[JSON]] = {
    CONTRADICTED: st.fixed_dictionaries({"claim": OBJECTS}),
    CHAIN_SETTLED: st.fixed_dictionaries({"chain": CHAINS}),
    RULE_PAUSED: st.fixed_dictionaries({"rule": TEXTS, "origin": TEXTS, "detail": TEXTS}),
    SUBSCRIPTION_DISABLED: st.fixed_dictionaries(
        {"subscription_id": TEXTS, "host": TEXTS, "reason": TEXTS, "failing_since": st.none() | TIMES}
    ),
    DELIVERY_EXHAUSTED: st.fixed_dictionaries(
        {
            "subscription_id": TEXTS,
            "delivery_id": SEQS,
            "event": st.fixed_dictionaries({"seq": SEQS, "id": TEXTS, "type": st.sampled_from(EVENT_TYPES)}),
            "attempts": st.integers(1, 99),
            "error": TEXTS,
        }
    ),
}
_NEWS = frozenset({RULE_PAUSED, SUBSCRIPTION_DISABLED, DELIVERY_EXHAUSTED})  # which may be about no task


@st.composite
def events(draw: st.DrawFn) -> Event:
    """An event as the ledger gives it."""
    event_type = draw(st.sampled_from(EVENT_TYPES))
    said = draw(_DATA.get(event_type, OBJECTS))
    return Event(
        seq=draw(SEQS),
        id=draw(st.from_regex(r"evt_[0-9a-f]{12,20}", fullmatch=True)),
        type=event_type,
        time=draw(TIMES),
        task=draw(st.none() | TASKS if event_type in _NEWS else TASKS),
        data={"source": draw(st.sampled_from(("callback", "fetch", "submit", "service")))} | said,
    )
