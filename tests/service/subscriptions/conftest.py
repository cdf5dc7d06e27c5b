"""Subscriptions as the ledger keeps them, and tasks that they look at."""

import pytest

from storage.records import Task
from storage.records_of_deliveries import Subscription


@pytest.fixture
def make_subscription():
    """Makes records: `make_subscription(events=("task.*",), match={"action": "UPSCALE"})`."""

    def make(name="a", events=("*",), **fields):
        base = {"origin": "api", "host": "shop.example:443", "sealed": "", "created_at": 0, "updated_at": 0}
        return Subscription(id=name, events=events, **base | fields)

    return make


@pytest.fixture
def make_task():
    def make(**fields):
        base = {"id": "8000000000000001", "root_id": "8000000000000001", "gateway": "g", "action": "IMAGINE"}
        return Task(**base | {"origin": "api", "created_at": 0, "updated_at": 0} | fields)

    return make
