"""What happens by itself to the nodes of a scenario."""

from __future__ import annotations

from collections.abc import Mapping

from bayplan.scheduler.hardware.xids import Mend, share_of
from bayplan.simulator.core.detectors import DETECTORS
from bayplan.simulator.core.hazards import Hazards
from bayplan.simulator.core.sources import (
    Autoscaler,
    Failing,
    FailingGpus,
    Faults,
    GpuFaults,
    Listed,
    Reclaimed,
    Slowing,
    Source,
    Spot,
    Stragglers,
    Watch,
)
from bayplan.simulator.core.sources.lives import HOUR_S
from bayplan.simulator.scenario.keys import NONE
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
    if failing_gpus := _failing_gpus(ready):
        made.append(GpuFaults(failing_gpus))
    if slowing := _slowing(ready):
        made.append(Stragglers(slowing))
    watching = ready.settings.stragglers
    if watching.detector != NONE:
        made.append(Watch(DETECTORS.make(watching.detector, ready.settings), watching))
    if ready.elastic:
        made.append(Autoscaler(ready.elastic, ready.scan_s))
    return made


def hazards_of(ready: Ready) -> Hazards:
    """Return how often jobs are to be expected to be interrupted, by what they run on.

    That of a node is what fails or reclaims all of it, faults of any of its GPUs that reboot it
    among them; that of a GPU is its other faults.

    Parameters
    ----------
    ready
        What is to be simulated.
    """
    per_node: dict[str, float] = {}
    per_gpu: dict[str, float] = {}
    for node in ready.all_nodes:
        away = ready.outages.get(node.name, Outages())
        rate = (away.reclaim_per_h or 0.0) / HOUR_S
        if away.mtbf_h is not None:
            rate += 1.0 / (HOUR_S * away.mtbf_h)
        gpus = ready.gpu_outages.get(node.name)
        if gpus is not None and gpus.mtbf_h is not None:
            each = 1.0 / (HOUR_S * gpus.mtbf_h)
            reboots = share_of(gpus.mix, Mend.REBOOT)
            rate += node.gpu_count * each * reboots
            per_gpu[node.name] = each * (1.0 - reboots)
        per_node[node.name] = rate
    return Hazards(per_node, per_gpu)


def _failing_gpus(ready: Ready) -> list[FailingGpus]:
    count = {node.name: node.gpu_count for node in ready.all_nodes}
    return [
        FailingGpus(
            name, count[name], each.mtbf_h, each.reset_s, each.reboot_s, each.mttr_h, each.mix
        )
        for name, each in ready.gpu_outages.items()
        if each.mtbf_h is not None
    ]


def _slowing(ready: Ready) -> list[Slowing]:
    count = {node.name: node.gpu_count for node in ready.all_nodes}
    return [
        Slowing(name, count[name], each.slow_mtbf_h, each.slow_h, each.slow_factor)
        for name, each in ready.gpu_outages.items()
        if each.slow_mtbf_h is not None and each.slow_h is not None and each.slow_factor is not None
    ]


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
