"""The loop that the extender runs on, and what it does once it has its state."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Iterator

import pytest

from bayplan.extender import loop


@pytest.fixture
def _collector_as_it_was() -> Iterator[None]:
    yield
    gc.unfreeze()


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


def test_collections_are_rare_while_it_runs_and_as_before_afterwards() -> None:
    before = gc.get_threshold()

    async def fails() -> None:
        assert gc.get_threshold() == loop.RARE
        raise ValueError("as it ends")

    with pytest.raises(ValueError, match="as it ends"):
        loop.run(fails())
    assert gc.get_threshold() == before


@pytest.mark.usefixtures("_collector_as_it_was")
def test_what_is_there_is_left_out_of_collections() -> None:
    thing = [[]]  # type: list[list[object]]
    loop.settle()
    assert gc.get_freeze_count() > 0
    assert not any(each is thing for each in gc.get_objects())
