"""The port of the gRPC service: opened if it is configured, closed when the extender stops."""

from __future__ import annotations

import asyncio
import logging
import time
from contextlib import suppress
from typing import Any

import grpc
from grpc_health.v1 import health, health_pb2_grpc
from grpc_health.v1.health_pb2 import HealthCheckResponse
from grpc_reflection.v1alpha import reflection
from prometheus_client import CollectorRegistry

from bayplan.extender.remote.methods import SERVICE
from bayplan.extender.rpc.credentials import credentials_of
from bayplan.extender.rpc.feed import Feed, Told
from bayplan.extender.rpc.gate import Gate
from bayplan.extender.rpc.handlers import handler_of
from bayplan.extender.rpc.numbers import RpcMetrics
from bayplan.extender.rpc.servicer import Servicer
from bayplan.extender.rpc.settings import RpcSettings
from bayplan.extender.service.service import Service
from bayplan.scheduler.errors import InputError

LOG = logging.getLogger("bayplan.extender.rpc")

NAMES = (SERVICE, health.SERVICE_NAME, reflection.SERVICE_NAME)

_MICRO = 1_000_000
_HEALTHY, _ILL = HealthCheckResponse.SERVING, HealthCheckResponse.NOT_SERVING


class RpcServer:
    """Serves ``bayplan.v1``, health and reflection; to be made on the owner's event loop.

    Parameters
    ----------
    service
        Who has the owner of the state.
    settings
        Where, and the limits.
    registry
        Where metrics are shown.

    Attributes
    ----------
    port
        The port that it listens on.
    verbs
        The service as kube-scheduler's calls are to reach it, so that watches are told of them.

    Raises
    ------
    InputError
        The port cannot be had, or the certificates cannot be used.
    """

    def __init__(
        self, service: Service, settings: RpcSettings, registry: CollectorRegistry
    ) -> None:
        self._service, self._settings = service, settings
        self._feed = Feed(service.clock)
        self.verbs = Told(service, self._feed)
        self._metrics = RpcMetrics(registry)
        # So that versions go on growing over restarts: no cluster changes each microsecond.
        self._servicer = Servicer(service, self._feed, settings, int(time.time() * _MICRO))
        self._health = health.aio.HealthServicer()
        self._server = self._made()
        self.port = self._bind()
        self._ticking: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Take calls."""
        await self._server.start()
        self._ticking = asyncio.create_task(self._tick())
        fields = {"address": f"{self._settings.host}:{self.port}"}
        LOG.info("listening", extra=fields)

    async def stop_once(self, stopping: asyncio.Event, drain_s: float) -> None:
        """Stop once something is set; calls are taken a while longer, and health says no.

        Parameters
        ----------
        stopping
            What is waited for.
        drain_s
            How long calls are still taken.
        """
        await stopping.wait()
        await self._health.enter_graceful_shutdown()
        await asyncio.sleep(drain_s)
        await self.stop(self._settings.grace_s)

    async def stop(self, grace_s: float = 0.0) -> None:
        """End watches, take no new calls, and give those that are answered so much time."""
        if self._ticking is not None:
            self._ticking.cancel()
            with suppress(asyncio.CancelledError):
                await self._ticking
        self._feed.end()
        await self._server.stop(grace_s)

    def _made(self) -> grpc.aio.Server:
        settings = self._settings
        gate = [Gate(settings.clients)] if settings.clients else []
        server = grpc.aio.server(
            interceptors=gate,
            # Two extenders at one port would each have some of the calls.
            options=[("grpc.so_reuseport", 0)],
            maximum_concurrent_rpcs=settings.most_calls,
        )
        server.add_generic_rpc_handlers((handler_of(self._servicer, self._metrics),))
        health_pb2_grpc.add_HealthServicer_to_server(self._health, server)
        reflection.enable_server_reflection(NAMES, server)
        return server

    def _bind(self) -> int:
        settings = self._settings
        host = f"[{settings.host}]" if ":" in settings.host else settings.host
        address = f"{host}:{settings.port}"
        try:
            if settings.tls is None:
                return int(self._server.add_insecure_port(address))
            return int(self._server.add_secure_port(address, credentials_of(settings.tls)))
        except RuntimeError:
            raise InputError(
                f"cannot listen on {settings.host} port {settings.port} for gRPC",
                fix="give another grpc.host or grpc.port",
            ) from None

    async def _tick(self) -> None:
        """Let what is over be over, and health be what it is."""
        shown: Any = None
        while True:
            try:
                self._servicer.look_after()
                self._metrics.rooms.set(len(self._servicer.rooms))
                self._metrics.watches.set(len(self._feed))
                status = _ILL if self._service.not_ready() else _HEALTHY
                if status != shown:
                    for name in ("", SERVICE):
                        await self._health.set(name, status)
                    shown = status
            except Exception:  # rooms have an end, whatever went wrong once
                LOG.exception("a round of looking after clients' room failed")
            await asyncio.sleep(self._settings.tick_s)
