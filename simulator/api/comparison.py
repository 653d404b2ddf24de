"""Simulations side by side: every combination of what is varied, under several seeds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from functools import cached_property
from typing import TYPE_CHECKING, Any

from bayplan.scheduler.errors import InputError
from bayplan.simulator.api.scenario import Given, Scenario, as_text, scenario_from
from bayplan.simulator.compiling import compile_kernels
from bayplan.simulator.metrics import METRICS, figure_of, marks, metric
from bayplan.simulator.outputs.table import SHOWN, compare_tables
from bayplan.simulator.replay.settings import parse_seeds
from bayplan.simulator.scenario.keys import BY_PATH
from bayplan.simulator.scenario.ready import refuse
from bayplan.simulator.simulate.compare import Run, compared, variants_of
from bayplan.simulator.simulate.compare_command import checked_files
from bayplan.simulator.simulate.progress import runs_bar
from bayplan.simulator.simulate.variations import (
    Variation,
    Varied,
    combinations,
    resampling,
    varied,
)
from bayplan.simulator.workers import workers_for
from bayplan.traces.console import as_text as printed

if TYPE_CHECKING:
    import polars as pl

    from bayplan.simulator.api.picture import Picture


def compare(
    scenario: Given = None,
    vary: Mapping[str, Iterable[object]] | None = None,
    seeds: str | Iterable[int] = "1-5",
    workers: int | None = 1,
) -> Comparison:
    """Run every combination of values under every seed, as ``bayplan compare`` does.

    Parameters
    ----------
    scenario
        What to run: a scenario, its file, its tables, or None for the built-in trace.
    vary
        Keys and their values, such as ``{"placement": ["fgd", "best-fit"]}``.
    seeds
        Whole numbers, or a text such as ``1-5``. All combinations get the same jobs under one seed.
    workers
        Processes; None: one a core. A program, other than a notebook, that asks for more than one
        must have its own work under ``if __name__ == "__main__":``, as they import it.

    Raises
    ------
    InputError
        Anything that is wrong with it; found before the first run where possible.
    KeyboardInterrupt
        It was stopped.
    """
    base = scenario_from(scenario)
    wanted = [_varied(key, values) for key, values in (vary or {}).items()]
    numbers = parse_seeds(seeds if isinstance(seeds, str) else ",".join(map(str, seeds)), "seeds")
    made, problems = combinations(lambda pairs: base.with_settings(tuple(pairs)), wanted)
    refuse(problems)
    made = [resampling(each) for each in made]
    total = len(made) * len(numbers)
    workers = workers_for(workers, total)
    groups, notes = checked_files(made)
    compile_kernels(groups)
    runs: list[Run] = []
    with (
        runs_bar("comparing", total) as one_done,
        closing(compared(made, numbers, groups, workers)) as found,
    ):
        for each in found:
            runs.append(each)
            one_done()
    return Comparison(base, wanted, made, runs, notes)


class Comparison:
    """Runs side by side. ``print`` shows what ``bayplan compare`` does.

    Attributes
    ----------
    scenario
        What was varied.
    notes
        What was taken for granted in the runs.
    """

    def __init__(
        self,
        scenario: Scenario,
        wanted: Sequence[Varied],
        variations: Sequence[Variation],
        runs: Sequence[Run],
        notes: Sequence[str],
    ) -> None:
        self.scenario = scenario
        self.notes = list(notes)
        self._keys = [each.path for each in wanted]
        self._variations = variations
        self._runs = runs
        self._variants = variants_of(variations, runs)

    @cached_property
    def runs(self) -> pl.DataFrame:
        """A row a run: the varied keys, the seed, every metric."""
        columns: dict[str, list[Any]] = {
            key: [self._value(run.variation, key) for run in self._runs] for key in self._keys
        }
        columns["seed"] = [run.seed for run in self._runs]
        figures = {each.key: [run.summary[each.key] for run in self._runs] for each in METRICS}
        return _frame(columns, figures)

    def table(self, *metrics: str) -> pl.DataFrame:
        """Return a row a combination and metric: mean over the seeds, 95 % confidence interval.

        ``mark`` is ``*`` where the mean is best, ``~`` where chance may have put it behind
        (docs/metrics.md).

        Parameters
        ----------
        metrics
            Keys of metrics; the default are those of ``bayplan compare``.

        Raises
        ------
        InputError
            There is no such metric.
        """
        columns: dict[str, list[Any]] = {key: [] for key in (*self._keys, "metric")}
        figures: dict[str, list[float]] = {name: [] for name in ("mean", "low", "high")}
        seeds, signs = [], []
        for each in map(metric, metrics or SHOWN):
            found = zip(self._variants, marks(self._variants, each), strict=True)
            for i, (variant, mark) in enumerate(found):
                for key in self._keys:
                    columns[key].append(self._value(i, key))
                columns["metric"].append(each.key)
                figure = figure_of(variant, each.key)
                for name in figures:
                    figures[name].append(getattr(figure, name))
                seeds.append(figure.n)
                signs.append(mark.value)
        frame = _frame(columns, figures)
        return frame.with_columns(_series("seeds", seeds), _series("mark", signs))

    @property
    def plot(self) -> ComparisonPlots:
        """Its pictures."""
        return ComparisonPlots(self)

    def _value(self, variation: int, key: str) -> Any:
        return self._variations[variation].scenario[key]

    def __str__(self) -> str:
        return printed([*compare_tables(self._variants), *self.notes])

    def __repr__(self) -> str:
        varied = ", ".join(self._keys) or "nothing"
        n = len(self._variations)
        return (
            f"<bayplan.Comparison: {varied} varied, {n:,} combinations, {len(self._runs):,} runs>"
        )


class ComparisonPlots:
    """Pictures of a comparison."""

    def __init__(self, comparison: Comparison) -> None:
        self._comparison = comparison

    def bars(self, *metrics: str) -> Picture:
        """Draw bars, a panel a metric: means over the seeds, 95 % intervals as whiskers.

        Parameters
        ----------
        metrics
            Keys of metrics; the default are completion time and effective use.

        Raises
        ------
        InputError
            There is no such metric.
        """
        from bayplan.simulator.api.picture import Picture
        from bayplan.simulator.outputs.plot import DRAWN, compare_figure

        return Picture(compare_figure(self._comparison._variants, metrics or DRAWN))


def _varied(key: str, values: Iterable[object]) -> Varied:
    if isinstance(values, str | bytes) or not isinstance(values, Iterable):
        raise InputError(f"vary: {key}: {values!r} is no list of values", fix="give a list")
    texts = [as_text(key, value) for value in values]
    if not texts:
        raise InputError(f"vary: {key}: there is no value", fix="give one, or leave it out")
    return varied(key, texts, f"vary: {key}")


def _frame(columns: Mapping[str, list[Any]], figures: Mapping[str, list[float]]) -> pl.DataFrame:
    import polars as pl

    types = {"whole": pl.Int64, "number": pl.Float64, "yes": pl.Boolean}
    made = [
        pl.Series(
            name,
            values,
            types.get(BY_PATH[name].kind, pl.String)
            if name in BY_PATH
            else pl.Int64
            if name == "seed"
            else pl.String,
        )
        for name, values in columns.items()
    ]
    made += [
        pl.Series(name, values, pl.Float64, strict=False).fill_nan(None)
        for name, values in figures.items()
    ]
    return pl.DataFrame(made)


def _series(name: str, values: Sequence[Any]) -> pl.Series:
    import polars as pl

    return pl.Series(name, values, pl.String if name == "mark" else pl.Int64)
