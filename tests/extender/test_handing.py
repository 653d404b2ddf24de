"""From threads to the event loop: in order, in bounded number, in short turns."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Sequence

import pytest
from prometheus_client import CollectorRegistry

from bayplan.extender.watch import handing
from bayplan.extender.watch.handing import Handing
from bayplan.extender.watch.kinds import KINDS, NODES, PODS
from bayplan.extender.watch.lines import Line
from bayplan.extender.watch.steps import Changes, PageOut, Replaced, Replacing, Told
from bayplan.extender.watch.telling import Counters
from bayplan.traces.kubernetes.objects import Object

from .api_support import Mirror, until

NODE, POD = (next(kind for kind in KINDS if kind.name == name) for name in (NODES, PODS))


def things(count: int, name: str = "t") -> list[Object]:
    return [{"metadata": {"name": f"{name}{i}", "uid": f"{name}{i}"}} for i in range(count)]


def handed(sink: Mirror) -> Handing:
    loop = asyncio.get_running_loop()
    counters = Counters(CollectorRegistry(), [NODES, PODS])
    return Handing(sink, counters, loop, lambda kind, absent: None)


def put_all(to: Handing, told: Sequence[Told]) -> threading.Thread:
    thread = threading.Thread(target=lambda: [to.put(POD, each) for each in told])
    thread.start()
    return thread


def test_calls_are_in_order_and_pages_in_slices() -> None:
    async def story() -> list[tuple[str, str]]:
        mirror = Mirror()
        line = Line("DELETED", things(1)[0], "2")
        told: list[Told] = [Replacing(), PageOut(things(120)), Replaced(), Changes([line])]
        thread = put_all(handed(mirror), told)
        await until(lambda: len(mirror.calls) == 6)
        thread.join()
        assert len(mirror.known[PODS]) == 119
        return mirror.calls

    names = [name for name, _ in asyncio.run(story())]
    assert names == ["replacing", "page", "page", "page", "replaced", "deleted"]


def test_a_thread_waits_while_the_event_loop_is_behind() -> None:
    async def story() -> None:
        mirror = Mirror()
        to = handed(mirror)
        thread = put_all(to, [Replacing(), *[PageOut(things(1500, f"p{i}-")) for i in range(4)]])
        time.sleep(0.2)  # the loop takes nothing meanwhile
        assert thread.is_alive(), "4,000 have room, 6,000 have not"
        await until(lambda: len(mirror.known.get(PODS, {})) == 6000)
        thread.join()

    asyncio.run(story())


def test_a_page_that_is_larger_than_all_the_room_comes_through() -> None:
    async def story() -> None:
        mirror = Mirror()
        put_all(handed(mirror), [Replacing(), PageOut(things(9000)), Replaced()])
        await until(lambda: mirror.count("replaced", PODS) == 1)
        assert len(mirror.known[PODS]) == 9000

    asyncio.run(story())


def test_others_on_the_loop_have_their_turns_between(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(handing, "TURN_S", 0.0)  # one call a turn

    async def story() -> int:
        mirror = Mirror()
        between = 0
        changes = Changes([Line("ADDED", thing, "1") for thing in things(200)])
        put_all(handed(mirror), [changes]).join()
        while len(mirror.calls) < 200:
            await asyncio.sleep(0)
            between += 1
        return between

    assert asyncio.run(story()) >= 200


def test_what_is_closed_takes_nothing_and_lets_go() -> None:
    async def story() -> None:
        mirror = Mirror()
        to = handed(mirror)
        thread = put_all(to, [PageOut(things(3000)), PageOut(things(3000))])
        time.sleep(0.05)
        to.close()
        thread.join(5.0)
        assert not thread.is_alive()
        await asyncio.sleep(0.02)
        assert mirror.calls == []
        assert not to.put(NODE, Replacing())

    asyncio.run(story())


def test_a_loop_that_is_closed_is_like_a_closed_end() -> None:
    async def story() -> Handing:
        return handed(Mirror())

    assert not asyncio.run(story()).put(NODE, Replacing())
