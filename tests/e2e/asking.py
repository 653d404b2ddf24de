"""``make pod`` and ``make pods``: asks the cluster of ``make cluster``, where kubectl is missing.

``python -m e2e.asking pod NAME RESOURCE=AMOUNT ...`` makes a pod and says where it went;
``python -m e2e.asking pods`` lists all.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from .cluster import KUBECONFIG
from .controlplane.client import Client, Object, wait_for
from .controlplane.cluster import events
from .controlplane.pods import node_of, phase, pod
from .extender.running import SCHEDULER

GIVEN, PHASE = "hami.io/vgpu-devices-to-allocate", "hami.io/bind-phase"
SHOWN = ("nvidia.com/", "aliyun.com/")


def main(words: Sequence[str]) -> int:
    """Do what is asked."""
    if not KUBECONFIG.exists():
        sys.stderr.write("no cluster; start one in another terminal: make cluster\n")
        return 2
    client = Client(KUBECONFIG)
    try:
        if words[:1] == ["pod"] and len(words) > 1:
            return _place(client, words[1], dict(each.split("=", 1) for each in words[2:]))
        for each in client.list("Pod", "default"):
            print(_line(each))
        return 0
    finally:
        client.close()


def _place(client: Client, name: str, resources: dict[str, str]) -> int:
    client.create(pod(name, scheduler=SCHEDULER, resources=resources))
    wait_for("an answer", lambda: _runs(client, name) or events(client, name, "FailedScheduling"))
    found = client.get("Pod", name)
    print(_line(found))
    if node_of(found):
        said = found["metadata"].get("annotations", {})
        if GIVEN in said:
            print(f"  {GIVEN}: {said[GIVEN]}")
            # The part of HAMi's device plugin, which KWOK's kubelets have not: it gave them.
            client.patch("Pod", name, {"metadata": {"annotations": {PHASE: "success"}}})
        return 0
    print(f"  {events(client, name, 'FailedScheduling')[0]['message']}")
    return 1


def _runs(client: Client, name: str) -> bool:
    return phase(client.get("Pod", name)) == "Running"


def _line(thing: Object) -> str:
    limits = thing["spec"]["containers"][0]["resources"].get("limits", {})
    gpus = " ".join(f"{k}={v}" for k, v in sorted(limits.items()) if k.startswith(SHOWN))
    return f"{thing['metadata']['name']:12} {phase(thing):9} {node_of(thing) or '-':8} {gpus}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
