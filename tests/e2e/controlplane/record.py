"""Write down what a real kube-scheduler sends to an extender, for tests of the wire format.

``make recordings`` starts a control plane of the version that ``BAYPLAN_KUBERNETES`` names, lets it
place a few pods on three nodes, once with whole nodes in the calls and once with their names
(``nodeCacheCapable``), and writes each call with its answer to
``tests/extender/recorded/<version>/<form>-<number>-<verb>.json``. Bodies are as they came.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from . import build, modules, nodes, pods
from .client import Client, Object
from .cluster import add_nodes, clear, run
from .plane import Plane, running
from .recorder import Call, Listening

HERE = Path(__file__).parents[2] / "extender" / "recorded"
FORMS = ("nodes", "names")
"""What calls hold, by ``nodeCacheCapable``: false and true."""


@contextmanager
def recording(plane: Plane, form: str) -> Iterator[Listening]:
    """Start a recorder, and a scheduler for pods of its own that asks it."""
    listening = Listening(plane.client)
    name = f"recorded-{form}"
    try:
        server = plane.start_scheduler(
            name,
            {
                "profiles": [{"schedulerName": name}],
                "extenders": [listening.extender(names=form == "names")],
            },
        )
        try:
            yield listening
        finally:
            server.stop()
    finally:
        listening.close()


def place(client: Client, scheduler: str) -> None:
    """Have every verb called: pods of several kinds, and one for which two have to go."""
    add_nodes(
        client,
        nodes.plain("whole-0"),
        nodes.plain("whole-1"),
        nodes.mig_mixed("parts-0", {"1g.10gb": 14, "3g.40gb": 8}, gpus=8, whole=2),
    )
    urgent = {"apiVersion": "scheduling.k8s.io/v1", "kind": "PriorityClass", "value": 1000}
    if not [each for each in client.list("PriorityClass") if each["metadata"]["name"] == "urgent"]:
        client.create(urgent | {"metadata": {"name": "urgent"}})
    client.create(_budget("kept"))
    pod = partial(pods.pod, scheduler=scheduler)
    run(client, pod("no-gpu"))
    run(client, pod("one-instance", resources={"nvidia.com/mig-1g.10gb": "1"}))
    run(client, pod("fraction", annotations={"gpu-fraction": "0.5"}))
    for name in ("filler-0", "filler-1"):
        run(client, pod(name, 8, labels={"app": "kept"}))
    run(client, pod("urgent", 8, priorityClassName="urgent"))


def _budget(app: str) -> Object:
    """Return a budget that lets no pod go, so that victims violate it."""
    return {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": {"name": app, "namespace": "default"},
        "spec": {"minAvailable": "100%", "selector": {"matchLabels": {"app": app}}},
    }


def recorded(plane: Plane, form: str) -> list[Call]:
    """Return the calls of one form."""
    with recording(plane, form) as listening:
        place(plane.client, f"recorded-{form}")
    clear(plane.client)
    return listening.recorder.calls


def write(calls: list[Call], form: str, folder: Path) -> None:
    """Write calls, in the order in which they came."""
    for number, call in enumerate(calls, 1):
        said = {"headers": call.headers, "request": call.request, "reply": call.reply}
        path = folder / f"{form}-{number:02}-{call.verb}.json"
        path.write_text(json.dumps(said, indent=1) + "\n", encoding="utf-8")


def main() -> int:
    """Record both forms of the wanted version."""
    version = modules.wanted()
    folder = HERE / version
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("*.json"):
        old.unlink()
    binaries = build.binaries(version)
    with TemporaryDirectory() as temporary, running(binaries, Path(temporary) / "plane") as plane:
        for form in FORMS:
            write(recorded(plane, form), form, folder)
    print(f"wrote {len(list(folder.glob('*.json')))} calls to {folder}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
