"""The part of the GPU operator's MIG manager, played: no node of these tests has GPUs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Event, Thread

from bayplan.extender.repartition.configs import Configs
from bayplan.scheduler.hardware import product_named

from ..controlplane import nodes
from ..controlplane.client import Client, Object

CONFIG, STATE = "nvidia.com/mig.config", "nvidia.com/mig.config.state"


def works(client: Client, node: Object) -> None:
    """Do what mig-manager does: say so, make the instances, let them be shown, say so."""
    name, labels = node["metadata"]["name"], node["metadata"]["labels"]
    client.patch("Node", name, {"metadata": {"labels": {STATE: "pending"}}})
    product, count = product_named(nodes.H100), int(labels["nvidia.com/gpu.count"])
    shown = {key: str(n) for key, n in Configs().of(product, count)[labels[CONFIG]].items()}
    old = [key for key in node["status"]["allocatable"] if key.startswith("nvidia.com/")]
    amounts = dict.fromkeys(old, "0") | shown
    change = {"status": {"allocatable": amounts, "capacity": amounts}}
    client.patch("Node", name, change, part="status")
    client.patch("Node", name, {"metadata": {"labels": {STATE: "success"}}})


def fails(client: Client, node: Object) -> None:
    """Say that it does not work."""
    change = {"metadata": {"labels": {STATE: "failed"}}}
    client.patch("Node", node["metadata"]["name"], change)


@contextmanager
def mig_manager(client: Client, does: Callable[[Client, Object], None]) -> Iterator[None]:
    """Play the MIG managers of all nodes: each acts on a config whose state nobody has said."""
    ended = Event()

    def work() -> None:
        while not ended.wait(0.05):
            for each in client.list("Node"):
                labels = each["metadata"]["labels"]
                if CONFIG in labels and STATE not in labels:
                    does(client, each)

    thread = Thread(target=work, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def managed(name: str, gpus: int) -> Object:
    """Return a node of whole GPUs that a MIG manager looks after."""
    made = nodes.plain(name, count=gpus)
    made["metadata"]["labels"] |= {
        "nvidia.com/mig.strategy": "mixed", CONFIG: "all-disabled", STATE: "success",
    }  # fmt: skip
    return made
