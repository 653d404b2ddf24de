"""From ResourceClaims, their templates, DeviceClasses and pods' references to what they ask for."""

from __future__ import annotations

from collections.abc import Iterator

from bayplan.traces.kubernetes.dra.slices import amounts
from bayplan.traces.kubernetes.dra.types import (
    Alike,
    Ask,
    Claim,
    DeviceClass,
    DeviceId,
    Given,
    PodClaim,
    Toleration,
    Wanted,
    Wish,
)
from bayplan.traces.kubernetes.objects import (
    Object,
    dict_of,
    list_of,
    metadata_of,
    name_of,
    objects_in,
)
from bayplan.traces.kubernetes.resources import BadField

MOST = 32
"""Devices of a claim at most (``AllocationResultsMaxSize``)."""

_NODE_NAME = "metadata.name"


def read_claim(thing: Object) -> Claim:
    """Return a claim.

    Parameters
    ----------
    thing
        The ResourceClaim object.

    Raises
    ------
    BadField
        Something of it cannot be read.
    """
    allocation = dict_of(dict_of(thing.get("status")).get("allocation"))
    wanted = wanted_by(dict_of(thing.get("spec")), "spec")
    if not allocation:
        return Claim(name_of(thing), wanted)
    results = objects_in(dict_of(allocation.get("devices")).get("results"))
    given = tuple(_given(each, k) for k, each in enumerate(results) if not each.get("adminAccess"))
    return Claim(name_of(thing), wanted, given, _nodes(dict_of(allocation.get("nodeSelector"))))


def read_template(thing: Object) -> Wanted:
    """Return what claims made of a template ask for.

    Parameters
    ----------
    thing
        The ResourceClaimTemplate object.

    Raises
    ------
    BadField
        Something of it cannot be read.
    """
    return wanted_by(dict_of(dict_of(thing.get("spec")).get("spec")), "spec.spec")


def read_class(thing: Object) -> DeviceClass:
    """Return a class of devices.

    Parameters
    ----------
    thing
        The DeviceClass object.
    """
    spec = dict_of(thing.get("spec"))
    name = str(metadata_of(thing).get("name") or "")
    return DeviceClass(name, _selectors(spec), str(spec.get("extendedResourceName") or ""))


def claims_of(pod_spec: Object, pod_status: Object, namespace: str) -> tuple[PodClaim, ...]:
    """Return the claims that a pod names; one that is to be made has no name yet.

    Parameters
    ----------
    pod_spec, pod_status
        The pod's.
    namespace
        Of the pod and of its claims.
    """
    made = {
        str(each.get("name")): str(each.get("resourceClaimName") or "")
        for each in objects_in(pod_status.get("resourceClaimStatuses"))
    }
    found = []
    for each in objects_in(pod_spec.get("resourceClaims")):
        name = str(each.get("name") or "")
        template = str(each.get("resourceClaimTemplateName") or "")
        if template and name in made and not made[name]:
            continue  # the controller has said that none is needed
        claim = str(each.get("resourceClaimName") or made.get(name, ""))
        found.append(
            PodClaim(
                name,
                f"{namespace}/{claim}" if claim else "",
                f"{namespace}/{template}" if template else "",
            )
        )
    return tuple(found)


def wanted_by(spec: Object, path: str) -> Wanted:
    """Return what the spec of a claim asks for.

    Parameters
    ----------
    spec
        The spec.
    path
        Where it stands, for errors.

    Raises
    ------
    BadField
        Something of it cannot be read.
    """
    devices = dict_of(spec.get("devices"))
    requests = objects_in(devices.get("requests"))
    wishes = tuple(_wish(each, f"{path}.devices.requests[{k}]") for k, each in enumerate(requests))
    return Wanted(wishes, tuple(_alike(objects_in(devices.get("constraints")))))


def _wish(thing: Object, path: str) -> Wish:
    name = str(thing.get("name") or "")
    options = objects_in(thing.get("firstAvailable")) or [dict_of(thing.get("exactly"))]
    return Wish(name, tuple(_ask(each, name, path) for each in options))


def _ask(thing: Object, name: str, path: str) -> Ask:
    mode = str(thing.get("allocationMode") or "ExactCount")
    count = thing.get("count") or 1
    if mode not in ("ExactCount", "All") or not isinstance(count, int) or not 1 <= count <= MOST:
        raise BadField(
            f"{path}.count", f"{mode} {count!r}; give ExactCount from 1 to {MOST}, or All"
        )
    return Ask(
        f"{name}/{thing['name']}" if thing.get("name") else name,
        str(thing.get("deviceClassName") or ""),
        _selectors(thing),
        0 if mode == "All" else count,
        amounts(dict_of(thing.get("capacity")).get("requests"), f"{path}.capacity"),
        tuple(_tolerations(thing)),
        bool(thing.get("adminAccess")),
    )


def _selectors(thing: Object) -> tuple[str, ...]:
    given = objects_in(thing.get("selectors"))
    return tuple(str(dict_of(each.get("cel")).get("expression") or "") for each in given)


def _tolerations(thing: Object) -> Iterator[Toleration]:
    for each in objects_in(thing.get("tolerations")):
        yield Toleration(
            str(each.get("key") or ""),
            str(each.get("value") or ""),
            str(each.get("effect") or ""),
            each.get("operator") == "Exists",
        )


def _alike(given: list[Object]) -> Iterator[Alike]:
    for each in given:
        names = tuple(str(name) for name in list_of(each.get("requests")))
        if each.get("matchAttribute"):
            yield Alike(names, str(each["matchAttribute"]))
        elif each.get("distinctAttribute"):
            yield Alike(names, str(each["distinctAttribute"]), distinct=True)


def _given(thing: Object, index: int) -> Given:
    driver = str(thing.get("driver") or "")
    path = f"status.allocation.devices.results[{index}].consumedCapacity"
    id_ = DeviceId(driver, str(thing.get("pool") or ""), str(thing.get("device") or ""))
    consumed = amounts(thing.get("consumedCapacity"), path, driver)
    return Given(id_, consumed, bool(thing.get("shareID")))


def _nodes(selector: Object) -> tuple[str, ...]:
    """Return the nodes that a selector names, as allocations of a node's own devices have it."""
    terms = objects_in(selector.get("nodeSelectorTerms"))
    fields = [field for term in terms for field in objects_in(term.get("matchFields"))]
    return tuple(
        str(value)
        for field in fields
        if field.get("key") == _NODE_NAME and field.get("operator") == "In"
        for value in list_of(field.get("values"))
    )
