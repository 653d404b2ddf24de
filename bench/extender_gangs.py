"""How long does a gang wait to start, and how soon is it told that it cannot?

On a control plane of its own (tests/e2e/controlplane), with the extender and without:

- a gang of 512 pods with a GPU each on 1,000 KWOK nodes with 8: from the creation of the last pod
  to the last binding, as one watch sees them, and how much of it the plan took (``plan_ms``);
- a gang of 10 pods with 8 GPUs each where 9 nodes have room: from the creation of the first pod to
  the first Event that says why the gang waits (not that pods are still to come), and until each of
  its pods has one.

Without us members of a gang are pods like others.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from tempfile import mkdtemp
from time import monotonic, sleep
from typing import Any

from e2e.controlplane import build, modules
from e2e.controlplane.client import wait_for
from e2e.controlplane.cluster import add_nodes
from e2e.controlplane.nodes import plain
from e2e.controlplane.plane import Plane, running
from e2e.controlplane.pods import node_of
from e2e.extender.asking import gang
from e2e.extender.running import SCHEDULER, Extender, Setup, extender
from measure import write_result
from throughput import QPS, Samples, samples
from throughput_load import Object, scheduler_config
from throughput_watch import watch_of

MEMBERS = 512
GPUS, N_IMPOSSIBLE, TRIES = 8, 10, 10
"""80 GPUs, where 72 are."""
REASON, INCOMPLETE = "BayplanPending", "pods exist"
EVENT_S, PLAN_MS = 2.0, 10.0
"""What is aimed at."""

Row = dict[str, Any]


def main() -> int:
    """Measure, print and write bench/results/extender_gangs.json."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--nodes", type=int, default=1_000)
    parser.add_argument("--rounds", type=int, default=3, help="pairs of without and with")
    options = parser.parse_args()
    folder = Path(mkdtemp(prefix="bayplan-gangs-")) / "plane"
    print(f"logs are in {folder}", flush=True)
    with running(build.binaries(modules.wanted()), folder) as plane:
        add_nodes(plane.client, *(plain(f"n{k:05}") for k in range(N_IMPOSSIBLE - 1)))
        told = impossible(plane)
        more = (plain(f"n{k:05}") for k in range(N_IMPOSSIBLE - 1, options.nodes))
        add_nodes(plane.client, *more, timeout_s=300.0)
        rows = [started(plane, turn) for _ in range(options.rounds) for turn in ("plain", "ours")]
    for what, key in (("the first with the reason", "first_s"), ("all pods have one", "all_s")):
        told_s = [row[key] for row in told]
        print(
            f"impossible gang of {GPUS * N_IMPOSSIBLE} GPUs, creation to Event ({what}): median"
            f" {median(told_s):.2f} s, longest {max(told_s):.2f} s of {TRIES} (aim: {EVENT_S})"
        )
    for turn in ("plain", "ours"):
        took = [row["took_s"] for row in rows if row["turn"] == turn]
        print(
            f"{turn:6} gang of {MEMBERS}, last creation to last binding: median"
            f" {median(took):.2f} s of {', '.join(f'{each:.2f}' for each in took)}"
        )
    plans = [row["plan_ms"] for row in rows if row["turn"] == "ours"]
    print(f"of it the plan: {', '.join(f'{each:.2f}' for each in plans)} ms (aim: {PLAN_MS})")
    figures = {"nodes": options.nodes, "members": MEMBERS, "events": told, "rows": rows}
    print(f"results: {write_result('extender_gangs', figures)}")
    return 0


def impossible(plane: Plane) -> list[Row]:
    """Return the seconds from a gang's creation to its Events, gang after gang."""
    found = []
    with _ours(plane, "impossible") as placing:
        assert placing is not None
        for k in range(TRIES):
            name = f"impossible-{k}"
            begun_s, first_s = monotonic(), 0.0
            plane.client.create_all(gang(name, N_IMPOSSIBLE, GPUS))
            while len(told := _told(plane, name)) < N_IMPOSSIBLE:
                assert monotonic() < begun_s + 60.0, f"{len(told)} pods are told"
                first_s = first_s or (monotonic() - begun_s if told else 0.0)
                sleep(0.02)
            all_s = monotonic() - begun_s
            row = {"first_s": round(first_s or all_s, 3), "all_s": round(all_s, 3)}
            print(row, *([] if k else sorted(set(told.values()))), sep="\n", flush=True)
            found.append(row)
            _clear(plane)
        said = samples(placing.text("/metrics"))
        plans, total_s = _plans(said)
        print(f"{plans} plans of {TRIES} gangs took {1000 * total_s:.1f} ms", flush=True)
    return found


def _told(plane: Plane, gang_name: str) -> dict[str, str]:
    """Return what the pods of a gang were told of it, by pod, but for who is missing."""
    found = plane.client.list("Event", "default", fieldSelector=f"reason={REASON}")
    return {
        each["involvedObject"]["name"]: each["message"]
        for each in found
        if each["involvedObject"]["name"].startswith(f"{gang_name}-")
        and INCOMPLETE not in each["message"]
    }


def _plans(said: Samples) -> tuple[int, float]:
    """Return how many plans were made, and in how many seconds."""
    name = "bayplan_gang_plan_seconds"
    n, total_s = (sum(v for _, v in said[f"{name}_{part}"]) for part in ("count", "sum"))
    return int(n), total_s


def started(plane: Plane, turn: str) -> Row:
    """Create a gang; return how long it took until all of it was bound."""
    with _ours(plane, turn) if turn == "ours" else _plain(plane) as placing:
        watch = watch_of(plane)
        plane.client.create_all(gang(f"gang-{turn}", MEMBERS, 1))
        created_s = monotonic()
        for _ in watch.until_bound(MEMBERS):
            pass
        row: Row = {"turn": turn, "took_s": round(max(watch.bound_s.values()) - created_s, 3)}
        if placing is not None:
            n, total_s = _plans(samples(placing.text("/metrics")))
            row |= {"plans": n, "plan_ms": round(1000 * total_s, 2)}
        bound = sum(bool(node_of(pod)) for pod in plane.client.list("Pod", "default"))
        assert bound == MEMBERS, f"{bound} bound"
        _clear(plane)
    print(row, flush=True)
    return row


def _config() -> Object:
    return scheduler_config(SCHEDULER, 100) | {"podInitialBackoffSeconds": 1}


@contextmanager
def _ours(plane: Plane, name: str) -> Iterator[Extender | None]:
    connection = {"kubeconfig": str(plane.kubeconfig("scheduler")), "qps": QPS, "burst": QPS}
    setup = Setup(
        {"state": {"recompute_s": 300.0}, "placement": {"at_filter": True}},
        _config() | {"clientConnection": connection},
    )
    with extender(plane, name, setup) as placing:
        yield placing


@contextmanager
def _plain(plane: Plane) -> Iterator[None]:
    connection = {"kubeconfig": str(plane.kubeconfig("scheduler")), "qps": QPS, "burst": QPS}
    scheduler = plane.start_scheduler("plain", _config() | {"clientConnection": connection})
    try:
        yield None
    finally:
        scheduler.stop()


def _clear(plane: Plane) -> None:
    plane.client.delete_all("Pod", "default", grace_s=0)
    wait_for("no pods", lambda: not plane.client.list("Pod", "default", limit="1"), 300.0)


if __name__ == "__main__":
    sys.exit(main())
