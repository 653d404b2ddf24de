"""What ``bayplan speed`` does."""

from __future__ import annotations

import json as json_
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.table import Table

from bayplan.scheduler.hardware import Product, product_named
from bayplan.scheduler.speed import SharingMode, mode_named, slowdowns
from bayplan.simulator.speed.calibration import DEFAULTS, read_calibration
from bayplan.simulator.speed.tenants import Tenant, parse_tenants
from bayplan.traces.console import console, plain

SCHEMA = "bayplan.speed/1"
_WIDTH = 76


def show_speed(
    mode: str,
    jobs: str,
    calibration: Path | None = None,
    json: bool = False,
    product: str = "A100-80GB",
) -> None:
    """Print how fast jobs run that share a GPU.

    Parameters
    ----------
    mode
        exclusive, mig, mps, timeslice or hami.
    jobs
        Job classes, as ``parse_tenants`` takes them.
    calibration
        A file with parameters and job classes in place of the defaults.
    json
        Print JSON (``bayplan.speed/1``) to stdout instead of a table.
    product
        The GPU, by a name that the catalogue knows.

    Raises
    ------
    InputError
        Anything wrong with the arguments or the file.
    """
    chosen = mode_named(mode)
    given = DEFAULTS if calibration is None else read_calibration(calibration)
    gpu = product_named(product)
    tenants = parse_tenants(jobs, chosen, given.jobs, gpu)
    found = slowdowns(
        chosen,
        [tenant.demand for tenant in tenants],
        [tenant.share for tenant in tenants],
        given.settings,
    )
    result = as_result(chosen, gpu, tenants, found.tolist(), given.settings.context_mib)
    if json:
        sys.stdout.write(json_.dumps(result, indent=1) + "\n")
        return
    screen = console()
    screen.print(as_table(result))
    for line in summary(result):
        screen.print(plain(line))


def as_result(
    mode: SharingMode,
    product: Product,
    tenants: Sequence[Tenant],
    found: Sequence[float],
    context_mib: float,
) -> dict[str, Any]:
    """Return everything that is shown: numbers and names, no text for people."""
    return {
        "schema": SCHEMA,
        "mode": mode,
        "product": product.name,
        "jobs": [
            {
                "job": tenant.job,
                "share": tenant.part,
                "compute_share": tenant.share.compute,
                "memory_share": tenant.share.memory,
                "pool": tenant.pool,
                "memory_mib": tenant.demand.memory_mib or None,
                "slowdown": slowdown,
                "speed": 1.0 / slowdown,
            }
            for tenant, slowdown in zip(tenants, found, strict=True)
        ],
        "aggregate_speed": sum(1.0 / slowdown for slowdown in found),
        "context_mib": context_mib,
        "memory": [
            _memory(mode, [tenant for tenant in tenants if tenant.pool == pool], context_mib)
            for pool in dict.fromkeys(tenant.pool for tenant in tenants)
        ],
    }


def _memory(mode: SharingMode, tenants: Sequence[Tenant], context_mib: float) -> dict[str, Any]:
    needed = sum(tenant.demand.memory_mib + context_mib for tenant in tenants)
    unknown = sorted({tenant.job for tenant in tenants if not tenant.demand.memory_mib})
    capacity = tenants[0].pool_mib
    # What is known may be too much already; that it fits takes knowing everything.
    fits = False if needed > capacity else None if unknown else True
    return {
        "pool": tenants[0].pool,
        "instance": tenants[0].part if mode == "mig" else "",
        "needed_mib": needed,
        "capacity_mib": capacity,
        "unknown": unknown,
        "fits": fits,
    }


def as_table(result: dict[str, Any]) -> Table:
    """Return the table, at most 80 columns wide: one line a job."""
    table = Table(
        title=f"{result['product']}, {result['mode']}",
        min_width=_WIDTH,
        box=SIMPLE_HEAD,
        pad_edge=False,
        padding=(0, 1, 0, 0),
    )
    table.add_column("job")
    table.add_column("share")
    for heading in ("memory\nMiB", "slowdown\n×", "speed\nvs alone"):
        table.add_column(heading, justify="right")
    for job in result["jobs"]:
        memory = job["memory_mib"]
        table.add_row(
            plain(job["job"]),
            plain(job["share"] or "-"),
            "?" if memory is None else f"{memory:,}",
            f"{job['slowdown']:.2f}",
            f"{100 * job['speed']:.1f} %",
        )
    return table


def summary(result: dict[str, Any]) -> list[str]:
    """Return the lines below the table: the aggregate, and whether memory suffices."""
    gpus = len(result["jobs"]) if result["mode"] == "exclusive" else 1
    lines = [
        f"together {result['aggregate_speed']:.2f} × the work of one GPU that runs one job alone"
        + (f", on {gpus} GPUs" if gpus > 1 else "")
    ]
    unknown = sorted({name for pool in result["memory"] for name in pool["unknown"]})
    short = [pool for pool in result["memory"] if pool["fits"] is False]
    context = f"{result['context_mib']:,.0f} MiB for each context"
    for pool in short:
        where = pool["instance"] if result["mode"] == "mig" else "the GPU"
        lines.append(
            f"memory does not fit: {pool['needed_mib']:,.0f} MiB ({context}) on {where}"
            f" with {pool['capacity_mib']:,} MiB"
        )
    if not short and not unknown:
        lines.append(f"memory fits, with {context}")
    if unknown:
        lines.append(f"memory is not known of {', '.join(unknown)}")
    return list(dict.fromkeys(lines))  # instances of one profile with the same jobs say the same
