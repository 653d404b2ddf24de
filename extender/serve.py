"""``bayplan extender serve``: the parts put together, on one event loop, until a signal."""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from prometheus_client import GC_COLLECTOR, PLATFORM_COLLECTOR, PROCESS_COLLECTOR, CollectorRegistry

from bayplan import __version__
from bayplan.extender import logs, loop
from bayplan.extender.api import Client, Recorder
from bayplan.extender.aside import aside
from bayplan.extender.config.evicting import evicting_settings
from bayplan.extender.config.health import health_settings
from bayplan.extender.config.policy import check_policy
from bayplan.extender.config.queues import queueing_settings, read_tree
from bayplan.extender.config.reading import Values, read_config
from bayplan.extender.config.settings import http_settings, rpc_settings, service_settings
from bayplan.extender.connecting import connection_of
from bayplan.extender.evicting.machine import Machine
from bayplan.extender.evicting.numbers import EvictingNumbers
from bayplan.extender.evicting.runner import Runner as Evictor
from bayplan.extender.health.calls import ApiMarks
from bayplan.extender.health.keeper import Keeper
from bayplan.extender.health.numbers import HealthNumbers
from bayplan.extender.health.settings import Reading
from bayplan.extender.health.sources import source_of
from bayplan.extender.http.app import App
from bayplan.extender.http.server import Server
from bayplan.extender.leading.configuring import leading_settings
from bayplan.extender.leading.lead import Lead, lead_of
from bayplan.extender.leading.numbers import LeadingNumbers
from bayplan.extender.live.settings import Live
from bayplan.extender.repartition.configuring import repartition_settings
from bayplan.extender.repartition.controller import Controller
from bayplan.extender.repartition.numbers import RepartitionNumbers
from bayplan.extender.repartition.observing import Both
from bayplan.extender.repartition.runner import ApiNodes, Runner
from bayplan.extender.repartition.settings import Repartition
from bayplan.extender.service.api import ApiCalls
from bayplan.extender.service.numbers import Numbers
from bayplan.extender.service.queue_numbers import QueueNumbers
from bayplan.extender.service.queues import Queues
from bayplan.extender.service.service import Service
from bayplan.extender.stopping import run
from bayplan.extender.tracing import starting as tracing
from bayplan.extender.warming import warm, warm_queues
from bayplan.extender.watch import Watches, followed
from bayplan.extender.watch.kinds import Kind
from bayplan.extender.watch.sink import Sink
from bayplan.scheduler.queues import QueueTree

if TYPE_CHECKING:
    from bayplan.extender.rpc.server import RpcServer

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
    # Before anything is opened: the file that it names may be wrong.
    repartition = repartition_settings(values) if values["repartition.on"] else None
    spans = tracing.provider_of(values)
    registry = _registry()
    leads = leading_settings(values)
    connection = connection_of(values)
    client = Client(
        connection, registry, qps=float(values["api.qps"]), burst=int(values["api.burst"])
    )
    recorder = Recorder(client, registry)
    lead = lead_of(leads, connection, client, recorder, LeadingNumbers(registry))
    calls = tracing.calls_of(client, recorder, spans, binding=lead.binding, acting=lead.acting)
    service = _service(values, tree, calls, registry, lead)
    evictor = _evictor(values, service, registry, lead)
    runner = _runner(repartition, service, ApiNodes(lead.acting, recorder), registry, lead)
    keeper = _keeper(values, service, ApiMarks(lead.acting, recorder), registry, lead)
    sink: Sink = service if runner is None else Both(service, runner.controller.watched)
    watches = Watches(connection, sink, registry, _kinds(service.settings.live))
    service.lacks = watches.not_ready
    rpc = _rpc(values, service, registry)
    verbs = tracing.verbs_of(service if rpc is None else rpc.verbs, service.owner, spans)
    server = Server(App(verbs, http_settings(values), registry))
    LOG.info("starting", extra={"version": __version__})
    with server.signals():
        works = [_start(service, watches), *_works(service, keeper, runner, evictor, lead)]
        tasks = [asyncio.create_task(work) for work in works]
        for task in tasks:
            task.add_done_callback(_tell_failure)
        try:
            return await run(server, rpc)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await watches.stop()
            await recorder.close()
            await lead.close()
            await client.close()
            await tracing.close(spans, float(values["server.grace_s"]))


