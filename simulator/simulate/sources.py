"""What happens by itself to the nodes of a scenario."""

from __future__ import annotations

from collections.abc import Mapping

from bayplan.simulator.core.sources import (
    Autoscaler,
    Failing,
    Faults,
    Listed,
    Reclaimed,
    Source,
    Spot,
)
from bayplan.simulator.scenario.ready import Ready
from bayplan.traces.outages import Outages


def sources_of(ready: Ready) -> list[Source]:
    """Return the sources of events of a run, new ones: each serves one.

    Parameters
    ----------
    ready
        What is to be simulated.
    """
    made: list[Source] = []
    if ready.changes:
        made.append(Listed(ready.changes))
    if failing := _failing(ready.outages):
        made.append(Faults(failing))
    if reclaimed := _reclaimed(ready.outages):
        made.append(Spot(reclaimed))
    if ready.elastic:
        made.append(Autoscaler(ready.elastic, ready.scan_s))
    return made


def _failing(outages: Mapping[str, Outages]) -> list[Failing]:
    return [
        Failing(name, each.mtbf_h, each.mttr_h, each.mtbf_shape)
        for name, each in outages.items()
        if each.mtbf_h is not None and each.mttr_h is not None
    ]


def _reclaimed(outages: Mapping[str, Outages]) -> list[Reclaimed]:
    return [
        Reclaimed(name, each.reclaim_per_h, each.return_h, each.notice_s)
        for name, each in outages.items()
        if each.reclaim_per_h is not None and each.return_h is not None
    ]
