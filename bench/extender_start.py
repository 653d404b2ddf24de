"""How long does the extender take until it knows a large cluster, and how much memory?

A stub API server in a process of its own has 10,000 nodes with 8 GPUs and 100,000 pods of 4.5 kB
(mostly fields that nobody reads) and serves them in pages, and then changes of 20,000 pods in a
watch. What is measured is the reading: sockets, decoding, and handing on to a sink on the event
loop, which only counts. A task beside it measures how late the event loop is.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from prometheus_client import CollectorRegistry

from bayplan.extender.api import Connection
from bayplan.extender.watch import Sink, Watches
from bayplan.extender.watch.kinds import NODES, PODS
from bayplan.traces.kubernetes.objects import Object
from measure import percentiles, write_result

TESTS = Path(__file__).parents[1] / "tests"
TICK_S = 0.002


class Counting:
    """A sink that counts."""

    def __init__(self) -> None:
        self.listed: Counter[str] = Counter()
        self.changes = 0

    def replacing(self, kind: str) -> None:
        self.listed[kind] = 0

    def page(self, kind: str, things: Sequence[Object]) -> None:
        self.listed[kind] += len(things)

    def replaced(self, kind: str) -> None:
        pass

    def changed(self, kind: str, thing: Object) -> None:
        self.changes += 1

    def deleted(self, kind: str, thing: Object) -> None:
        self.changes += 1


def main() -> int:
    """Measure, print and write bench/results/extender_start.json."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--nodes", type=int, default=10_000)
    parser.add_argument("--pods", type=int, default=100_000)
    parser.add_argument("--changes", type=int, default=20_000)
    options = parser.parse_args()
    with serving(options.nodes, options.pods) as (url, server):
        figures = asyncio.run(measured(url, server, Counting(), options.changes))
    figures = {"nodes": options.nodes, "pods": options.pods, **figures}
    print("\n".join(f"{key:24} {value}" for key, value in figures.items()))
    print(f"results: {write_result('extender_start', figures)}")
    return 0


@contextmanager
def serving(nodes: int, pods: int) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """Run the API server in another process; yield its address."""
    command = [sys.executable, "-m", "extender.large_cluster"]
    with subprocess.Popen(
        [*command, "--nodes", str(nodes), "--pods", str(pods)],
        cwd=TESTS,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as server:
        try:
            yield said(server.stdout), server
        finally:
            server.terminate()


def said(stream: IO[str] | None) -> str:
    """Return the next line of the server."""
    assert stream is not None
    line = stream.readline().strip()
    assert line, "the server ended"
    return line


async def measured(
    url: str, server: subprocess.Popen[str], sink: Counting, changes: int
) -> dict[str, Any]:
    """Return the figures of a start and of changes."""
    late: list[float] = []
    ticking = asyncio.ensure_future(lateness(late))
    before_mib = rss_mib()
    started, used_s = time.perf_counter(), time.process_time()
    watches = started_watches(url, sink)
    await watches.synced()
    figures: dict[str, Any] = {
        "synced_s": round(time.perf_counter() - started, 2),
        "synced_cpu_s": round(time.process_time() - used_s, 2),
        "nodes_listed": sink.listed[NODES],
        "pods_listed": sink.listed[PODS],
        "rss_before_mib": before_mib,
        "rss_peak_mib": peak_mib(),
        "rss_after_mib": rss_mib(),
        **{f"loop_late_{key}": value for key, value in percentiles(late).items()},
        "loop_late_max_ms": round(1e3 * max(late), 1),
    }
    late.clear()
    assert server.stdin is not None
    server.stdin.write(f"{changes}\n")
    server.stdin.flush()
    started, used_s = time.perf_counter(), time.process_time()
    while sink.changes < changes:
        await asyncio.sleep(0.005)
    figures |= {
        "changes": changes,
        "changes_s": round(time.perf_counter() - started, 2),
        "changes_cpu_s": round(time.process_time() - used_s, 2),
        "changes_loop_late_max_ms": round(1e3 * max(late), 1),
    }
    ticking.cancel()
    started = time.perf_counter()
    await watches.stop()
    figures["stopped_s"] = round(time.perf_counter() - started, 2)
    return figures


def started_watches(url: str, sink: Sink) -> Watches:
    """Return watches of an API server that run."""
    config = {
        "current-context": "bench",
        "clusters": [{"name": "bench", "cluster": {"server": url}}],
        "users": [{"name": "bench", "user": {}}],
        "contexts": [{"name": "bench", "context": {"cluster": "bench", "user": "bench"}}],
    }
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump(config, file)
        file.flush()
        connection = Connection.from_kubeconfig(file.name)
    watches = Watches(connection, sink, CollectorRegistry())
    watches.start()
    return watches


async def lateness(late: list[float]) -> None:
    """Measure how much later than wished the event loop comes back."""
    while True:
        wished = time.perf_counter() + TICK_S
        await asyncio.sleep(TICK_S)
        late.append(time.perf_counter() - wished)


def rss_mib() -> int:
    """Return the resident memory now, in MiB."""
    pages = int(Path("/proc/self/statm").read_text(encoding="utf-8").split()[1])
    return pages * resource.getpagesize() >> 20


def peak_mib() -> int:
    """Return the most resident memory so far, in MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10


if __name__ == "__main__":
    sys.exit(main())
