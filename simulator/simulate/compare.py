"""Runs of variations × seeds, on one process or several: how many says nothing about results."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from functools import partial

from bayplan.scheduler.compiled import warm
from bayplan.simulator.metrics import Summary, Variant, summarise
from bayplan.simulator.scenario.ready import Files, made_ready
from bayplan.simulator.simulate.running import run
from bayplan.simulator.simulate.variations import Variation
from bayplan.simulator.workers import spread


@dataclass(frozen=True, slots=True, eq=False)
class Run:
    """One variation, by its number, under one seed."""

    variation: int
    seed: int
    summary: Summary


def compared(
    variations: Sequence[Variation],
    seeds: Sequence[int],
    groups: Sequence[str],
    workers: int = 1,
) -> Generator[Run, None, None]:
    """Run every variation under every seed, and yield the runs in that order as they finish.

    Parameters
    ----------
    variations, seeds
        What is run.
    groups
        The groups of kernels that the runs call.
    workers
        How many processes.

    Raises
    ------
    KeyboardInterrupt
        It was stopped; the run of that moment is not among those yielded.
    """
    tasks = [(i, seed) for i in range(len(variations)) for seed in seeds]
    if workers <= 1 or len(tasks) == 1:
        runs = _Runs(variations)
        for task in tasks:
            yield runs.run(*task)
        return
    yield from spread(tasks, partial(_start, variations, groups), _run, workers)


def variants_of(variations: Sequence[Variation], runs: Sequence[Run]) -> list[Variant]:
    """Return the variations that have runs, with the summary of each seed."""
    by_seed: dict[int, dict[int, Summary]] = {}
    for each in runs:
        by_seed.setdefault(each.variation, {})[each.seed] = each.summary
    return [
        Variant(variations[i].group, variations[i].name, summaries)
        for i, summaries in by_seed.items()
    ]


class _Runs:
    """The variations, and the files that their runs have read."""

    def __init__(self, variations: Sequence[Variation]) -> None:
        self._variations = variations
        self._files = Files()

    def run(self, variation: int, seed: int) -> Run:
        scenario = self._variations[variation].scenario.of(run__seed=seed)
        ready = made_ready(scenario, self._files)
        outcome, complete = run(ready)
        if not complete:
            raise KeyboardInterrupt
        return Run(variation, seed, summarise(outcome, ready.jobs))


_runs: _Runs | None = None


def _start(variations: Sequence[Variation], groups: Sequence[str]) -> None:
    global _runs
    warm(groups)
    _runs = _Runs(variations)


def _run(variation: int, seed: int) -> Run:
    assert _runs is not None
    return _runs.run(variation, seed)
