"""Write docs/{reference,metrics}.md; tables of docs/{scenario,services,extender,foreign-keys}.md.

And those in the schema of the Helm chart's values.

Run by ``make docs``; a test fails when a page is not what this writes.
"""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry

PAGE = Path(__file__).parent / "reference.md"
METRICS_PAGE = Path(__file__).parent / "metrics.md"
SCENARIO_PAGE = Path(__file__).parent / "scenario.md"
SERVICES_PAGE = Path(__file__).parent / "services.md"
EXTENDER_PAGE = Path(__file__).parent / "extender.md"
FOREIGN_PAGE = Path(__file__).parent / "foreign-keys.md"
FOREIGN_HEADING = (
    "## What names a gang\n\nWritten by `make docs`, from `traces/kubernetes/schemes.py`.\n\n"
)
CHART_SCHEMA = Path(__file__).parents[1] / "extender" / "deploy" / "chart" / "values.schema.json"
EXTENDER_HEADING = "## Metrics\n\nWritten by `make docs`, from what is registered.\n\n"
KEYS_HEADING = "## All keys\n\nWritten by `make docs`.\n\n"
COMMANDS = (
    (),
    ("simulate",),
    ("compare",),
    ("sweep",),
    ("sweep", "export"),
    ("report",),
    ("scenario",),
    ("scenario", "init"),
    ("scenario", "check"),
    ("scenario", "show"),
    ("replay",),
    ("plan",),
    ("why",),
    ("policies",),
    ("devices",),
    ("devices", "layouts"),
    ("speed",),
    ("traces",),
    ("traces", "list"),
    ("traces", "info"),
    ("traces", "convert"),
    ("traces", "fetch"),
    ("traces", "synth"),
    ("extender",),
    ("extender", "serve"),
    ("extender", "config"),
    ("extender", "check"),
    ("extender", "probe"),
    ("extender", "repartition"),
    ("remote",),
    ("remote", "decide"),
    ("remote", "preempt"),
    ("remote", "release"),
    ("remote", "explain"),
    ("remote", "snapshot"),
    ("remote", "watch"),
    ("quota",),
)
WIDTH = "80"


def page() -> str:
    """Return the text of the page."""
    # What the terminal libraries read; set before they are imported.
    os.environ.update(COLUMNS=WIDTH, NO_COLOR="1", TERM="dumb")
    from bayplan import cli
    from bayplan.scheduler.policies import POLICIES
    from bayplan.scheduler.workload import typical_workload
    from bayplan.traces import builtin_pods, requests_from

    parts = ["# Reference\n\nWritten by `make docs`.\n\n## Command line"]
    for command in COMMANDS:
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            cli.app([*command, "--help"], result_action="return_none")
        text = "\n".join(line.rstrip() for line in out.getvalue().strip().splitlines())
        parts.append(f"### {' '.join(['bayplan', *command])}\n\n```text\n{text}\n```")
    workload = typical_workload(requests_from(builtin_pods()))
    parts.append("## Placement policies")
    for name, make in POLICIES.items():  # what is shipped, whatever else is installed
        policy = make(workload)
        lines = [line.strip() for line in (type(policy).__doc__ or "").strip().splitlines()]
        parts.append(f"### {name}\n\nTies: {policy.ties.value}.\n\n" + "\n".join(lines))
    return "\n\n".join(parts) + "\n"


METRICS_INTRO = """# Metrics

Written by `make docs` from the catalogue in `simulator/metrics/catalogue.py`, where each metric is
declared once: the summary, the tables and this page all read it.

- **Jobs.** The rows of a gang are one job. Waiting, completion, slowdown and rho are those of jobs
  that finished: read them beside how many did not. A policy that never starts long jobs has short
  waits.
- **Percentiles** are linear between the sorted values around position (n − 1) × p / 100, NumPy's
  default. Published tables may take the value at ⌊p n / 100⌋ instead.
- **Makespan** runs from the first arrival to the last end of a job; allocated, effective and busy
  are shares of the GPUs' time in it. What fills and drains the cluster is part of it, and one job
  that runs for weeks after the others stretches it: beside these stand the shares **while jobs
  arrive**, from the first to the last arrival, from the samples of the time series in that time.
  Where those are fewer than 10 nothing is said.
- **GPUs × makespan** is the time of the GPUs that were there: where nodes fail or come and go, that
  is less than all of them all the time. **available** says how much less.
- **Effective above allocated.** Work is stated for a whole GPU, and what is held as a part. Tenants
  that share well do more than their parts. A job that asks for a quarter and is alone on a GPU may
  work at the rate of all of it, and under `sharing.mode` none, where the cluster states no sharing,
  it does so beside others too: none models no interference, shares add up and run as if alone.
- **Over time.** A sample of the time series stands for the time since the sample before it.
- **GPUs of a job** are those of all its pods, a share or a MIG instance as one: work is in seconds
  on whole reference GPUs. **GPUs that it held** are its GPU-seconds over its time with room, shares
  and instances as fractions.
- **N of rho**, the number that share the cluster, is the mean number of jobs in the system that
  want GPUs, from a job's arrival to its end, itself included. A cluster of its own of an N-th of
  the size slows a job only if it needs more GPUs than that. The ordering `finish-time` takes who
  waits now.
- **Jain's index** is 1 where all have the same and 1/n where one has everything. It needs two who
  are named.
- **better** says which way is, and decides what a comparison marks; where it is empty neither is.
- What says nothing is null in `summary.json` and left out in tables: a mean over no jobs, misses
  where nobody has a deadline.

## Comparisons

A figure of a variant is its mean over the seeds, with the 95 % confidence interval of Student's t:
mean ± t × s / √n, n − 1 degrees of freedom. One seed has no interval. `*` marks the best mean, ties
together; where all tie, none. `~` marks a variant that chance may have put behind. With the same
seeds, that is when the interval of its differences from the best, seed by seed, holds 0: a seed's
workload is the same for all, so its spread cancels. With other seeds, it is when the two intervals
overlap. Each interval is of one metric: of twenty, one will mislead. An interval of two seeds is
wide, as t is 12.7, and may reach beyond what is possible, as below 0.

Where jobs did not come to their end, a column tells how many did. Jobs that were rejected do not
wait, so a variant that finished fewer than the most complete one has no mark by metrics that are
better for it: all but counts of jobs, deadlines, and shares of the GPUs where more is better. What
is best is chosen among the others.

## Catalogue

"""


