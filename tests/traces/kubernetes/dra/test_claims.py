"""Claims say what they ask for and what they have; pods say which claims are theirs."""

from __future__ import annotations

import pytest

from bayplan.traces.kubernetes.dra.claims import (
    claims_of,
    read_claim,
    read_class,
    read_template,
)
from bayplan.traces.kubernetes.dra.types import (
    Alike,
    Ask,
    DeviceId,
    Given,
    PodClaim,
    Toleration,
    Wish,
)
from bayplan.traces.kubernetes.quantity import NANO
from bayplan.traces.kubernetes.resources import BadField
from dra_things import DRIVER, allocated, claim, device_classes, mig, request, template


def test_a_claim_asks_for_devices_of_classes_by_selectors_capacity_and_constraints() -> None:
    tolerations = [{"key": "k", "operator": "Exists", "effect": "NoSchedule"}, {"value": "v"}]
    asked = request(
        "one", "c", 2, "true", tolerations=tolerations, capacity={"requests": {"memory": "1"}}
    )
    either = {
        "name": "two",
        "firstAvailable": [
            {"name": "big", "deviceClassName": "c", "count": 1},
            {"name": "all", "deviceClassName": "d", "allocationMode": "All"},
        ],
    }
    rules: list[dict[str, object]] = [
        {"requests": ["one"], "matchAttribute": "a/b"},
        {"distinctAttribute": "a/c"},
    ]
    found = read_claim(claim("x", asked, either, constraints=rules))
    assert found.name == "default/x"
    assert found.given is None
    assert found.wanted.wishes == (
        Wish(
            "one",
            (
                Ask(
                    "one", "c", ("true",), 2, (("memory", NANO),),
                    (Toleration("k", "", "NoSchedule", any_value=True), Toleration("", "v")),
                ),
            ),
        ),
        Wish("two", (Ask("two/big", "c"), Ask("two/all", "d", count=0))),
    )  # fmt: skip
    assert found.wanted.alike == (Alike(("one",), "a/b"), Alike((), "a/c", distinct=True))
    assert read_template(template("t", asked, either, constraints=rules)) == found.wanted


def test_a_claim_has_the_devices_of_its_status_but_those_it_only_looks_at() -> None:
    thing = allocated(claim("x", request()), "n", "gpu-0", "gpu-1", consumed={"memory": "2"})
    thing["status"]["allocation"]["devices"]["results"][1]["adminAccess"] = True
    found = read_claim(thing)
    consumed = ((f"{DRIVER}/memory", 2 * NANO),)
    assert found.given == (Given(DeviceId(DRIVER, "n", "gpu-0"), consumed, shared=True),)
    assert found.nodes == ("n",)
    none = read_claim({**thing, "status": {"allocation": {"devices": {}}}})
    assert (none.given, none.nodes) == ((), ())


@pytest.mark.parametrize("more", [{"count": 33}, {"allocationMode": "Some"}, {"count": "2"}])
def test_a_count_that_is_none_is_named(more: dict[str, object]) -> None:
    with pytest.raises(BadField, match="give ExactCount from 1 to 32, or All") as caught:
        read_claim(claim("x", mig("1g.5gb"), request(**more)))  # type: ignore[arg-type]
    assert caught.value.field == "spec.devices.requests[1].count"


def test_a_class_is_read() -> None:
    whole = read_class(device_classes("nvidia.com/gpu")[0])
    assert (whole.name, whole.resource) == ("gpu.nvidia.com", "nvidia.com/gpu")
    assert len(whole.selectors) == 1


def test_a_pod_names_claims_or_templates_and_its_status_what_was_made_of_these() -> None:
    spec = {
        "resourceClaims": [
            {"name": "a", "resourceClaimName": "own"},
            {"name": "b", "resourceClaimTemplateName": "t"},
            {"name": "c", "resourceClaimTemplateName": "t"},
            {"name": "d", "resourceClaimTemplateName": "t"},
        ]
    }
    status = {"resourceClaimStatuses": [{"name": "b", "resourceClaimName": "p-b-x"}, {"name": "c"}]}
    assert claims_of(spec, status, "team") == (
        PodClaim("a", "team/own"),
        PodClaim("b", "team/p-b-x", "team/t"),
        PodClaim("d", "", "team/t"),
    )
