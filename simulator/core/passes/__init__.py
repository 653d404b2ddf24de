"""The registry of passes, by the preemption policy: who may be stopped for whom.

A package of your own adds one by an entry point in the group ``bayplan.passes`` that names a
factory: a callable that takes the ``Settings`` of a simulation and returns a ``Pass`` for it.
"""

from __future__ import annotations

from functools import partial

from bayplan.scheduler.errors import InputError
from bayplan.scheduler.preemption.policies import preemption_policy_names
from bayplan.simulator.core.passes._base import Pass
from bayplan.simulator.core.passes.conservative import ConservativeBackfill
from bayplan.simulator.core.passes.easy import Easy
from bayplan.simulator.core.passes.evict import Evict
from bayplan.simulator.core.passes.in_order import InOrder
from bayplan.simulator.core.passes.repack import Repack
from bayplan.simulator.core.passes.serve import Serve
from bayplan.simulator.core.plugins import Registry
from bayplan.simulator.core.settings import Settings

__all__ = ["BACKFILLS", "PASSES", "Pass", "Repack", "Serve"]

BACKFILLS = ("easy", "conservative")


def _serve(settings: Settings) -> Pass:
    match settings.backfill:
        case "":
            return Serve(strict=settings.strict)
        case "easy":
            return Easy()
        case "conservative":
            return ConservativeBackfill(settings.backfill_depth)
    raise InputError(
        f"unknown backfill {settings.backfill!r}", fix=f"choose from {', '.join(BACKFILLS)}"
    )


def _evict(policy: str, settings: Settings) -> Pass:
    return Evict(policy, _serve(settings), settings)


PASSES: Registry[Pass] = Registry(
    "preemption policy",
    "bayplan.passes",
    {
        "none": _serve,
        **{name: partial(_evict, name) for name in preemption_policy_names()},
        "in-order": lambda settings: InOrder(settings.min_run_s),
        "repack": lambda _: Repack(),
    },
)
