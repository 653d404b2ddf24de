"""The gate of queues: a policy gives it, and the extender may take it away and nothing else."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import count
from typing import Any

import pytest
import yaml

from bayplan.extender.api import ApiError, Connection
from kustomizing import DEPLOY, render

from ..controlplane.client import Client, Object, wait_for
from ..controlplane.plane import Plane
from ..controlplane.pods import pod
from .conftest import apply, kubeconfig_of, place

pytestmark = pytest.mark.controlplane

GATE = {"name": "bayplan.io/queue"}
OTHER = {"name": "kueue.x-k8s.io/admission"}
JSON_PATCH = "application/json-patch+json"
POD, IMAGE = "/api/v1/namespaces/default/pods/gated", "/spec/containers/0/image"


@pytest.fixture(scope="module")
def account(plane: Plane, applied: list[Object]) -> Iterator[Connection]:
    """Return a connection of the extender's account, with the component applied."""
    made = render(DEPLOY / "queues")
    for thing in made:
        apply(plane.client, thing)
    yield Connection.from_kubeconfig(str(kubeconfig_of(plane, "bayplan")), "")
    for thing in reversed(made):
        plane.client.call("DELETE", place(thing))


def patched(account: Connection, step: Object) -> Any:
    data = json.dumps([step]).encode()
    return json.loads(account.send("PATCH", POD, data, content_type=JSON_PATCH).data)


def refused(call: Callable[[], Any], said: str) -> bool:
    try:
        call()
    except ApiError as error:
        return said in str(error)
    return False


def test_the_extender_may_lift_its_gate_and_do_nothing_else(
    client: Client, account: Connection
) -> None:
    client.create(pod("gated", schedulingGates=[OTHER, GATE]))
    images = count()

    def image() -> Any:
        """Set an image that was not there before: a policy takes a moment until it counts."""
        value = f"evil:{next(images)}"
        return patched(account, {"op": "replace", "path": IMAGE, "value": value})

    label = {"op": "add", "path": "/metadata/labels", "value": {"a": "b"}}
    theirs = {"op": "remove", "path": "/spec/schedulingGates/0"}
    ours = {"op": "remove", "path": "/spec/schedulingGates/1"}
    wait_for("the policy", lambda: refused(image, "nothing of a pod but its"))
    assert refused(lambda: patched(account, label), "but its scheduling gate")
    assert refused(lambda: patched(account, theirs), "no scheduling gate but")
    assert patched(account, ours)["spec"]["schedulingGates"] == [OTHER]


def test_pods_of_a_queue_get_the_gate_in_namespaces_that_wish_it(
    client: Client, plane: Plane
) -> None:
    from kubernetes.client import ApiException

    made = list(yaml.safe_load_all((DEPLOY / "queues" / "gate.yaml").read_text()))
    try:
        for thing in made:
            apply(client, thing)
    except ApiException as error:
        if error.status == 404:
            pytest.skip("no MutatingAdmissionPolicy of v1 here")
        raise
    label = {"metadata": {"labels": {"bayplan.io/queues": "gated"}}}
    try:
        client.patch("Namespace", "default", label)
        queue = {"bayplan.io/queue": "vision"}

        def gates(name: str, **more: Any) -> list[Object]:
            thing = client.create(pod(name, **more))
            with suppress(ApiException):
                client.delete("Pod", name)
            return list(thing["spec"].get("schedulingGates", []))

        wait_for("the policy", lambda: gates("p", labels=queue) == [GATE])
        assert gates("both", labels=queue, schedulingGates=[OTHER]) in (
            [OTHER, GATE],
            [GATE, OTHER],
        )
        assert gates("kueue", labels={"kueue.x-k8s.io/queue-name": "user"}) == [GATE]
        assert gates("none") == []
    finally:
        client.patch("Namespace", "default", {"metadata": {"labels": {"bayplan.io/queues": None}}})
        for thing in reversed(made):
            client.call("DELETE", place(thing))
