"""The loop that the extender runs on, and what it does once it has its state."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Iterator

import pytest

from bayplan.extender import loop


@pytest.fixture
def _collector_as_it_was() -> Iterator[None]:
    threshold = gc.get_threshold()
    yield
    gc.unfreeze()
    gc.set_threshold(*threshold)


def test_a_coroutine_runs_to_its_end_and_what_it_leaves_behind_is_cancelled() -> None:
    left: list[str] = []

    async def waits() -> None:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            left.append("cancelled")
            raise

    async def main() -> int:
        left.append(repr(asyncio.ensure_future(waits())))
        await asyncio.sleep(0)
        return 7

    assert loop.run(main()) == 7
    assert left[1:] == ["cancelled"]


@pytest.mark.usefixtures("_collector_as_it_was")
def test_what_is_there_is_left_out_of_collections() -> None:
    thing = [[]]  # type: list[list[object]]
    loop.settle()
    assert gc.get_freeze_count() > 0
    assert not any(each is thing for each in gc.get_objects())
