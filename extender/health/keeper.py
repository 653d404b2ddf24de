"""The rounds: metrics are read, what follows is decided, and written on the nodes.

Nothing is closed here. The annotation comes back by the watch of nodes, and closes GPUs there.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from datetime import UTC, datetime

from bayplan.extender.aside import aside
from bayplan.extender.health.calls import NodeCalls, Outdated, WriteFailed
from bayplan.extender.health.codes import code_of
from bayplan.extender.health.deciding import Decided, decide
from bayplan.extender.health.entries import QUARANTINED, RELEASE, write_entries
from bayplan.extender.health.marking import Marker, Marks, has_gpus
from bayplan.extender.health.numbers import HealthNumbers
from bayplan.extender.health.settings import Reading
from bayplan.extender.health.shown import Gpus, gather
from bayplan.extender.health.sources import Source
from bayplan.extender.live.owner import Owner

LOG = logging.getLogger("bayplan.extender.health")

BEGUN, ENDED = "BayplanGpuQuarantined", "BayplanGpuReleased"
"""Reasons of Events."""

MOST_PODS = 5
"""Pods of a node that an Event names."""
MOST_LOGGED = 3
"""Places that could not be read and are named in the log."""
SOON_S = 1.0
"""How often it is looked whether the cluster is known by now."""
AGAIN_S = 60.0
"""How long the log is silent after a node that could not be written."""


class Keeper:
    """Keeps the quarantined GPUs of all nodes as the metrics have it.

    Parameters
    ----------
    owner, marker
        The state, and what nodes say of their GPUs.
    reading, source
        How often metrics are read, and where; None: nowhere, and only people let GPUs go.
    calls
        The API server.
    clock
        Seconds since 1970.
    numbers
        The metrics.
    leads
        Whether this process is the one that writes.
    """

    def __init__(
        self,
        owner: Owner,
        marker: Marker,
        reading: Reading,
        source: Source | None,
        calls: NodeCalls,
        clock: Callable[[], float],
        numbers: HealthNumbers,
        *,
        leads: Callable[[], bool] = lambda: True,
    ) -> None:
        self._owner, self._marker, self._reading, self._source = owner, marker, reading, source
        self._calls, self._clock, self._numbers, self._leads = calls, clock, numbers, leads
        self._failed: set[str] = set()
        self._write_failed_s = -AGAIN_S

    async def run(self) -> None:
        """Do a round now and then, until cancelled."""
        try:
            while True:
                started = self._owner.mirror.started
                try:
                    await self.round()
                except Exception:  # one round that fails is not to be the last
                    LOG.exception("a round of looking after the health of GPUs failed")
                await asyncio.sleep(self._reading.interval_s if started else SOON_S)
        finally:
            if self._source is not None:
                self._source.close()

    async def round(self) -> None:
        """Read, decide and write once."""
        if not self._owner.mirror.started:
            return
        # What changes while metrics are read is the next round's: they were not read for it.
        known = dict(self._marker.marks)
        shown = await self._read(known) if self._leads() else {}
        self._numbers.look_at(self._marker)
        for name in sorted(known):
            if not self._leads():
                return
            marks, gpus = known[name], shown.get(name)
            if not (marks.entries or marks.release or gpus):
                continue
            decided = decide(
                marks.entries,
                gpus,
                xids=self._marker.judging.xids,
                boot=marks.boot,
                release=marks.release,
                now=self._now(),
            )
            if decided.entries != marks.entries or marks.release:
                await self._write(name, marks, decided)

    # --- inside ---------------------------------------------------------------------------

    async def _read(self, marks: Mapping[str, Marks]) -> dict[str, Gpus]:
        """Return what is shown of nodes; what cannot be read is not shown, and logged once."""
        if self._source is None:
            return {}
        nodes = [name for name, facts in self._owner.mirror.reader.nodes.items()
                 if has_gpus(facts.node) or marks[name].entries]  # fmt: skip
        watched = [name for name, each in marks.items() if each.entries]
        samples, failed = await aside(self._source.read, nodes, watched)
        found = gather(samples, self._reading.node_label)
        strange = sum(len(gpus) for name, gpus in found.items() if name not in marks)
        self._numbers.read(len(failed), strange)
        for place in sorted(failed.keys() - self._failed)[:MOST_LOGGED]:
            extra = {"place": place, "why": failed[place], "places": len(failed)}
            LOG.warning("metrics of GPUs cannot be read: they change nothing", extra=extra)
        if self._failed and not failed:
            LOG.info("metrics of GPUs can be read again")
        self._failed = set(failed)
        return {**found}

    async def _write(self, name: str, marks: Marks, decided: Decided) -> None:
        annotations = {QUARANTINED: write_entries(decided.entries)}
        if marks.release:
            annotations[RELEASE] = None
        try:
            await self._calls.annotate(name, annotations, marks.version)
        except Outdated:
            return  # another version is about to be seen, for the next round
        except WriteFailed as failed:
            self._numbers.written(ok=False)
            if self._clock() - self._write_failed_s >= AGAIN_S:  # without the right all fail
                self._write_failed_s = self._clock()
                LOG.warning("not quarantined or let go", extra={"node": name, "why": str(failed)})
            return
        self._numbers.written(ok=True)
        for entry in decided.begun:
            code = code_of(entry.code)
            note = f"{entry.name}: {code.text}. It takes no new pods; {code.hint}."
            self._tell(name, marks, BEGUN, note + self._pods_on(name), warning=True)
        for entry, why in decided.ended:
            note = f"{entry.name}: {code_of(entry.code).text}, since {entry.since}, is over: {why}."
            self._tell(name, marks, ENDED, note, warning=False)

    def _tell(self, name: str, marks: Marks, reason: str, note: str, *, warning: bool) -> None:
        self._calls.tell(name, marks.uid, reason, note, warning=warning)
        LOG.info("GPU is quarantined" if warning else "GPU is let go",
                 extra={"node": name, "why": note})  # fmt: skip

    def _pods_on(self, name: str) -> str:
        """Return who has GPUs on a node: the hint for whoever drains it."""
        cluster = self._owner.mirror.cluster
        if name not in cluster.nodes:
            return ""
        there = [(uid, cluster.pods[uid]) for uid in cluster.pods_on(cluster.row(name))]
        uids = [uid for uid, pod in there if pod.held_until_s is None and any(pod.placement.grants)]
        more = f" and {len(uids) - MOST_PODS} more" if len(uids) > MOST_PODS else ""
        return f" Pods with GPUs there: {', '.join(uids[:MOST_PODS])}{more}." if uids else ""

    def _now(self) -> str:
        return datetime.fromtimestamp(self._clock(), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
