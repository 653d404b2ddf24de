"""``make pod`` and ``make pods``: asks the cluster of ``make cluster``, where kubectl is missing.

``python -m e2e.asking pod NAME RESOURCE=AMOUNT ...`` makes a pod and says where it went, or why it
waits; ``python -m e2e.asking pods`` lists all. What cannot be done is one line, and exit code 2.
"""

from __future__ import annotations

import json
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
        return _refused("no cluster; start one in another terminal: make cluster")
    from kubernetes.client import ApiException
    from urllib3.exceptions import HTTPError

    client = Client(KUBECONFIG)
    try:
        if words[:1] == ["pod"] and len(words) > 1:
            return _place(client, words[1], words[2:])
        pods = client.list("Pod", "default")
        for each in pods:
            print(_line(each))
        if not pods:
            print("no pods yet; make one: make pod")
        return 0
    except ApiException as error:
        return _refused(_said(error.body) or str(error.reason))
    except HTTPError:
        return _refused("the cluster does not answer; start it anew: make cluster")
    finally:
        client.close()


def _refused(why: str) -> int:
    sys.stderr.write(f"{why}\n")
    return 2


def _said(body: object) -> str:
    """Return what an API server says was wrong, empty where it says nothing that can be read."""
    try:
        return str(json.loads(str(body))["message"])
    except (ValueError, KeyError, TypeError):
        return ""


def _place(client: Client, name: str, amounts: Sequence[str]) -> int:
    resources = {}
    for each in amounts:
        resource, _, amount = each.partition("=")
        if not resource or not amount:
            return _refused(f"{each!r} is no RESOURCE=AMOUNT; write GPU=nvidia.com/gpu=1")
        resources[resource] = amount
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
    return 0  # it waits: that is an answer, too


def _runs(client: Client, name: str) -> bool:
    return phase(client.get("Pod", name)) == "Running"


def _line(thing: Object) -> str:
    limits = thing["spec"]["containers"][0]["resources"].get("limits", {})
    gpus = " ".join(f"{k}={v}" for k, v in sorted(limits.items()) if k.startswith(SHOWN))
    return f"{thing['metadata']['name']:12} {phase(thing):9} {node_of(thing) or '-':8} {gpus}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
