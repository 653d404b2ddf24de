"""A server that we started: its log, when it is ready, and its end. Nothing else is ever ended."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic, sleep

READY_S = 60.0
STOP_S = 20.0


class NotReadyError(RuntimeError):
    """A server ended, or was not ready in time; the text has the end of its log."""


@dataclass(slots=True)
class Server:
    """A program with its arguments, started and ended as often as a test likes."""

    name: str
    command: list[str]
    log: Path
    ready: Callable[[], bool]
    """Asked again and again after a start; an OSError counts as no."""
    _process: subprocess.Popen[bytes] | None = field(default=None, init=False)
    _said: str = field(default="no", init=False)

    @property
    def pid(self) -> int:
        """Return the process's id.

        Raises
        ------
        RuntimeError
            It is not running.
        """
        if self._process is None:
            raise RuntimeError(f"{self.name} is not running")
        return self._process.pid

    def start(self) -> None:
        """Start the program and wait until it is ready.

        Raises
        ------
        NotReadyError
            It ended, or was not ready in time; it is not left running.
        """
        assert self._process is None, f"{self.name} is running"
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [*_ends_with_us(), *self.command],
                stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT,
                cwd=self.log.parent, env=_environment(),
            )  # fmt: skip
        until = monotonic() + READY_S
        while not self._is_ready():
            if self._process.poll() is not None or monotonic() > until:
                ended = self._process.poll()
                self.stop()
                said = f"not ready: {self._said}" if ended is None else f"ended with code {ended}"
                raise NotReadyError(f"{self.name}: {said}\n{self.tail()}")
            sleep(0.05)

    def _is_ready(self) -> bool:
        try:
            return self.ready()
        except OSError as problem:
            self._said = str(problem)
            return False

    def alive(self) -> bool:
        """Say whether it was started and has not ended."""
        return self._process is not None and self._process.poll() is None

    def stop(self) -> None:
        """Ask the program to end, and end it if it does not."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None

    def kill(self) -> None:
        """End the program as a crash does (SIGKILL), and wait until it is gone."""
        os.kill(self.pid, signal.SIGKILL)
        assert self._process is not None
        self._process.wait()
        self._process = None

    def tail(self, lines: int = 20) -> str:
        """Return the last lines of its log."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])

    def peak_mib(self) -> float:
        """Return the most memory that it has had resident so far (VmHWM of proc_pid_status(5))."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        line = next(line for line in status.splitlines() if line.startswith("VmHWM:"))
        return int(line.split()[1]) / 1024


def _ends_with_us() -> list[str]:
    """Return a prefix that has a program killed when the thread that started it ends.

    A killed test run then leaves nothing behind. Without setpriv(1) it may.
    """
    setpriv = shutil.which("setpriv")
    return [setpriv, "--pdeathsig", "KILL", "--"] if setpriv else []


def _environment() -> dict[str, str]:
    proxies = {"http_proxy", "https_proxy", "no_proxy", "all_proxy"}
    kept = {name: value for name, value in os.environ.items() if name.lower() not in proxies}
    return {**kept, "NO_PROXY": "*"}


def free_ports(count: int) -> list[int]:
    """Return ports of the loopback interface that nobody listens on."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [int(each.getsockname()[1]) for each in sockets]
    finally:
        for each in sockets:
            each.close()
