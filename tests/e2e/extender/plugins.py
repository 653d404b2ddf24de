"""The part of device plugins that is played: HAMi's and Volcano's give bound pods their devices."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event, Thread

from ..controlplane.client import Client
from ..controlplane.pods import node_of

HAMI, VOLCANO = "hami.io/bind-phase", "volcano.sh/bind-phase"
DONE = {
    HAMI: {HAMI: "success"},
    VOLCANO: {VOLCANO: "success", "volcano.sh/devices-to-allocate": ""},
}


@contextmanager
def device_plugin(client: Client, phase: str = HAMI) -> Iterator[None]:
    """Let a bound pod that is to be given devices have them at once."""
    ended = Event()

    def work() -> None:
        while not ended.wait(0.02):
            for each in client.list("Pod", "default"):
                metadata = each["metadata"]
                if metadata.get("annotations", {}).get(phase) == "allocating" and node_of(each):
                    change = {"metadata": {"annotations": DONE[phase]}}
                    client.patch("Pod", metadata["name"], change)

    thread = Thread(target=work, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
