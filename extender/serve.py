"""``bayplan extender serve``: the parts put together, on one event loop, until a signal."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from prometheus_client import GC_COLLECTOR, PLATFORM_COLLECTOR, PROCESS_COLLECTOR, CollectorRegistry

from bayplan import __version__
from bayplan.extender import logs, loop
from bayplan.extender.api import Client, Recorder
from bayplan.extender.config.policy import check_policy
from bayplan.extender.config.queues import queueing_settings, read_tree
from bayplan.extender.config.reading import Values, read_config
from bayplan.extender.config.settings import http_settings, service_settings
from bayplan.extender.connecting import connection_of
from bayplan.extender.http.app import App
from bayplan.extender.http.server import Server
from bayplan.extender.service.api import ApiCalls
from bayplan.extender.service.numbers import Numbers
from bayplan.extender.service.queue_numbers import QueueNumbers
from bayplan.extender.service.queues import Queues
from bayplan.extender.service.service import Service
from bayplan.extender.warming import warm, warm_queues
from bayplan.extender.watch import Watches
from bayplan.scheduler.queues import QueueTree

LOG = logging.getLogger("bayplan.extender")


def serve(config: Path | None) -> int:
    """Answer kube-scheduler until told to stop; return the exit code.

    Parameters
    ----------
    config
        The configuration file; None: all defaults.

    Raises
    ------
    InputError
        The configuration cannot be used, the port is taken, or there is no API server to talk to.
    """
    values = read_config(config)
    check_policy(config, values)
    tree = read_tree(config, values)
    logs.set_up(form=str(values["log.format"]), level=str(values["log.level"]))
    return loop.run(_serve(values, tree))


async def _serve(values: Values, tree: QueueTree | None) -> int:
    registry = CollectorRegistry()
    for collector in (GC_COLLECTOR, PLATFORM_COLLECTOR, PROCESS_COLLECTOR):
        registry.register(collector)
    connection = connection_of(values)
    client = Client(
        connection, registry, qps=float(values["api.qps"]), burst=int(values["api.burst"])
    )
    recorder = Recorder(client, registry)
    calls, clock = ApiCalls(client, recorder), _steady_clock()
    service = Service(service_settings(values, tree), calls, clock, Numbers(registry))
    if service.owner.quota is not None:
        settings, numbers = queueing_settings(values), QueueNumbers(registry)
        quota = service.owner.quota
        service.queues = Queues(service.owner, quota, settings, calls, clock, numbers)
    watches = Watches(connection, service, registry)
    service.lacks = watches.not_ready
    server = Server(App(service, http_settings(values), registry))
    LOG.info("starting", extra={"version": __version__})
    with server.signals():
        warming = asyncio.create_task(_start(service, watches))
        looking_after = asyncio.create_task(service.run())
        try:
            return await server.run()
        finally:
            for task in (warming, looking_after):
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task
            await watches.stop()
            await recorder.close()
            await client.close()


async def _start(service: Service, watches: Watches) -> None:
    """Compile what calls need, then look at the cluster."""
    start_s = time.monotonic()
    await asyncio.to_thread(warm)
    if service.queues is not None:
        await asyncio.to_thread(warm_queues)
    service.warm = True
    LOG.info("kernels are ready", extra={"seconds": round(time.monotonic() - start_s, 3)})
    watches.start()
    await watches.synced()
    loop.settle()
    LOG.info("in step", extra={"seconds": round(time.monotonic() - start_s, 3)})


def _steady_clock() -> Callable[[], float]:
    """Return a clock that begins at the time of day and never jumps."""
    offset_s = time.time() - time.monotonic()
    return lambda: time.monotonic() + offset_s
