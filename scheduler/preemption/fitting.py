"""Whether a gang fits as the cluster is now: a quick look that may miss plans, and a long one."""

from __future__ import annotations

from bayplan.scheduler.arrays import BoolArray
from bayplan.scheduler.engine import Engine
from bayplan.scheduler.gangs import bulk
from bayplan.scheduler.gangs.choosing import in_order
from bayplan.scheduler.gangs.counts import held_by_domain, held_by_row
from bayplan.scheduler.gangs.frame import frame_of, ladder
from bayplan.scheduler.gangs.members import Party
from bayplan.scheduler.gangs.orders import by_size, units_of
from bayplan.scheduler.gangs.search import Budget, Search
from bayplan.scheduler.policies.best_fit import BestFit
from bayplan.scheduler.policies.worst_fit import WorstFit

_STEPS = 1 << 40


class Fitting:
    """Asks about one gang and its candidates ``nodes`` (n_rows,), within trials of the caller.

    ``first_look`` places members in a few orders by a few policies, ``decided`` asks
    ``Engine.decide_gang``, which looks on for long before it says no. ``exact`` says that the first
    look misses no plan.
    """

    def __init__(self, engine: Engine, party: Party, nodes: BoolArray | None, now_s: float) -> None:
        rung = ladder(party.gang)[-1]
        party = party.on(rung)
        self._engine, self._party, self._nodes, self._now_s = engine, party, nodes, now_s
        self._frame = frame_of(engine, party, rung, nodes)
        self._engines = [engine] + [
            Engine(engine.cluster, policy, seed=engine.seed, places=engine.places, cache_mib=16)
            for policy in (BestFit(), WorstFit())
        ]
        self.exact = bulk.applies(party) and party.gang.segment is None
        given, largest = list(party.needed), by_size(party.needed)
        self._orders = [units_of(largest)] + ([units_of(given)] if given != largest else [])

    def first_look(self) -> bool:
        """Whether a plan is found soon."""
        frame, party = self._frame, self._party
        if isinstance(frame, str):
            return False
        if self.exact:
            n = len(party.needed)
            rows = bulk.candidates(self._engine, party, frame)
            held = held_by_row(self._engine, party.needed[0].kind[0], rows, n)
            room = held_by_domain(held, frame)
            enough = room >= n
            return next(in_order(self._engine, frame, room, enough, enough), None) is not None
        search = Search(self._engine, party, frame, self._now_s)
        bounds = search.bounds
        room = bounds.table.sum(axis=0)
        least = bounds.holding(bounds.wanted(party.needed))
        for domain in in_order(self._engine, frame, room, least, least):
            for engine in self._engines:
                for order in self._orders:
                    left, _ = search.pass_through(engine, order, domain, Budget(_STEPS), skip=False)
                    if not left:
                        return True
        return False

    def decided(self) -> bool:
        """Whether the engine has a plan."""
        return not self._engine.decide_gang(self._party.gang, self._now_s, self._nodes).missing
