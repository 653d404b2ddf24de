"""Answers of the API server as the service hears of them."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from bayplan.extender.api.answers import Reply
from bayplan.extender.service.api import ApiCalls
from bayplan.extender.service.calls import CallFailed


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
