"""The gate of queues: a policy gives it, and the extender may take it away and nothing else."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import pytest
import yaml

from kustomizing import DEPLOY, render

from ..controlplane.client import Client, Object, wait_for
from ..controlplane.plane import Plane
from ..controlplane.pods import pod
from .conftest import apply, kubeconfig_of, place

pytestmark = pytest.mark.controlplane

GATE = {"name": "bayplan.io/queue"}
OTHER = {"name": "kueue.x-k8s.io/admission"}
JSON_PATCH = "application/json-patch+json"


@pytest.fixture(scope="module")
def account(plane: Plane, applied: list[Object]) -> Iterator[Client]:
    """Return a client of the extender's account, with the component applied."""
    made = render(DEPLOY / "queues")
    for thing in made:
        apply(plane.client, thing)
    yield Client(kubeconfig_of(plane, "bayplan"))
    for thing in reversed(made):
        plane.client.call("DELETE", place(thing))


def patched(account: Client, name: str, *steps: Object) -> Any:
    return account.call("PATCH", f"api/v1/namespaces/default/pods/{name}", list(steps),  # type: ignore[arg-type]
                        kind=JSON_PATCH)  # fmt: skip


def refused(call: Callable[[], Any], said: str) -> bool:
    from kubernetes.client import ApiException

    try:
        call()
    except ApiException as error:
        return said in str(error.body)
    return False


def test_the_extender_may_lift_its_gate_and_do_nothing_else(
    client: Client, account: Client
) -> None:
    client.create(pod("gated", schedulingGates=[OTHER, GATE]))
    image = {"op": "replace", "path": "/spec/containers/0/image", "value": "evil"}
    label = {"op": "add", "path": "/metadata/labels", "value": {"a": "b"}}
    theirs = {"op": "remove", "path": "/spec/schedulingGates/0"}
    ours = {"op": "remove", "path": "/spec/schedulingGates/1"}
    # A policy takes a moment until it counts.
    wait_for("the policy", lambda: refused(lambda: patched(account, "gated", image), "but its"))
    assert refused(lambda: patched(account, "gated", label), "but its scheduling gate")
    assert refused(lambda: patched(account, "gated", theirs), "no scheduling gate but")
    assert patched(account, "gated", ours)["spec"]["schedulingGates"] == [OTHER]


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