def metrics_page() -> str:
    """Return the text of the page of metrics."""
    from bayplan.simulator.metrics.catalogue import markdown

    return METRICS_INTRO + markdown()


def scenario_page() -> str:
    """Return the text of the page of scenarios: what is written by hand, and the keys."""
    from bayplan.simulator.scenario.writing import markdown

    by_hand = SCENARIO_PAGE.read_text(encoding="utf-8").partition(KEYS_HEADING)[0]
    return by_hand + KEYS_HEADING + markdown()


def services_page() -> str:
    """Return the text of the page of services: what is written by hand, and the keys."""
    from bayplan.traces.services.keys import markdown

    by_hand = SERVICES_PAGE.read_text(encoding="utf-8").partition(KEYS_HEADING)[0]
    return by_hand + KEYS_HEADING + markdown()


def foreign_page() -> str:
    """Return the text of the page of other projects' keys: by hand, and what names a gang."""
    from bayplan.traces.kubernetes.schemes import markdown

    by_hand = FOREIGN_PAGE.read_text(encoding="utf-8").partition(FOREIGN_HEADING)[0]
    return by_hand + FOREIGN_HEADING + markdown()


def extender_page() -> str:
    """Return the text of the page of the extender: by hand, its metrics, and its keys."""
    from bayplan.extender.config.markdown import markdown

    by_hand = EXTENDER_PAGE.read_text(encoding="utf-8").partition(EXTENDER_HEADING)[0]
    metrics = asyncio.run(extender_metrics())
    return by_hand + EXTENDER_HEADING + metrics + "\n## Configuration\n\n" + markdown()


def chart_schema() -> str:
    """Return the schema of the chart's values: by hand, and the keys of `config`."""
    from bayplan.extender.config.schema import schema

    told = json.loads(CHART_SCHEMA.read_text(encoding="utf-8"))
    told["properties"]["config"] = schema()
    return json.dumps(told, indent=2) + "\n"


async def extender_metrics(registry: CollectorRegistry | None = None) -> str:
    """Return a table of what the parts of the extender register, in a registry if one is given."""
    from prometheus_client import CollectorRegistry

    from bayplan.extender.api import Client, Connection, Recorder
    from bayplan.extender.evicting.numbers import EvictingNumbers
    from bayplan.extender.health.numbers import HealthNumbers
    from bayplan.extender.http.metrics import HttpMetrics, TlsMetrics
    from bayplan.extender.leading.numbers import LeadingNumbers
    from bayplan.extender.repartition.numbers import RepartitionNumbers
    from bayplan.extender.rpc.numbers import RpcMetrics
    from bayplan.extender.service.numbers import Numbers
    from bayplan.extender.service.queue_numbers import QueueNumbers
    from bayplan.extender.watch.kinds import KINDS
    from bayplan.extender.watch.telling import Counters

    registry = registry or CollectorRegistry()
    client = Client(Connection(_no_cluster), registry)
    recorder = Recorder(client, registry)
    Numbers(registry)
    HealthNumbers(registry)
    RepartitionNumbers(registry)
    QueueNumbers(registry)
    LeadingNumbers(registry)
    EvictingNumbers(registry)
    Counters(registry, [kind.name for kind in KINDS])
    HttpMetrics(registry)
    TlsMetrics(registry)
    RpcMetrics(registry)
    rows = sorted(
        f"| `{each.name}{'_total' if each.type == 'counter' else ''}` | {each.type} |"
        f" {each.documentation.rstrip('.')} |"
        for each in registry.collect()
    )
    await recorder.close()
    await client.close()
    return "\n".join(["| metric | type | what |", "|---|---|---|", *rows]) + "\n"


def _no_cluster() -> object:
    from kubernetes import client

    return client.Configuration(host="http://127.0.0.1:1")


if __name__ == "__main__":
    pages = (
        (PAGE, page()),
        (METRICS_PAGE, metrics_page()),
        (SCENARIO_PAGE, scenario_page()),
        (SERVICES_PAGE, services_page()),
        (EXTENDER_PAGE, extender_page()),
        (FOREIGN_PAGE, foreign_page()),
        (CHART_SCHEMA, chart_schema()),
    )
    for path, text in pages:
        path.write_text(text, encoding="utf-8")
        print(f"written: {path}")
    sys.exit(0)
