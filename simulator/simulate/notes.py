"""What a reader of a run must know of how it was made, and of jobs that could not run."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from bayplan.simulator.core.results import Outcome, Status
from bayplan.simulator.metrics.figures import one_row_a_job
from bayplan.simulator.outputs.notes import NAMED, more_than
from bayplan.simulator.scenario.ready import Ready
from bayplan.traces.jobs import JobTable

EQUAL_SPEEDS = (
    "no speeds given: a job runs as fast on every GPU model; see speeds in docs/scenario.md"
)
NO_INTERFERENCE = "none models no interference: shares add up and run as if alone"


@dataclass(frozen=True, slots=True)
class Facts:
    """What its GPUs say of a run: their models, whether speeds are stated, whether any is governed.

    A GPU is governed when its node says how it is shared.
    """

    models: frozenset[str]
    has_speeds: bool
    governed: bool


def facts_of(ready: Ready) -> Facts:
    """Return what the notes on runs are made from."""
    nodes = [node for node in ready.all_nodes if node.gpu_count]
    speeds = ready.settings.speeds
    return Facts(
        frozenset(node.gpu_model for node in nodes if node.gpu_model),
        bool(speeds.by_type or speeds.by_model),
        any(node.sharing for node in nodes),
    )


def about_runs(runs: Sequence[Facts]) -> Iterator[str]:
    """Yield what was taken for granted in runs that stand side by side, or in one.

    Parameters
    ----------
    runs
        Their facts.
    """
    models = frozenset().union(*(run.models for run in runs))
    if len(models) > 1 and not all(run.has_speeds for run in runs):
        yield EQUAL_SPEEDS
    if len({run.governed for run in runs}) > 1:
        yield NO_INTERFERENCE


def about_jobs(outcome: Outcome, jobs: JobTable) -> Iterator[str]:
    """Yield which jobs could never start and why, and which were given up.

    Parameters
    ----------
    outcome
        What a simulation found.
    jobs
        The table that it was given.
    """
    yield from about_rejections(outcome.rejections)
    yield from about_failures(outcome, jobs)
    yield from about_services(outcome)


def about_failures(outcome: Outcome, jobs: JobTable) -> Iterator[str]:
    """Yield one line about jobs that were given up, if there are any.

    Parameters
    ----------
    outcome
        What a simulation found.
    jobs
        The table that it was given.
    """
    rows, _ = one_row_a_job(jobs.gang)
    failed = rows[outcome.jobs.status[rows] == Status.FAILED].tolist()
    if failed:
        names = [jobs.gang[row] or jobs.name[row] for row in failed]
        many = "jobs were" if len(failed) > 1 else "job was"
        yield f"{len(failed):,} {many} killed for want of GPU memory too often: {_listed(names)}"


def about_services(outcome: Outcome) -> Iterator[str]:
    """Yield a line for each way in which a service's replicas fitted no node of the empty cluster.

    Parameters
    ----------
    outcome
        What a simulation found.
    """
    if outcome.services is not None:
        yield from about_misfits([(each.name, each.never) for each in outcome.services.totals])


def about_misfits(misfits: Sequence[tuple[str, Sequence[str]]]) -> Iterator[str]:
    """Yield a line for each way in which a service's replicas fit no node of the empty cluster.

    Parameters
    ----------
    misfits
        Services by name, and why not for each of their alternatives; empty where it fits.
    """
    for service, never in misfits:
        several = len(never) > 1
        for number, why in enumerate(never):
            if why:
                how = f" as alternative {number}" if number else " as it asks first"
                yield (
                    f"service {service}: a replica{how if several else ''} fits no node even"
                    f" of the empty cluster ({why})"
                )


def about_rejections(rejections: Sequence[tuple[str, str]]) -> Iterator[str]:
    """Yield one line about jobs that no node could ever hold, if there are any.

    Parameters
    ----------
    rejections
        Their names and the reasons.
    """
    if not rejections:
        return
    n = len(rejections)
    if len({why for _, why in rejections}) == 1:
        listed = f"{_listed([name for name, _ in rejections])} ({rejections[0][1]})"
    else:
        listed = _listed([f"{name} ({why})" for name, why in rejections])
    fit = "jobs fit" if n > 1 else "job fits"
    yield f"{n:,} {fit} no node even of the empty cluster: {listed}"


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:NAMED]) + more_than(len(names))