def _works(
    service: Service,
    keeper: Keeper | None,
    runner: Runner | None,
    evictor: Evictor | None,
    lead: Lead,
) -> Iterator[Coroutine[Any, Any, None]]:
    """Yield what goes on by itself."""
    yield service.run()
    for work in (keeper, runner, evictor, lead.runner):
        if work is not None:
            yield work.run()


def _service(
    values: Values,
    tree: QueueTree | None,
    calls: ApiCalls,
    registry: CollectorRegistry,
    lead: Lead,
) -> Service:
    """Return the service, with its queues where there are some."""
    clock = _steady_clock()
    service = Service(service_settings(values, tree), calls, clock, Numbers(registry))
    service.leading = lead.runner
    if lead.runner is not None:
        service.binder.fence = lead.runner.pass_fence
    if (quota := service.owner.quota) is not None:
        settings, numbers = queueing_settings(values), QueueNumbers(registry)
        service.queues = Queues(
            service.owner, quota, settings, calls, clock, numbers, leads=lead.leads
        )
    return service


def _kinds(live: Live) -> tuple[Kind, ...]:
    """Return what is watched."""
    return followed(devices=live.dra, koordinator=live.koordinator)


def _registry() -> CollectorRegistry:
    """Return where metrics go, with those of the process."""
    registry = CollectorRegistry()
    for collector in (GC_COLLECTOR, PLATFORM_COLLECTOR, PROCESS_COLLECTOR):
        registry.register(collector)
    return registry


def _tell_failure(part: asyncio.Task[None]) -> None:
    """Let the log have what a part has ended with, which nobody awaits before the end of all."""
    if not part.cancelled() and (error := part.exception()) is not None:
        LOG.error("a part of the extender has failed", exc_info=error)


def _runner(
    settings: Repartition | None,
    service: Service,
    calls: ApiNodes,
    registry: CollectorRegistry,
    lead: Lead,
) -> Runner | None:
    """Return what repartitions nodes; None where that is off."""
    numbers = RepartitionNumbers(registry)
    if settings is None:
        return None
    controller = Controller(service.owner, settings)
    return Runner(
        controller, calls, service.clock, numbers, lacks=service.not_ready, leads=lead.leads
    )


def _evictor(
    values: Values, service: Service, registry: CollectorRegistry, lead: Lead
) -> Evictor | None:
    """Return what evicts others for gangs; None where that is off."""
    numbers, settings = EvictingNumbers(registry), evicting_settings(values)
    if settings is None:
        return None
    machine = Machine(service.owner, settings)
    service.owner.helper = machine
    return Evictor(
        machine, service.owner, service.calls, service.clock, numbers,
        lacks=service.not_ready, wake=service.wake, leads=lead.leads,
    )  # fmt: skip


def _rpc(values: Values, service: Service, registry: CollectorRegistry) -> RpcServer | None:
    """Return the gRPC service, if it is configured: only then is gRPC loaded."""
    settings = rpc_settings(values)
    if settings is None:
        return None
    # gRPC's core writes to standard error past our log, a line for each handshake that fails.
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
    from bayplan.extender.rpc.server import RpcServer

    return RpcServer(service, settings, registry)


async def _start(service: Service, watches: Watches) -> None:
    """Compile what calls need, then look at the cluster."""
    start_s = time.monotonic()
    await aside(warm, service.settings.live.placement)
    if service.queues is not None:
        await aside(warm_queues)
    service.warm = True
    LOG.info("kernels are ready", extra={"seconds": round(time.monotonic() - start_s, 3)})
    watches.start()
    await watches.synced()
    loop.settle()
    LOG.info("in step", extra={"seconds": round(time.monotonic() - start_s, 3)})


def _keeper(
    values: Values,
    service: Service,
    calls: ApiMarks,
    registry: CollectorRegistry,
    lead: Lead,
) -> Keeper | None:
    """Return what keeps the quarantined GPUs; None where that is off."""
    marker = service.owner.mirror.reader.health
    if marker is None:
        return None
    settings = health_settings(values)
    reading = Reading() if settings is None else settings.reading
    return Keeper(
        service.owner, marker, reading, source_of(reading), calls, service.clock,
        HealthNumbers(registry), leads=lead.leads,
    )  # fmt: skip


def _steady_clock() -> Callable[[], float]:
    """Return a clock that begins at the time of day and never jumps."""
    offset_s = time.time() - time.monotonic()
    return lambda: time.monotonic() + offset_s
