"""When pods may be bound: never by two extenders at once, however the Lease changes hands."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from bayplan.extender.leading.fence import Fence
from bayplan.extender.leading.settings import Timing

TIMING = Timing(lease_s=15, renew_s=10.0, retry_s=2.0)
SLACK_S = TIMING.retry_s
"""So long what was sent at the last moment may take until it is seen by the next."""


def open_times(fence: Fence, *times_s: float) -> list[bool]:
    return [fence.is_open(time_s) for time_s in times_s]


def test_it_opens_some_time_after_the_lease_has_come() -> None:
    fence = Fence("pod-a", TIMING)
    assert open_times(fence, 0.0, 100.0) == [False, False]
    for now_s in (0.0, 2.0, 4.0, 6.0):
        fence.see("pod-a_1f", now_s, now_s + 0.1)
    assert open_times(fence, 7.0, 7.2, 10.9, 11.0) == [False, True, True, False]


def test_it_is_shut_as_soon_as_the_lease_is_seen_elsewhere() -> None:
    for holder in ("pod-b_1f", "", "pod-aa_1f", "pod-a", "pod-a_x_1f"):
        fence = Fence("pod-a", TIMING)
        for now_s in range(0, 12, 2):
            fence.see("pod-a_1f", float(now_s), float(now_s))
        assert fence.is_open(10.0)
        fence.see(holder, 10.0, 10.0)
        assert not fence.is_open(10.0)
        assert not fence.is_ours(10.0)


def test_another_process_beside_it_or_a_time_without_looks_is_a_new_begin() -> None:
    for holder, at_s in (("pod-a_2f", 12.0), ("pod-a_1f", 15.0)):
        fence = Fence("pod-a", TIMING)
        for now_s in range(0, 12, 2):
            fence.see("pod-a_1f", float(now_s), float(now_s))
        fence.see(holder, at_s, at_s)
        assert fence.is_ours(at_s)
        assert not fence.is_open(at_s)


@given(
    st.lists(
        st.tuples(st.integers(0, 40), st.sampled_from(("a_1", "b_1", "a_2", ""))), max_size=12
    ),
    st.tuples(*(st.lists(st.tuples(st.integers(1, 30), st.integers(0, 12)), max_size=60),) * 2),
)
def test_two_are_never_open_at_once_and_there_is_time_between(
    changes: list[tuple[int, str]], looks: tuple[list[tuple[int, int]], ...]
) -> None:
    """``changes``: who holds the Lease from when on; ``looks``: when each looks, and how long."""
    holders = [(0, "")]
    for after, holder in changes:
        holders.append((holders[-1][0] + after, holder))

    def holder_at(tick: int) -> str:
        return [holder for since, holder in holders if since <= tick][-1]

    open_at: list[set[int]] = []
    for host, times in zip("ab", looks, strict=True):
        fence, tick, found = Fence(host, TIMING), 0, set[int]()
        for after, took in times:
            found |= {each for each in range(tick, tick + after) if fence.is_open(each / 4)}
            begun = tick + after
            # The server says who holds it at some moment of the look: at its begin here.
            found |= {each for each in range(begun, begun + took) if fence.is_open(each / 4)}
            fence.see(holder_at(begun), begun / 4, (begun + took) / 4)
            tick = begun + took
        found |= {each for each in range(tick, tick + 100) if fence.is_open(each / 4)}
        open_at.append(found)
    slack = int(SLACK_S * 4)
    for mine, theirs in (open_at, open_at[::-1]):
        for tick in mine:
            assert not theirs.intersection(range(tick - slack, tick + 1))
