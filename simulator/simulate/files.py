"""What goes into a run's folder beside the summary, the jobs and the series."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from bayplan.simulator.core.results import LogEntry, Outcome
from bayplan.simulator.outputs.folder import AWAY, FILES, NODES, SERVICES, STINTS, Make
from bayplan.simulator.outputs.notes import NAMED
from bayplan.simulator.outputs.parquet import (
    away_bytes,
    nodes_bytes,
    packed,
    service_frame,
    stints_bytes,
)
from bayplan.simulator.outputs.trace import Trace
from bayplan.simulator.scenario.ready import Ready
from bayplan.simulator.simulate.progress import simulated

LOG = "log.csv"
TRACE = "trace.json"
REPORT = "report.html"

MOST_STINTS = 2_000_000
"""Stints that are taken down where a folder is written, unless ``run.stints`` says: some 30 MB."""


def names_of(*, stints: bool, trace: bool, log: bool) -> tuple[str, ...]:
    """Return the names of the files that may be written; ``AWAY`` only where a node was away."""
    asked = ((STINTS, stints), (TRACE, trace), (LOG, log))
    return (*FILES, NODES, AWAY, SERVICES, REPORT, *(name for name, wanted in asked if wanted))


def files_of(
    ready: Ready, outcome: Outcome, trace: Trace | None, out: Path
) -> dict[str, bytes | Make]:
    """Return the files by name; the report is made from the others.

    Parameters
    ----------
    ready, outcome
        The run.
    trace
        Its trace, if one is asked for.
    out
        The folder, by whose name the report calls the run.
    """
    files: dict[str, bytes | Make] = {NODES: nodes_bytes(ready.all_nodes)}
    if outcome.absences:
        files[AWAY] = away_bytes(outcome.absences)
    if outcome.stints is not None:
        files[STINTS] = stints_bytes(outcome.stints, ready.rows)
    if outcome.services is not None:
        files[SERVICES] = packed(service_frame(outcome.services))
    if ready.settings.log:
        files[LOG] = _log_text(outcome.log).encode()
    if trace is not None:
        files[TRACE] = lambda _: trace.pieces()
    files[REPORT] = lambda folder: _page(folder, out)
    return files


def _page(folder: Path, out: Path) -> Iterable[bytes]:
    from bayplan.simulator.report import page, read_run
    from bayplan.simulator.report.command import name_of

    yield page([read_run(folder, name_of(out))]).encode()


def facts_of_run(outcome: Outcome, notes: Sequence[str]) -> dict[str, Any]:
    """Return what a report needs of a run that its tables do not have.

    Parameters
    ----------
    outcome
        The run.
    notes
        What is said beside its figures, but for the rejections.
    """
    named: dict[str, list[str]] = {}
    for name, why in outcome.rejections:
        named.setdefault(why, []).append(name)
    rejections = [
        {"why": why, "jobs": len(names), "named": names[:NAMED]} for why, names in named.items()
    ]
    services = {}
    if outcome.services is not None:
        services["services"] = [asdict(each) for each in outcome.services.totals]
    cut_s = math.nan if outcome.stints is None else outcome.stints.cut_s
    return {
        "totals": asdict(outcome.totals),
        "by_group": [asdict(group) for group in outcome.groups],
        "notes": list(notes),
        "rejections": rejections,
        "stints_cut_s": cut_s,
        **services,
    }


def about_cuts(outcome: Outcome, trace: Trace | None) -> Iterator[str]:
    """Yield which files do not have all of the run.

    Parameters
    ----------
    outcome
        The run.
    trace
        Its trace, if one is written.
    """
    stints = outcome.stints
    if stints is None:
        return
    if not math.isnan(stints.cut_s):
        yield (
            f"{STINTS} ends at {simulated(stints.cut_s)}: there were more than it may have;"
            " allow more with --run.stints"
        )
    if trace is not None and trace.n_stints < stints.row.size:
        yield (
            f"{TRACE} has the first {trace.n_stints:,} of {stints.row.size:,} stints, up to"
            f" {simulated(trace.cut_s)}; allow more with --trace-events"
        )


def _log_text(log: Sequence[LogEntry]) -> str:
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(LogEntry._fields)
    writer.writerows(log)
    return out.getvalue()
