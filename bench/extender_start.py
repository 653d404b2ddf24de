"""How long does the extender take until it knows a large cluster, and how much memory?

A stub API server in a process of its own has 10,000 nodes with 8 GPUs and 100,000 pods of 4.5 kB
(mostly fields that nobody reads) and serves them in pages, and then changes of 20,000 pods in a
watch. ``service`` is what `bayplan extender serve` runs: from the start of a new process over
imports and kernels, compiled before, until nothing is missing to be ready. ``counting`` is the
reading alone: sockets, decoding, and handing on to a sink which only counts. A task beside them
measures how late the event loop is.
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
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from prometheus_client import CollectorRegistry

from bayplan.extender import loop
from bayplan.extender.api import Client, Connection, Recorder
from bayplan.extender.service.api import ApiCalls
from bayplan.extender.service.numbers import Numbers
from bayplan.extender.service.service import Service
from bayplan.extender.service.settings import Service as Settings
from bayplan.extender.warming import warm
from bayplan.extender.watch import Watches
from bayplan.traces.kubernetes.objects import Object
from measure import percentiles, write_result

TESTS = Path(__file__).parents[1] / "tests"
TICK_S = 0.002
SINKS = ("service", "counting")

Figures = dict[str, Any]


class Counting:
    """A sink that counts changes, and hands all on to a service if there is one."""

    def __init__(self, service: Service | None) -> None:
        self.service = service
        self.changes = 0

    def replacing(self, kind: str) -> None:
        if self.service is not None:
            self.service.replacing(kind)

    def page(self, kind: str, things: Sequence[Object]) -> None:
        if self.service is not None:
            self.service.page(kind, things)

    def replaced(self, kind: str) -> None:
        if self.service is not None:
            self.service.replaced(kind)

    def changed(self, kind: str, thing: Object) -> None:
        self.changes += 1
        if self.service is not None:
            self.service.changed(kind, thing)

    def deleted(self, kind: str, thing: Object) -> None:
        self.changes += 1
        if self.service is not None:
            self.service.deleted(kind, thing)


def main() -> int:
    """Measure, print and write bench/results/extender_start.json."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--nodes", type=int, default=10_000)
    parser.add_argument("--pods", type=int, default=100_000)
    parser.add_argument("--changes", type=int, default=20_000)
    parser.add_argument("--sink", choices=SINKS, help=argparse.SUPPRESS)
    parser.add_argument("--url", help=argparse.SUPPRESS)
    parser.add_argument("--begun", type=float, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.sink:
        return loop.run(measured(options.sink, options.url, options.begun, options.changes))
    subprocess.run([sys.executable, "-m", "bayplan.kernels.warm"], check=True)
    rows = []
    with serving(options.nodes, options.pods) as (url, server):
        for sink in SINKS:
            rows.append({"sink": sink, **asked(sink, url, server, options.changes)})
            print("\n".join(f"{key:24} {value}" for key, value in rows[-1].items()), flush=True)
    figures = {"nodes": options.nodes, "pods": options.pods, "rows": rows}
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


def asked(sink: str, url: str, server: subprocess.Popen[str], changes: int) -> Figures:
    """Return the figures of a new process that reads the cluster, and then changes of it."""
    command = [sys.executable, __file__, "--sink", sink, "--url", url, "--changes", str(changes)]
    command += ["--begun", str(time.monotonic())]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as reading:
        try:
            figures: Figures = json.loads(said(reading.stdout))
            for process in (reading, server):
                assert process.stdin is not None
                process.stdin.write(f"{changes}\n")
                process.stdin.flush()
            said(server.stdout)
            return {**figures, **json.loads(said(reading.stdout))}
        finally:
            reading.terminate()


def said(stream: IO[str] | None) -> str:
    """Return the next line of a process."""
    assert stream is not None
    line = stream.readline().strip()
    assert line, "the process ended"
    return line


async def measured(kind: str, url: str, begun_s: float, changes: int) -> int:
    """Print the figures of a start, and those of changes once told to."""
    late: list[float] = []
    ticking = asyncio.ensure_future(lateness(late))
    sink, watches, not_ready = await started(kind, url)
    used_s = time.process_time()
    while not_ready():
        await asyncio.sleep(0.005)
    ready_s = time.monotonic() - begun_s
    loop.settle()
    figures: Figures = {
        "ready_s": round(ready_s, 2),
        "ready_cpu_s": round(time.process_time(), 2),
        "of_which_reading_cpu_s": round(time.process_time() - used_s, 2),
        "rss_peak_mib": peak_mib(),
        "rss_after_mib": rss_mib(),
        **{f"loop_late_{key}": value for key, value in percentiles(late).items()},
        "loop_late_max_ms": round(1e3 * max(late), 1),
    }
    if sink.service is not None:
        state = sink.service.state()
        figures |= {key: state[key] for key in ("nodes", "pods", "bound", "n_problems")}
    print(json.dumps(figures), flush=True)
    await asyncio.to_thread(sys.stdin.readline)
    late.clear()
    begun_s, used_s = time.monotonic(), time.process_time()
    while sink.changes < changes:
        await asyncio.sleep(0.005)
    figures = {
        "changes": changes,
        "changes_s": round(time.monotonic() - begun_s, 2),
        "changes_cpu_s": round(time.process_time() - used_s, 2),
        "changes_loop_late_max_ms": round(1e3 * max(late), 1),
    }
    ticking.cancel()
    begun_s = time.monotonic()
    await watches.stop()
    print(json.dumps(figures | {"stopped_s": round(time.monotonic() - begun_s, 2)}), flush=True)
    return 0


async def started(kind: str, url: str) -> tuple[Counting, Watches, Callable[[], list[str]]]:
    """Return a sink, running watches that fill it, and what says why it is not ready."""
    registry = CollectorRegistry()
    connection = connected(url)
    if kind == "counting":
        sink = Counting(None)
        watches = Watches(connection, sink, registry)
        watches.start()
        return sink, watches, watches.not_ready
    client = Client(connection, registry)
    calls = ApiCalls(client, Recorder(client, registry))
    service = Service(Settings(), calls, time.monotonic, Numbers(registry))
    sink = Counting(service)
    watches = Watches(connection, sink, registry)
    service.lacks = watches.not_ready
    await asyncio.to_thread(warm)
    service.warm = True
    watches.start()
    return sink, watches, service.not_ready


def connected(url: str) -> Connection:
    """Return a connection to an API server that asks for no credentials."""
    config = {
        "current-context": "bench",
        "clusters": [{"name": "bench", "cluster": {"server": url}}],
        "users": [{"name": "bench", "user": {}}],
        "contexts": [{"name": "bench", "context": {"cluster": "bench", "user": "bench"}}],
    }
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump(config, file)
        file.flush()
        return Connection.from_kubeconfig(file.name)


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
