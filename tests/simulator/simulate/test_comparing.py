"""Runs on processes: the same whatever their number, and none left behind."""

from __future__ import annotations

import csv
import io
import json
from multiprocessing import active_children

import pytest

from bayplan.simulator.metrics import METRICS
from bayplan.simulator.scenario.ready import made_ready
from bayplan.simulator.simulate.compare import Run, compared, variants_of
from bayplan.simulator.simulate.rows import SCHEMA, as_csv, as_json
from bayplan.simulator.simulate.variations import Variation, parse_varied, variations

KEYS = ["sharing.mode", "policy.placement"]
SEEDS = [3, 1]
GROUPS = ("decide", "simulate", "governed")


@pytest.fixture(scope="module")
def made() -> list[Variation]:
    varied = [parse_varied("sharing=none,mps"), parse_varied("placement=fgd,random")]
    settings = [("jobs.synthetic.count", "30"), ("gpu", "A100-80GB")]
    found, problems = variations(None, settings, varied)
    assert problems == []
    return found


@pytest.fixture(scope="module")
def runs(made: list[Variation]) -> list[Run]:
    return list(compared(made, SEEDS, GROUPS, 1))


def test_runs_come_in_the_order_of_variations_and_then_of_seeds(runs: list[Run]) -> None:
    assert [(run.variation, run.seed) for run in runs] == [(i, s) for i in range(4) for s in SEEDS]


def test_the_results_do_not_depend_on_the_number_of_processes(
    made: list[Variation], runs: list[Run]
) -> None:
    again = list(compared(made, SEEDS, GROUPS, 2))
    assert as_csv(KEYS, made, again) == as_csv(KEYS, made, runs)
    assert as_json(KEYS, made, again, {}) == as_json(KEYS, made, runs, {})
    assert active_children() == []


def test_an_interrupted_comparison_leaves_no_workers_behind(made: list[Variation]) -> None:
    runs = compared(made, range(200), GROUPS, 2)
    next(runs)
    assert len(active_children()) == 2
    runs.close()
    assert active_children() == []


def test_seeds_draw_other_jobs_and_variations_have_the_same(made: list[Variation]) -> None:
    def drawn(variation: Variation, seed: int) -> bytes:
        jobs = made_ready(variation.scenario.of(run__seed=seed)).jobs
        return jobs.work_s.tobytes() + jobs.arrival_s.tobytes() + jobs.gpu_count.tobytes()

    assert len({drawn(each, 3) for each in made}) == 1
    assert drawn(made[0], 3) != drawn(made[0], 1)


def test_variants_have_the_summaries_of_their_seeds(made: list[Variation], runs: list[Run]) -> None:
    variants = variants_of(made, runs[:5])  # stopped in the middle of the third
    assert [(v.group, v.name, list(v.by_seed)) for v in variants] == [
        ("none", "fgd", [3, 1]),
        ("none", "random", [3, 1]),
        ("mps", "fgd", [3]),
    ]
    assert variants[2].by_seed[3] is runs[4].summary


def test_rows_have_the_varied_keys_the_seed_and_all_metrics(
    made: list[Variation], runs: list[Run]
) -> None:
    rows = list(csv.DictReader(io.StringIO(as_csv(KEYS, made, runs))))
    assert list(rows[0]) == [*KEYS, "seed", *(metric.key for metric in METRICS)]
    report = json.loads(as_json(KEYS, made, runs, {"run": {"seed": 0}}))
    assert (report["schema"], report["varied"], report["settings"]) == (
        SCHEMA, KEYS, {"run": {"seed": 0}},
    )  # fmt: skip
    for row, told, run in zip(rows, report["runs"], runs, strict=True):
        values = made[run.variation].values
        assert (row["sharing.mode"], row["policy.placement"], row["seed"]) == (
            *values, str(run.seed),
        )  # fmt: skip
        assert told["varied"] == dict(zip(KEYS, values, strict=True))
        for metric in METRICS:
            value = run.summary[metric.key]
            known = value == value
            assert row[metric.key] == (str(value) if known else "")
            assert told["summary"][metric.key] == (value if known else None)
