"""The registry of ordering policies: who is served next, and who may pass whom.

A package of your own adds one by an entry point in the group ``bayplan.orderings`` that names a
factory: a callable that takes the GPU-seconds of finished jobs (or None) and returns a policy.
Backfilling (``easy``, ``conservative``) takes the order that any of them gives.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Sequence
from importlib.metadata import entry_points

from bayplan.scheduler.errors import InputError
from bayplan.scheduler.ordering._amounts import gpus_of
from bayplan.scheduler.ordering._base import KeyedOrder, OrderingPolicy, by_arrival, by_keys
from bayplan.scheduler.ordering.conservative import Conservative, conservative
from bayplan.scheduler.ordering.drf import DominantShare
from bayplan.scheduler.ordering.easy import easy
from bayplan.scheduler.ordering.edf import EarliestDeadline
from bayplan.scheduler.ordering.fair_share import FairShare
from bayplan.scheduler.ordering.fifo import Fifo
from bayplan.scheduler.ordering.finish_time import FinishTime
from bayplan.scheduler.ordering.gittins import Gittins2d
from bayplan.scheduler.ordering.jobs import amounts_of, job_of, use_of
from bayplan.scheduler.ordering.las import LeastAttained
from bayplan.scheduler.ordering.las_2d import LeastAttained2d
from bayplan.scheduler.ordering.pending import Pending, Progress, Queues, QueueUse, pending_of
from bayplan.scheduler.ordering.pool import Backfill, BackfillPlan, Pool, plan_pools
from bayplan.scheduler.ordering.priority import PriorityFirst
from bayplan.scheduler.ordering.sjf import ShortestJob
from bayplan.scheduler.ordering.smallest import SmallestFirst
from bayplan.scheduler.ordering.srsf import ShortestService
from bayplan.scheduler.ordering.srtf import ShortestRemaining

__all__ = [
    "BACKFILLS",
    "Backfill",
    "BackfillPlan",
    "FairShare",
    "KeyedOrder",
    "OrderingPolicy",
    "Pending",
    "Pool",
    "Progress",
    "QueueUse",
    "Queues",
    "amounts_of",
    "by_arrival",
    "by_keys",
    "conservative",
    "easy",
    "gpus_of",
    "job_of",
    "make_backfill",
    "make_ordering",
    "ordering_names",
    "ordering_summary",
    "pending_of",
    "plan_pools",
    "use_of",
]

History = Sequence[float] | None
Factory = Callable[[History], OrderingPolicy]

ENTRY_POINTS = "bayplan.orderings"


def _gittins(history: History) -> OrderingPolicy:
    if not history:
        raise InputError(
            "ordering gittins-2d needs the sizes of finished jobs",
            fix="give it their GPU-seconds, or take las-2d",
        )
    return Gittins2d.from_history(history)


ORDERINGS: dict[str, Factory] = {
    "fifo": lambda _: Fifo(),
    "priority": lambda _: PriorityFirst(),
    "sjf": lambda _: ShortestJob(),
    "srtf": lambda _: ShortestRemaining(),
    "srsf": lambda _: ShortestService(),
    "las": lambda _: LeastAttained(),
    "las-2d": lambda _: LeastAttained2d(),
    "gittins-2d": _gittins,
    "edf": lambda _: EarliestDeadline(),
    "smallest-first": lambda _: SmallestFirst(),
    "drf": lambda _: DominantShare(),
    "fair-share": lambda _: FairShare(),
    "finish-time": lambda _: FinishTime(),
}

BACKFILLS: dict[str, Backfill] = {"easy": easy, "conservative": Conservative()}


def ordering_names() -> list[str]:
    """Return the names of all policies: ours in the table's order, then the plug-ins', sorted."""
    plugins = {entry.name for entry in entry_points(group=ENTRY_POINTS)}
    return [*ORDERINGS, *sorted(plugins - ORDERINGS.keys())]


def make_ordering(name: str, history: History = None) -> OrderingPolicy:
    """Return an ordering policy by name.

    Parameters
    ----------
    name
        One of ``ordering_names()``. A plug-in cannot take the name of one of ours.
    history
        GPU-seconds that finished jobs took, for policies that need them.

    Raises
    ------
    InputError
        No policy of that name, a plug-in that cannot be loaded, or the history is missing.
    """
    factory = ORDERINGS.get(name)
    return factory(history) if factory else _plugin(name, history)


def make_backfill(name: str) -> Backfill:
    """Return a way of backfilling by name.

    Raises
    ------
    InputError
        There is none of that name.
    """
    if name not in BACKFILLS:
        raise _unknown("backfill", name, list(BACKFILLS))
    return BACKFILLS[name]


def ordering_summary(name: str, history: History = None) -> str:
    """Return the first line of a policy's docstring."""
    return (type(make_ordering(name, history)).__doc__ or "").strip().partition("\n")[0]


def _plugin(name: str, history: History) -> OrderingPolicy:
    for entry in entry_points(group=ENTRY_POINTS, name=name):
        try:
            policy: OrderingPolicy = entry.load()(history)
            _ = policy.order
        except Exception as error:  # whatever the plug-in raises, name the plug-in
            raise InputError(
                f"ordering {name}: plug-in {entry.value} cannot be loaded ({error})",
                fix="mend or uninstall the package that provides it",
            ) from error
        return policy
    raise _unknown("ordering", name, ordering_names())


def _unknown(what: str, name: str, names: list[str]) -> InputError:
    near = difflib.get_close_matches(name, names, n=1)
    fix = f"did you mean {near[0]!r}?" if near else f"choose from {', '.join(names)}"
    return InputError(f"unknown {what} {name!r}", fix=fix)
