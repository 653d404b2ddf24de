"""Answers of the API server as the service hears of them."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from bayplan.extender.api import ApiError
from bayplan.extender.api.answers import Reply
from bayplan.extender.service.api import ApiCalls
from bayplan.extender.service.calls import CallFailed, PodName, Sure
from bayplan.extender.service.evictions import Eviction, evict


class Answers:
    """A client that is answered the same each time."""

    def __init__(self, data: bytes) -> None:
        self.data = data

    async def call(self, *asked: Any) -> Reply:
        return Reply(200, self.data)


def test_what_is_no_object_is_a_call_that_failed() -> None:
    def read(data: bytes) -> object:
        calls = ApiCalls(Answers(data), None)  # type: ignore[arg-type]
        return asyncio.run(calls.read("/api/v1/namespaces/n/pods/p"))

    assert read(b'{"kind": "Pod"}') == {"kind": "Pod"}
    for data in (b"<html>sign in</html>", b"[]", b""):
        with pytest.raises(CallFailed, match="GET /api/v1/namespaces/n/pods/p: no object"):
            read(data)


class Refusals:
    """A client that notes what is asked, and is always refused."""

    def __init__(self, status: int) -> None:
        self.status, self.asked = status, list[Any]()

    async def call(self, *asked: Any, **more: Any) -> Reply:
        self.asked.append((asked, more))
        raise ApiError("refused", self.status)


@pytest.mark.parametrize(
    ("status", "result", "sure"),
    [(429, Eviction.REFUSED, Sure.NO), (404, Eviction.GONE, Sure.NO),
     (409, Eviction.GONE, Sure.NO), (403, Eviction.FAILED, Sure.NO),
     (0, Eviction.FAILED, Sure.MAYBE)],
)  # fmt: skip
def test_an_eviction_is_of_that_very_pod_and_a_budget_is_not_asked_again(
    status: int, result: Eviction, sure: Sure
) -> None:
    client = Refusals(status)
    calls, pod = ApiCalls(client, None), PodName("n", "p", "uid-p")  # type: ignore[arg-type]
    assert asyncio.run(evict(calls, pod)) == (result, "refused")
    (((operation, method, path, body), more),) = client.asked
    assert (operation, method) == ("evict", "POST")
    assert path == "/api/v1/namespaces/n/pods/p/eviction"
    assert body == {
        "apiVersion": "policy/v1",
        "kind": "Eviction",
        "metadata": {"name": "p", "namespace": "n"},
        "deleteOptions": {"preconditions": {"uid": "uid-p"}},
    }
    assert more["again"] == {0, 500, 502, 503, 504}
    with pytest.raises(CallFailed) as failed:
        asyncio.run(calls.evict(pod))
    assert (failed.value.status, failed.value.happened) == (status, sure)
