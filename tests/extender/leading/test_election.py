"""Who leads, by true time: contenders with clocks of their own, pauses, and an API that fails."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bayplan.extender.leading.election import Election
from bayplan.extender.leading.lease import Record
from bayplan.extender.leading.settings import Timing

TIMING = Timing(lease_s=15, renew_s=10.0, retry_s=2.0)
GRID_S = 0.25


@dataclass
class Server:
    """A Lease with versions: nobody writes on one that is not the latest."""

    record: Record = field(default_factory=Record)
    n_writes: int = 0

    def write(self, record: Record) -> Record | None:
        if record.version != self.record.version:
            return None
        self.n_writes += 1
        self.record = replace(record, version=str(self.n_writes))
        return self.record


@dataclass
class Contender:
    """One process: ``offset_s`` is what its monotonic clock shows more than the true time has."""

    election: Election
    offset_s: float
    wall_s: float
    busy_until_s: float = 0.0

    def now_s(self, true_s: float) -> float:
        return true_s + self.offset_s

    def leads(self, true_s: float) -> bool:
        return self.election.leads(self.now_s(true_s))


@dataclass(frozen=True)
class Step:
    """What one contender does next, and how it goes; times in steps of ``GRID_S``.

    ``pause``: how long it does nothing before. ``read``, ``sent``, ``answered``: how long the
    answer to the read takes, the write to the server, and the answer back. ``lost``: the answer
    never comes. ``jump``: of its wall clock.
    """

    who: int
    pause: int
    read: int
    sent: int
    answered: int
    lost: bool
    dropped: bool
    wanted: bool
    jump: int


STEPS = st.builds(
    Step,
    who=st.integers(0, 2),
    pause=st.sampled_from((0, 1, 4, 8, 8, 8, 9, 30, 41, 80)),
    read=st.sampled_from((0, 0, 1, 5, 30)),
    sent=st.sampled_from((0, 0, 1, 5, 39, 40, 41, 80)),
    answered=st.sampled_from((0, 0, 1, 30)),
    lost=st.booleans(),
    dropped=st.booleans(),
    wanted=st.sampled_from((True, True, True, False)),
    jump=st.sampled_from((0, 0, 3600, -3600)),
)


@given(
    st.lists(st.tuples(STEPS, STEPS, STEPS), min_size=1, max_size=25),
    st.tuples(*(st.integers(-40_000, 40_000) for _ in range(3))),
)
def test_two_never_lead_at_once_whatever_clocks_pauses_and_the_api_do(
    rounds: list[tuple[Step, ...]], offsets: tuple[int, ...]
) -> None:
    run = Run(
        [Contender(Election(f"c{k}", TIMING), float(at), 1e9) for k, at in enumerate(offsets)]
    )
    for steps in rounds:
        for step in steps:
            run.begin(step)
    run.go()


class Run:
    """True time in steps; what a contender does is a row of things that happen at their times."""

    def __init__(self, contenders: list[Contender]) -> None:
        self.contenders, self.server = contenders, Server()
        self._due: list[tuple[int, int, Callable[[], None]]] = []
        self._free = [0] * len(contenders)
        self._n = 0
        self.n_led = 0

    def begin(self, step: Step) -> None:
        """Let a contender do a step once the one before is over."""
        at = self._free[step.who] + step.pause
        contender = self.contenders[step.who]
        read_at = at + step.read
        self._free[step.who] = read_at + step.sent + step.answered
        found: list[Record] = []
        self._at(at, lambda: found.append(self.server.record))

        def read() -> None:
            contender.wall_s += step.jump
            true_s = read_at * GRID_S
            now_s = contender.now_s(true_s)
            contender.election.see(found[0], now_s)
            record = contender.election.write(now_s, contender.wall_s + true_s, wanted=step.wanted)
            if record is None or step.dropped:
                return
            there: list[Record | None] = []
            arrives = read_at + step.sent
            self._at(arrives, lambda: there.append(self.server.write(record)))

            def answered() -> None:
                if there[0] is not None and not step.lost:
                    end_s = contender.now_s((arrives + step.answered) * GRID_S)
                    contender.election.written(there[0], now_s, end_s)

            self._at(arrives + step.answered, answered)

        self._at(read_at, read)

    def go(self) -> None:
        """Let all happen; after each step of true time at most one leads."""
        tick = 0
        while self._due:
            self._due.sort(key=lambda each: each[:2])
            tick = max(tick, self._due[0][0])
            while self._due and self._due[0][0] <= tick:
                self._due.pop(0)[2]()
                self._due.sort(key=lambda each: each[:2])
                self._check(tick)
            upcoming = self._due[0][0] if self._due else tick
            for each in range(tick, min(upcoming, tick + 200) + 1):
                self._check(each)

    def _at(self, tick: int, does: Callable[[], None]) -> None:
        self._n += 1
        self._due.append((tick, self._n, does))

    def _check(self, tick: int) -> None:
        leading = [c.election.identity for c in self.contenders if c.leads(tick * GRID_S)]
        assert len(leading) <= 1, f"at {tick * GRID_S} s: {leading}"
        self.n_led += bool(leading)


def test_the_simulation_has_leaders_and_finds_who_acts_for_too_long() -> None:
    def run_of(timing: Timing) -> Run:
        run = Run([Contender(Election(f"c{k}", timing), 0.0, 1e9) for k in range(2)])
        run.begin(Step(0, 0, 0, 0, 0, False, False, True, 0))
        for _ in range(12):  # every two seconds
            run.begin(Step(1, 8, 0, 0, 0, False, False, True, 0))
        return run

    fine = run_of(TIMING)
    fine.go()
    assert fine.n_led
    assert fine.server.record.holder == "c1"
    with pytest.raises(AssertionError, match=r"\['c0', 'c1'\]"):
        run_of(Timing(lease_s=15, renew_s=20.0)).go()


def taken(identity: str = "a", now_s: float = 100.0) -> tuple[Election, Server]:
    """Return one who has just taken the Lease."""
    server, election = Server(), Election(identity, TIMING)
    election.see(server.record, now_s)
    record = election.write(now_s, 0.0, wanted=True)
    assert record is not None
    there = server.write(record)
    assert there is not None
    election.written(there, now_s, now_s + 0.5)
    return election, server


def test_a_lease_that_is_not_there_is_taken_and_renewed() -> None:
    election, server = taken()
    assert server.record == Record(
        "a", 15, 0, "1970-01-01T00:00:00.000000Z", "1970-01-01T00:00:00.000000Z", "1"
    )
    assert (election.leads(109.9), election.leads(110.0)) == (True, False)  # since it was begun
    again = election.write(102.0, 3600.0, wanted=True)
    assert again == replace(server.record, renewed="1970-01-01T01:00:00.000000Z")


def test_another_waits_until_the_lease_has_not_changed_for_its_time_by_its_own_clock() -> None:
    _, server = taken()
    other = Election("b", TIMING)
    other.see(server.record, 7.0)  # its clock has another zero
    assert other.write(21.9, 0.0, wanted=True) is None
    server.write(replace(server.record, renewed="2026-01-01T00:00:00.000000Z"))
    other.see(server.record, 22.0)
    assert other.write(36.9, 0.0, wanted=True) is None
    record = other.write(37.0, 0.0, wanted=True)
    assert record is not None
    assert (record.holder, record.transitions, record.version) == ("b", 1, "2")


def test_a_renewal_differs_also_where_the_clock_stands_still() -> None:
    election, server = taken()
    again = election.write(102.0, 0.0, wanted=True)
    assert again is not None
    assert again.renewed == "1970-01-01T00:00:00.000001Z" != server.record.renewed


def test_who_is_not_to_lead_ends_first_and_lets_others_lead_after() -> None:
    election, server = taken()
    assert election.write(102.0, 0.0, wanted=False) is None
    assert not election.leads(102.0)
    record = election.write(104.0, 0.0, wanted=False)
    assert record is not None
    server.write(record)
    other = Election("b", TIMING)
    other.see(server.record, 0.0)
    wanted = other.write(0.0, 0.0, wanted=True)
    assert wanted is not None
    assert (server.record.holder, wanted.holder, wanted.transitions) == ("", "b", 1)


def test_whose_lease_was_taken_or_deleted_leads_no_longer() -> None:
    for there in (Record("b", 15, 1, version="2"), Record()):
        election, _ = taken()
        election.see(there, 103.0)
        assert not election.leads(103.0)
        assert election.write(117.9, 0.0, wanted=True) is None
        assert election.write(118.0, 0.0, wanted=True) is not None


def test_a_renewal_that_took_too_long_is_none() -> None:
    election, server = taken()
    record = election.write(105.0, 0.0, wanted=True)
    assert record is not None
    there = server.write(record)
    assert there is not None
    election.written(there, 105.0, 115.0)
    assert not election.leads(115.0)
