"""Write the tables in README.md and docs/measured.md from bench/results/ and reproduce/."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from tables_many import (
    explain_table,
    gang_table,
    optimal_table,
    ordering_table,
    plan_table,
    preempt_table,
)
from tables_simulate import schedules_table, simulate_table

ROOT = Path(__file__).parent.parent
QUESTIONS = (
    "replay",
    "decide",
    "mig",
    "modes",
    "sharing",
    "gang",
    "preempt",
    "ordering",
    "explain",
    "plan",
    "optimal",
    "simulate",
)
RESULTS = ROOT / "bench" / "results"
README = ROOT / "README.md"
MEASURED = ROOT / "docs" / "measured.md"


def main() -> int:
    """Replace what stands between the markers."""
    results = {
        question: json.loads((RESULTS / f"{question}.json").read_text(encoding="utf-8"))
        for question in QUESTIONS
    }
    facts = results["replay"]["machine"]
    if any(result["machine"] != facts for result in results.values()):
        print("tables: the results are of two machines or commits; run all again", file=sys.stderr)
        return 1
    figures = {question: result["figures"] for question, result in results.items()}
    tables = (
        replay_table(figures["replay"]),
        decide_table(figures["decide"]),
        mig_table(figures["mig"]),
    )
    many = (
        gang_table(figures["gang"]),
        preempt_table(figures["preempt"]),
        explain_table(figures["explain"]),
        ordering_table(figures["ordering"]),
        plan_table(figures["plan"]),
        optimal_table(figures["optimal"]),
    )
    note = f"On {machine(facts)}, written by `make bench`."
    simulated = f"{note} {simulate_table(figures['simulate'])}"
    text = README.read_text(encoding="utf-8")
    text = between(text, "modes", modes_table(figures["modes"]))
    text = between(text, "simulate", simulated)
    README.write_text(with_published(text), encoding="utf-8")
    text = MEASURED.read_text(encoding="utf-8")
    text = between(text, "figures", "\n\n".join([note, *tables]))
    text = between(text, "many", "\n\n".join(many))
    text = between(text, "speed", speed_table(figures["sharing"]["held out"]))
    MEASURED.write_text(text, encoding="utf-8")
    return 0


def with_published(text: str) -> str:
    """Return the text with the tables of what ``make reproduce`` wrote, where it did."""
    for name, file, table in (
        ("reproduce", "fgd.json", published_table),
        ("schedules", "schedules.json", schedules_table),
    ):
        path = ROOT / "reproduce" / file
        if path.exists():
            text = between(text, name, table(json.loads(path.read_text(encoding="utf-8"))))
    return text


def between(text: str, name: str, body: str) -> str:
    """Return the text with ``body`` between the markers of that name."""
    begin, end = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
    head, _, rest = text.partition(begin)
    return f"{head}{begin}\n{body}\n{end}{rest.partition(end)[2]}"


def published_table(rows: list[dict[str, Any]]) -> str:
    """Return the table of ``bench/reproduce.py``: one line a policy, the largest differences."""
    lines = []
    for orders in ("published", "own"):
        for policy in dict.fromkeys(row["policy"] for row in rows):
            group = [r for r in rows if (r["orders"], r["policy"]) == (orders, policy)]
            if not group:
                continue
            default = next(row for row in group if row["workload"] == "default")
            lines.append(
                f"| {orders} | {policy} | {default['ours_at_100']:.2f}"
                f" | {default['theirs_at_100']:.2f}"
                f" | {max(row['allocated'] for row in group):.2f}"
                f" | {max(row['fragmented'] for row in group):.2f} |"
            )
    return (
        "Five workloads, all columns 0 to 130 of the load axis. With the published orders ten seeds"
        " run by run (random: means); with our own orders means of 30 seeds beside means of their"
        " ten.\n\n"
        "| orders | policy | default at 100 %: ours | theirs | largest difference of allocation,"
        " points | of fragmentation |\n|---|---|---:|---:|---:|---:|\n" + "\n".join(lines)
    )


def machine(facts: dict[str, str]) -> str:
    """Return one line about the machine."""
    return (
        f"{facts['processor']}, {facts['cores']} cores (shared), Python {facts['python']},"
        f" NumPy {facts['numpy']}, Numba {facts['numba']}"
    )


def replay_table(figures: dict[str, Any]) -> str:
    """Return the table of ``bench/replay.py``."""
    loop = figures["decide_s"]
    rows = [
        ("decide loop, one core (min / median)", f"{loop['min']} / {loop['median']} s"),
        (
            "whole process, compiled kernels cached",
            f"{figures['process_warm_s']} s, {figures['process_warm_mib']} MiB",
        ),
        ("whole process, nothing compiled yet", f"{figures['process_cold_s']} s"),
        ("six policies × ten seeds, one process", f"{figures['sixty_runs_s']} s"),
    ]
    lines = [f"| {what} | {figure} |" for what, figure in rows]
    head = (
        "Packing openb default (10,866 arrivals on 1,213 nodes, seed 42, policy fgd):"
        " `bench/replay.py`\n\n| what | measured |\n|---|---|\n"
    )
    return head + "\n".join(lines)


def decide_table(figures: dict[str, Any]) -> str:
    """Return the table of ``bench/decide.py``."""
    lines = [
        f"| {row['nodes']:,} | {row['policy']} | {row['known_p50_us']} | {row['known_p99_us']}"
        f" | {row['unseen_us_per_node']} | {row['plain_pass_us']} | {row['known_p50_over_plain']}"
        f" | {row['unseen_over_plain']} |"
        for row in figures["rows"]
    ]
    head = (
        f"Decide and apply, 8 GPUs a node, steady state, shapes of {figures['mix']}:"
        " `bench/decide.py`. A known shape (what a pod asks for) was scored before, so that only"
        " nodes that changed are scored again; a never-seen one is scored on every node. The plain"
        " pass is a sum over one int64 column with an entry a node, in the same run.\n\n"
        "| nodes | policy | known shape p50 µs | p99 µs | never-seen shape µs/node"
        " | plain pass µs | known p50 ÷ plain | never-seen ÷ plain |\n"
        "|---:|---|---:|---:|---:|---:|---:|---:|\n"
    )
    return head + "\n".join(lines)


def mig_table(figures: dict[str, Any]) -> str:
    """Return the table of ``bench/mig.py``."""
    lines = [
        f"| {row['policy']} | {row['p50_us']} | {row['p99_us']} | {row['placed_pct']} |"
        for row in figures["rows"]
    ]
    head = (
        f"Which of {figures['gpus']:,} {figures['product']} and which start for a MIG instance,"
        f" decide and apply, steady state at 90 % taken, profiles as common as in"
        f" {figures['mix']}: `bench/mig.py`\n\n"
        "| policy | p50 µs | p99 µs | placed, % |\n|---|---:|---:|---:|\n"
    )
    return head + "\n".join(lines)


def modes_table(figures: dict[str, Any]) -> str:
    """Return the table of ``bench/modes.py``."""
    lines = [
        f"| {row['sharing']} | {row['placed']:,} | {sum(row['refused'].values()):,}"
        f" | {row['allocated_pct']:.2f} | {row['internal_pct']:.2f} | {row['external_pct']:.2f}"
        f" | {row['all_s']:.2f} |"
        for row in figures["rows"]
    ]
    head = (
        f"In % of the GPUs' capacity, load {figures['load']}, one seed; internal: taken, not asked"
        " for; external: free, of no use to a typical pod (openb states no GPU memory, so mps,"
        " timeslice and hami do not differ). Written by `bench/modes.py`.\n\n"
        "| sharing | pods placed | refused | allocated | internal | external | s, all in all |\n"
        "|---|---:|---:|---:|---:|---:|---:|\n"
    )
    return head + "\n".join(lines)


def speed_table(held_out: dict[str, Any]) -> str:
    """Return the headline of ``bench/sharing.py``: held-out points only."""
    slices = held_out["slices"]
    fitted = slices["held out, fitted to the other slices"]
    lines = [
        f"| MISO, {slices['jobs']} training jobs on A100-40GB slices, leave one slice out"
        f" ({fitted['points']} speeds) | mean error {100 * fitted['error']:.1f} % |"
        f" class default alone {100 * slices['class default only']['error']:.1f} % |"
    ]
    for gpu, pairs in held_out["pairs"].items():
        each = pairs["types held out"]
        lines.append(
            f"| Gavel, training pairs on {gpu.upper()}, job types held out ({each['speeds']:,}"
            f" speeds) | mean absolute error {each['error']:.3f} | no slowdown"
            f" {each['no slowdown']:.3f}, equal split {each['equal split']:.3f} |"
        )
    points = held_out["points"]
    worst = max(points, key=lambda point: float(point["error"]))
    mean = sum(point["error"] for point in points) / len(points)
    lines.append(
        f"| A30 vGPU and MIG, T4 ({len(points)} points) | mean error {100 * mean:.1f} % |"
        f" worst {100 * worst['error']:.1f} % ({worst['job']}, {worst['mode']}) |"
    )
    return "| measurements held out | model | beside it |\n|---|---|---|\n" + "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
