from __future__ import annotations

from rich.console import Console

from bayplan.simulator.core.results import Outcome, Status
from bayplan.simulator.metrics import Summary, summarise
from bayplan.simulator.outputs.text import summary_text
from bayplan.traces.jobs import JobTable

from ..metrics.support import NAN, results, run, series, summary, totals  # noqa: TID252


def rendered(of: Summary, width: int = 80) -> str:
    console = Console(width=width)
    with console.capture() as capture:
        for part in summary_text(of):
            console.print(part)
    return capture.get()


def test_a_summary_fits_into_80_columns_and_says_what_it_found() -> None:
    outcome, jobs = run()
    of = summarise(outcome, jobs)
    text = rendered(of)
    assert max(len(line.rstrip()) for line in rendered(of, 200).splitlines()) <= 80
    assert "…" not in text.replace("… and 3 more in summary.json", "")
    assert text.startswith("300 jobs: 294 finished, 6 unfinished.\n")
    for key in ("jct_mean_s", "jct_p50_s", "wait_p95_s", "allocated_gpu_h"):
        assert f" {of[key]:,.0f} " in text
    for key in ("allocation_pct", "effective_pct", "busy_pct"):
        assert f" {of[key]:.2f} % " in text
    for key in ("allocated_arrivals_pct", "effective_arrivals_pct", "busy_arrivals_pct"):
        assert f" {of[key]:.2f} % " in text
    assert text.index("GPUs while jobs arrive") < text.index("GPUs, whole run")
    assert "Jain, users" in text
    assert "missed" not in text  # nobody has a deadline
    assert "MIG" not in text
    assert text.count("user-") == 10


def test_large_figures_fit_too() -> None:
    of = summary(
        **dict.fromkeys(("cancelled", "failed", "rejected", "unfinished"), 0.0),
        jobs=10**6,
        finished=10**6,
        **{f"{family}_{which}_s": 98765432.1 for family in ("wait", "jct")
           for which in ("mean", "p50", "p95", "p99")},
        makespan_s=98765432.1,
        work_lost_s=9.8765e9,
        work_lost_gpu_s=9.8765e10,
        allocated_gpu_h=98765432.1,
        events=10**9,
    )  # fmt: skip
    assert "…" not in rendered(of)
    assert max(len(line.rstrip()) for line in rendered(of, 200).splitlines()) <= 80


def test_a_run_in_which_nothing_finished_has_no_times() -> None:
    jobs = JobTable.of(name=["a"], work_s=[1.0], gpu_count=[1], deadline_s=[50.0])
    found = results(1, status=[Status.REJECTED], start_s=[NAN], finish_s=[NAN])
    text = rendered(summarise(Outcome(found, series(), totals()), jobs))
    assert text.startswith("1 job: 0 finished, 1 rejected.\n")
    assert "JCT" not in text
    assert "nan" not in text
    assert "missed" in text


def test_more_done_than_held_is_explained() -> None:
    counts = dict.fromkeys(("jobs", "cancelled", "failed", "rejected", "unfinished"), 0.0)
    for effective, told in ((49.0, False), (50.0, False), (51.0, True)):
        of = summary(**counts, finished=0, allocation_pct=50.0, effective_pct=effective)
        assert ("effective above allocated" in rendered(of)) is told
