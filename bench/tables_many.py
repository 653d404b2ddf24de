"""The tables of decisions that concern many pods."""

from __future__ import annotations

from typing import Any

Figures = dict[str, Any]


def gang_table(figures: Figures) -> str:
    """Return the table of ``bench/gang.py``."""
    lines = [
        f"| {row['nodes']:,} | {row['gang']} | {row['placed']}"
        f" | {row['p50_ms']} | {row['p99_ms']} |"
        for row in figures["rows"]
    ]
    head = (
        "Planning a gang, 8 GPUs a node, pods come and go between plans: `bench/gang.py`\n\n"
        "| nodes | gang | members placed | p50 ms | p99 ms |\n|---:|---|---:|---:|---:|\n"
    )
    return head + "\n".join(lines)


def preempt_table(figures: Figures) -> str:
    """Return the table of ``bench/preempt.py``."""
    lines = [
        f"| a pod with {row['devices']} | {row['policy']} | {row['victims']}"
        f" | {row['p50_us'] / 1e3:.1f} | {row['p99_us'] / 1e3:.1f} |"
        for row in figures["rows"]
    ]
    lines += [
        f"| a gang of {row['members']} × {row['gpus']} GPUs | priority | {row['victims']}"
        f" | {row['p50_us'] / 1e3:.1f} | {row['p99_us'] / 1e3:.1f} |"
        for row in figures["gangs"]
    ]
    head = (
        f"Whom to evict, {figures['nodes']:,} nodes with 8 GPUs, each with a pod of its own:"
        " `bench/preempt.py`\n\n"
        "| asks | policy | victims | p50 ms | p99 ms |\n|---|---|---:|---:|---:|\n"
    )
    return head + "\n".join(lines)


def explain_table(figures: Figures) -> str:
    """Return the table of ``bench/explain.py``."""
    lines = [
        f"| {row['question']} | {row['median_ms']} | {row['p99_ms']} | {row['fixes']} |"
        for row in figures["rows"]
    ]
    head = (
        f"Why it waits, and what would help, each fix tried: {figures['nodes']:,} nodes full of"
        f" pods of {figures['mix']}, `bench/explain.py`\n\n"
        "| question | median ms | p99 ms | fixes found |\n|---|---:|---:|---|\n"
    )
    return head + "\n".join(lines)


def ordering_table(figures: Figures) -> str:
    """Return the table of ``bench/ordering.py``."""
    lines = [
        f"| {row['policy']}, {row['queues']:,} queues | {figures['pods']:,} pods"
        f" | {row['median_ms']} |"
        for row in figures["ordering"]
    ]
    lines += [
        f"| {row['backfill']}, {row['queue']} | {figures['jobs']:,} jobs | {row['median_ms']} |"
        for row in figures["backfill"]
    ]
    head = (
        "Which pod is next: `bench/ordering.py`\n\n"
        "| order | waiting | median ms |\n|---|---:|---:|\n"
    )
    return head + "\n".join(lines)


def plan_table(figures: Figures) -> str:
    """Return the line of ``bench/plan.py``."""
    return (
        f"`bayplan plan` on a dump of {figures['nodes']:,} nodes and {figures['pods']:,} pods"
        f" ({figures['mib']} MiB of JSON; {figures['placed']:,} placed,"
        f" {figures['waiting']:,} wait):"
        f" **{figures['median_s']} s** as a whole process, the slowest {figures['worst_s']} s:"
        " `bench/plan.py`"
    )


def optimal_table(figures: Figures) -> str:
    """Return the table of ``bench/optimal.py``."""
    packing, gangs = figures["packing"], figures["gangs"]
    best: dict[str, Figures] = {}
    for row in packing["rows"]:
        best.setdefault(row["order"], row)
    lines = [
        f"| packing, order {order}: {row['policy']} | {packing['counted']}"
        f" | placed ÷ most that can be: mean {row['mean']:.3f}, least {row['min']:.3f} |"
        for order, row in best.items()
    ]
    lines.append(
        f"| gangs for which a plan exists, first-fit finds none | {gangs['counted']}"
        f" | plan found: {gangs['found']} |"
    )
    lines.append(
        f"| gangs for which a plan exists, first-fit finds one | {gangs['easy']}"
        f" | plan found: {gangs['easy found']} |"
    )
    for who in ("pod", "gang"):
        part = figures[f"victims for a {who}"]
        lines += [
            f"| victims for a {who}, first {row['guards']} | {part['counted']}"
            f" | found {part['found']}; work lost ÷ least: mean {row['mean ratio']:.3f},"
            f" median {row['median ratio']:.3f}, most {row['max ratio']:.2f} |"
            for row in part["rows"]
        ]
    head = (
        "Small random instances against an exact solver (HiGHS): `bench/optimal.py`, what is"
        " compared: [docs/optimality.md](docs/optimality.md)\n\n"
        "| question | instances | engine |\n|---|---:|---|\n"
    )
    return head + "\n".join(lines)
