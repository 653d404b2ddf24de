"""The tables of simulations: how long they take, and what published schedules they repeat."""

from __future__ import annotations

from typing import Any

Figures = dict[str, Any]


def simulate_table(figures: Figures) -> str:
    """Return the table of ``bench/simulate.py``."""
    lines = [
        f"| {row['about']} | {row['jobs']:,} | **{row['s']}** | {row['us_per_job']}"
        f" | {row['peak_mib']:,} | {row['simpy_s']} | {_load(row)} | {_number(row['tenants'])}"
        f" | {row['rate_changes'] or '-'} |"
        for row in figures["rows"]
    ]
    growth, compared = figures["growth"], figures["compare"]
    head = (
        "Simulations, one process each, kernels compiled: `bench/simulate.py`. SimPy alone: as many"
        " bare timeouts with a callback. Load: GPU-seconds over what there is while jobs arrive, as"
        " asked for and, under MPS, as tenants held them.\n\n"
        "| simulation | jobs | s | CPU µs a job | peak MiB | SimPy alone, s | load | tenants a busy"
        " GPU | rate changes a job |\n|---|---:|---:|---:|---:|---:|---:|---:|---:|\n"
    )
    tail = (
        f"\n\nA job costs {growth['us_per_job']} times as much among the most tenants as among the"
        f" fewest; the logarithm of the number of jobs grows {growth['log_jobs']} times."
        f" `bayplan compare` on the built-in trace, {compared['runs']} runs (six modes, three"
        f" placements, five seeds), as a process on two cores: **{compared['s']} s**."
    )
    return head + "\n".join(lines) + tail


def schedules_table(figures: Figures) -> str:
    """Return the table of ``bench/reproduce_papers.py``: theirs beside ours, a line a run."""
    papers: dict[tuple[str, str], list[Figures]] = {}
    for each in figures["published"]:
        papers.setdefault((each["paper"], each["run"]), []).append(each)
    lines = []
    for (paper, run), rows in papers.items():
        first = rows[0]
        decimals = len(first["theirs"].partition(".")[2])
        ours = f"{first['ours']:.{decimals}f}"
        equal = sum(row["equal"] for row in rows)
        lines.append(
            f"| {paper} | {run} | {first['figure']} | {first['theirs']} | {ours}"
            f" | {equal} of {len(rows)} |"
        )
    return (
        "| simulator | run | for example | theirs | ours | figures equal to every printed digit |\n"
        "|---|---|---|---:|---:|---:|\n" + "\n".join(lines)
    )


def _load(row: Figures) -> str:
    if row["offered"] == row["offered_alone"]:
        return f"{row['offered_alone']:.2f}"
    return f"{row['offered_alone']:.2f}, held {row['offered']:.2f}"


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value}"
