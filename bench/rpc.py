"""How many decisions a second does the gRPC service give on one core, and how long do they take?

Client and server are processes, each on a core of its own where there are two. Calls are sent at a
fixed rate whether the ones before were answered or not, and timed from when they were due, so that
waiting counts. Beside decisions, turn by turn in the same run: the health check, a call that is
empty and answered by the same server. Of a known shape the CPU request is one of four, of an unseen
one it is new, so that all nodes are scored. ``cpu`` is what the server's process ran for a call.
``most`` is how many calls a second there are when eight are always under way.
"""

from __future__ import annotations

import argparse
import asyncio
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from itertools import count
from typing import Any

import grpc
from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse
from prometheus_client import CollectorRegistry

from bayplan.extender import loop
from bayplan.extender.remote.methods import METHODS
from bayplan.extender.remote.pb import bayplan_v1_pb2 as pb
from bayplan.extender.rpc.server import RpcServer
from bayplan.extender.rpc.settings import RpcSettings
from bayplan.extender.warming import warm
from half_used import Decides, cpu_s, pin
from measure import percentiles, write_result

SIZES = (100, 1_000, 5_000)
RATE = 1_000
SECONDS, TURNS = 2.0, 5
UNDER_WAY = 8
CALLS = ("empty", "known", "unseen")

Call = Callable[[], Awaitable[Any]]


def main() -> int:
    """Measure, print and write bench/results/rpc.json."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--nodes", type=int, nargs="+", default=SIZES)
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        return serve(options.nodes[0])
    pin(-1)
    rows: list[dict[str, Any]] = []
    for n_nodes in options.nodes:
        for row in measure(n_nodes):
            rows.append(row)
            print("  ".join(f"{key} {value}" for key, value in row.items()), flush=True)
    print(f"results: {write_result('rpc', {'rate': RATE, 'rows': rows})}")
    return 0


def serve(n_nodes: int) -> int:
    """Serve until killed; print the port once ready."""
    pin(0)
    warm()

    async def run() -> int:
        settings = RpcSettings(port=0, most_calls=100_000)
        server = RpcServer(Decides(n_nodes), settings, CollectorRegistry())
        await server.start()
        loop.settle()
        print(server.port, flush=True)
        await asyncio.Event().wait()
        return 0

    return loop.run(run())


def measure(n_nodes: int) -> list[dict[str, Any]]:
    """Return the rows of one size, one for each kind of call."""
    command = [sys.executable, __file__, "--serve", "--nodes", str(n_nodes)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        port = int(process.stdout.readline())
        return loop.run(_measured(n_nodes, port, process.pid))
    finally:
        process.terminate()
        process.wait()


async def _measured(n_nodes: int, port: int, pid: int) -> list[dict[str, Any]]:
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        calls = _calls(channel)
        for call in calls.values():
            for _ in range(500):
                await call()
        taken: dict[str, list[float]] = {kind: [] for kind in calls}
        run_s: dict[str, float] = dict.fromkeys(calls, 0.0)
        for _ in range(TURNS):
            for kind, call in calls.items():
                before_s = cpu_s(pid)
                taken[kind] += await _paced(call)
                run_s[kind] += cpu_s(pid) - before_s
        rows = []
        for kind, call in calls.items():
            row: dict[str, Any] = {"nodes": n_nodes, "call": kind, "rate": RATE}
            for name, value in percentiles(taken[kind]).items():
                row[name.replace("_us", "_ms")] = round(value / 1000, 3)
            row["cpu_ms"] = round(1000 * run_s[kind] / len(taken[kind]), 3)
            row["most_a_s"] = round(await _most(call))
            rows.append(row)
        return rows


def _calls(channel: grpc.aio.Channel) -> dict[str, Call]:
    check = channel.unary_unary(
        "/grpc.health.v1.Health/Check",
        request_serializer=HealthCheckRequest.SerializeToString,
        response_deserializer=HealthCheckResponse.FromString,
    )
    method = METHODS["Decide"]
    decide: Any = channel.unary_unary(
        method.path,
        request_serializer=method.asked.SerializeToString,
        response_deserializer=method.answered.FromString,
    )
    numbers = count()

    async def known() -> None:
        answered = await decide(_asked(4000 * (1 + next(numbers) % 4)))
        assert answered.placement.node

    async def unseen() -> None:
        answered = await decide(_asked(20_000 + next(numbers)))
        assert answered.placement.node

    async def empty() -> None:
        await check(HealthCheckRequest())

    return dict(zip(CALLS, (empty, known, unseen), strict=True))


def _asked(cpu_milli: int) -> pb.DecideRequest:
    request = pb.Request(uid="job", cpu_milli=cpu_milli, memory_mib=32 << 10)
    request.devices.add().whole.count = 1
    return pb.DecideRequest(request=request)


async def _paced(call: Call) -> list[float]:
    """Return the seconds that calls at the rate took, each from when it was due."""
    taken: list[float] = []
    running: set[asyncio.Task[None]] = set()

    async def timed(due_s: float) -> None:
        await call()
        taken.append(time.perf_counter() - due_s)

    start_s = time.perf_counter()
    for number in range(int(RATE * SECONDS)):
        due_s = start_s + number / RATE
        if (early_s := due_s - time.perf_counter()) > 0:
            await asyncio.sleep(early_s)
        task = asyncio.create_task(timed(due_s))
        running.add(task)
        task.add_done_callback(running.discard)
    await asyncio.gather(*running)
    return taken


async def _most(call: Call) -> float:
    """Return the calls a second when some are always under way."""
    end_s = time.perf_counter() + SECONDS
    n = 0

    async def again() -> None:
        nonlocal n
        while time.perf_counter() < end_s:
            await call()
            n += 1

    start_s = time.perf_counter()
    await asyncio.gather(*(again() for _ in range(UNDER_WAY)))
    return n / (time.perf_counter() - start_s)


if __name__ == "__main__":
    sys.exit(main())
