"""Runs the application until it is told to stop."""

from __future__ import annotations

import asyncio
import logging
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import uvicorn

from bayplan.extender.http.app import App
from bayplan.extender.http.metrics import TlsMetrics
from bayplan.extender.http.settings import HttpSettings, TlsSettings
from bayplan.extender.http.tls import Certificates
from bayplan.scheduler.errors import InputError

FORCED = 1
"""The exit code after a second signal."""

log = logging.getLogger(__name__)


class Server:
    """Serves an application on one port. It listens once it is made; calls wait until it runs.

    Parameters
    ----------
    app
        The application.

    Attributes
    ----------
    port
        The port that it listens on.
    stopping, forced
        Are set once it has been told to stop, and to do so at once.

    Raises
    ------
    InputError
        The address cannot be had, or the certificates cannot be used.
    """

    def __init__(self, app: App) -> None:
        settings = app.settings
        self._app = app
        tls = settings.tls
        self._certificates = Certificates(tls, TlsMetrics(app.registry)) if tls else None
        self._socket = _listening(settings)
        self.port = int(self._socket.getsockname()[1])
        self._uvicorn = _Uvicorn(_config(app, self._certificates))
        self._task: asyncio.Task[None] | None = None
        self.stopping, self.forced = app.pages.stopping, asyncio.Event()

    @property
    def drain_s(self) -> float:
        """How long new calls are still taken once it has been told to stop."""
        return self._app.settings.drain_s

    async def run(self) -> int:
        """Serve until ``stop`` is called; return the exit code.

        0 once all calls are answered or their time is up, ``FORCED`` when stopped twice.
        """
        scheme = "https" if self._certificates else "http"
        fields = {"address": f"{scheme}://{self._app.settings.host}:{self.port}"}
        log.info("listening", extra=fields)
        self._task = asyncio.ensure_future(self._uvicorn.serve([self._socket]))
        watching = self._certificates and asyncio.ensure_future(self._watch(self._certificates))
        try:
            await self._task
        except asyncio.CancelledError:
            if not self.forced.is_set():
                raise
            log.warning("stopped at once")
            return FORCED
        finally:
            self.stopping.set()
            self._uvicorn.close()
            self._socket.close()
            if watching:
                watching.cancel()
                with suppress(asyncio.CancelledError):
                    await watching
        log.info("stopped")
        return 0

    def stop(self) -> None:
        """Take no new calls and finish those that are being answered; a second time, do not.

        Must be called on the event loop that the server runs on.
        """
        if self.stopping.is_set():
            self.forced.set()
            self._uvicorn.force_exit = True
            if self._task is not None:
                self._task.cancel()
            return
        log.info("stopping")
        self.stopping.set()
        asyncio.get_running_loop().call_later(self.drain_s, self._uvicorn.leave)

    def reload(self) -> None:
        """Read the certificates again."""
        if self._certificates:
            self._certificates.reload()

    @contextmanager
    def signals(self) -> Iterator[None]:
        """Let SIGTERM and SIGINT stop the server, and SIGHUP read its certificates again.

        To be used on the main thread, within the event loop.
        """
        loop = asyncio.get_running_loop()
        handlers = {
            signal.SIGTERM: self.stop,
            signal.SIGINT: self.stop,
            signal.SIGHUP: self.reload,
        }
        for number, handler in handlers.items():
            loop.add_signal_handler(number, handler)
        try:
            yield
        finally:
            for number in handlers:
                loop.remove_signal_handler(number)

    async def _watch(self, certificates: Certificates) -> None:
        tls = self._app.settings.tls
        assert isinstance(tls, TlsSettings)
        while True:
            await asyncio.sleep(tls.poll_s)
            certificates.reload_changed()


class _Uvicorn(uvicorn.Server):
    """Uvicorn, which leaves signals to us: it would raise them again, and end by SIGTERM."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    def leave(self) -> None:
        self.should_exit = True

    def close(self) -> None:
        for listening in self.servers if self.started else ():
            listening.close()


def _config(app: App, certificates: Certificates | None) -> uvicorn.Config:
    settings = app.settings
    config = uvicorn.Config(
        app,
        interface="asgi3",
        http="httptools",
        ws="none",
        lifespan="off",
        log_config=None,
        log_level="warning",
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_keep_alive=settings.keep_alive_s,
        timeout_graceful_shutdown=settings.grace_s,
    )
    config.load()
    config.ssl = certificates.context if certificates else None
    return config


def _listening(settings: HttpSettings) -> socket.socket:
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    # asyncio sends without delay (TCP_NODELAY) only where the protocol is named: without it each
    # reply would wait for the client's delayed acknowledgement, 40 ms.
    listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if settings.host == "::":
            listening.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        listening.bind((settings.host, settings.port))
        listening.listen(1024)
    except OSError as error:
        listening.close()
        raise InputError(
            f"cannot listen on {settings.host} port {settings.port} ({error.strerror})",
            fix="give another host or port",
        ) from None
    return listening
