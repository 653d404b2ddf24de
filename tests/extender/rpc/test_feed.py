"""Who watches decisions gets them in their order, and is told how many it missed."""

from __future__ import annotations

import asyncio

from hypothesis import given
from hypothesis import strategies as st

from bayplan.extender.remote.pb import bayplan_v1_pb2 as pb
from bayplan.extender.rpc.feed import Feed, Watch


def event(number: int) -> pb.DecisionEvent:
    return pb.DecisionEvent(kind=pb.WAITS, uid=str(number))


@given(st.lists(st.booleans(), max_size=60), st.integers(1, 5))
def test_events_come_in_order_and_each_is_seen_or_counted(steps: list[bool], most: int) -> None:
    watch = Watch(most)
    n_put, seen, missed = 0, list[int](), 0
    for puts in [*steps, False]:
        if puts:
            watch.put(event(n_put))
            n_put += 1
            continue
        taken = watch.take()
        assert len(taken) <= most
        missed += sum(each.missed for each in taken)
        seen += [int(each.uid) for each in taken]
        assert all(each.missed == 0 for each in taken[1:])
    assert seen == sorted(set(seen))
    assert len(seen) + missed == n_put


def test_what_one_watch_missed_is_not_told_to_another() -> None:
    slow, other = Watch(1), Watch(9)
    for number in range(3):
        shared = event(number)
        slow.put(shared)
        other.put(shared)
    assert [(each.uid, each.missed) for each in slow.take()] == [("2", 2)]
    assert [each.missed for each in other.take()] == [0, 0, 0]


def test_nobody_is_told_of_what_was_before_and_all_of_what_comes() -> None:
    async def main() -> list[list[str]]:
        feed = Feed(lambda: 7.0)
        feed.tell(pb.WAITS, "before")
        found: list[list[str]] = [[], []]

        async def listen(into: list[str]) -> None:
            async for each in feed.watch():
                assert each.time_s == 7.0
                into.append(each.uid)

        tasks = [asyncio.create_task(listen(into)) for into in found]
        while len(feed) < 2:
            await asyncio.sleep(0)
        feed.tell(pb.BOUND_TO, "one")
        feed.tell(pb.NOT_BOUND, "two")
        feed.end()
        await asyncio.gather(*tasks)
        assert len(feed) == 0
        return found

    assert asyncio.run(main()) == [["one", "two"]] * 2
