"""What a pod asks for in all, and what a node has: amounts by resource name, in billionths."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from bayplan.scheduler.types import MAX_AMOUNT
from bayplan.traces.kubernetes.keys import INTEL_MEMORY
from bayplan.traces.kubernetes.objects import Object, dict_of, objects_in
from bayplan.traces.kubernetes.quantity import MIB, NANO, nano_of, text_of

CPU, MEMORY, PODS, STORAGE = "cpu", "memory", "pods", "ephemeral-storage"
HUGE = "hugepages-"
IN_BYTES = (STORAGE, HUGE, INTEL_MEMORY)
"""Resources besides memory that count bytes, by how their names begin: planned in MiB."""

Amounts = dict[str, int]


class BadField(ValueError):
    """A field that cannot be used.

    Parameters
    ----------
    field
        Its path.
    text
        What is wrong, and what would be right.
    """

    def __init__(self, field: str, text: str) -> None:
        super().__init__(text)
        self.field = field
        self.text = text


def amounts_of(given: object, path: str) -> Amounts:
    """Return the amounts of a resource list.

    Parameters
    ----------
    given
        A JSON object of quantities by name.
    path
        Where it stands.

    Raises
    ------
    BadField
        A quantity is none, is negative, or is beyond all amounts.
    """
    amounts = {}
    for name, value in dict_of(given).items():
        try:
            nano = nano_of(value if type(value) is str else text_of(value))
        except ValueError as error:
            raise BadField(f"{path}.{name}", str(error)) from None
        if nano < 0:
            raise BadField(f"{path}.{name}", f"{value} is negative")
        amounts[name] = nano
    return amounts


def wanted_by(spec: Object) -> Amounts:
    """Return what a pod asks for in all, as the scheduler counts it.

    The largest of what its containers and sidecars need together and of what any init container
    needs beside the sidecars started before it, and the overhead (KEP-753). Requests of the pod
    itself take the place of those of its containers (KEP-2837).

    Parameters
    ----------
    spec
        The pod's ``spec``.

    Raises
    ------
    BadField
        A quantity cannot be used.
    """
    containers = objects_in(spec.get("containers"))
    total = (
        _container(containers[0], "spec.containers[0]")
        if len(containers) == 1
        else _sum(_container(each, f"spec.containers[{i}]") for i, each in enumerate(containers))
    )
    if spec.get("initContainers"):
        total = _with_init(total, objects_in(spec["initContainers"]))
    if spec.get("resources"):
        total = total | _requests(dict_of(spec["resources"]), "spec.resources")
    if spec.get("overhead"):
        total = _sum((total, amounts_of(spec["overhead"], "spec.overhead")))
    return total


def container_amounts(spec: Object) -> list[tuple[str, Amounts]]:
    """Return (path, amounts) of every container and sidecar.

    Parameters
    ----------
    spec
        The pod's ``spec``.

    Raises
    ------
    BadField
        A quantity cannot be used.
    """
    found = [(f"spec.containers[{i}]", c) for i, c in enumerate(objects_in(spec.get("containers")))]
    found += [
        (f"spec.initContainers[{i}]", each)
        for i, each in enumerate(objects_in(spec.get("initContainers")))
        if _is_sidecar(each)
    ]
    return [(f"{path}.resources", _container(each, path)) for path, each in found]


def in_unit(name: str, nano: int, rounded: Callable[[int, int], int], path: str) -> int:
    """Return an amount in the unit that it is planned in: millicores, MiB, or a count.

    Parameters
    ----------
    name
        The resource.
    nano
        The amount.
    rounded
        ``up`` or ``down``.
    path
        Where it stands.

    Raises
    ------
    BadField
        It is beyond all amounts.
    """
    amount = rounded(nano, _unit(name))
    if amount > MAX_AMOUNT:
        raise BadField(f"{path}.{name}", f"more than {MAX_AMOUNT:.0e} of it")
    return amount


def count_of(name: str, nano: int, path: str) -> int:
    """Return an amount of devices.

    Parameters
    ----------
    name
        The resource.
    nano
        The amount.
    path
        Where it stands.

    Raises
    ------
    BadField
        It is no whole number, or beyond all amounts.
    """
    count, rest = divmod(nano, NANO)
    if rest:
        raise BadField(f"{path}.{name}", "a fraction of a device; write a whole number")
    if count > MAX_AMOUNT:
        raise BadField(f"{path}.{name}", f"more than {MAX_AMOUNT:.0e} of it")
    return count


def _unit(name: str) -> int:
    if name == CPU:
        return NANO // 1000
    if name == MEMORY or name.startswith(IN_BYTES):
        return NANO * MIB
    return NANO


def _container(container: Object, path: str) -> Amounts:
    return _requests(dict_of(container.get("resources")), f"{path}.resources")


def _requests(resources: Object, path: str) -> Amounts:
    requests = amounts_of(resources.get("requests"), f"{path}.requests")
    limits = resources.get("limits")
    if not limits:
        return requests
    # The API server takes a limit for the request where that is left out.
    missing = {name: value for name, value in dict_of(limits).items() if name not in requests}
    return requests | amounts_of(missing, f"{path}.limits") if missing else requests


def _with_init(total: Amounts, containers: list[Object]) -> Amounts:
    sidecars: Amounts = {}
    most: Amounts = {}
    for index, container in enumerate(containers):
        wanted = _container(container, f"spec.initContainers[{index}]")
        if _is_sidecar(container):
            sidecars = _sum((sidecars, wanted))
            most = _larger(most, sidecars)
        else:
            most = _larger(most, _sum((sidecars, wanted)))
    return _larger(_sum((total, sidecars)), most)


def _is_sidecar(container: Object) -> bool:
    return container.get("restartPolicy") == "Always"


def _sum(parts: Iterable[Amounts]) -> Amounts:
    total: Amounts = {}
    for part in parts:
        for name, nano in part.items():
            total[name] = total.get(name, 0) + nano
    return total


def _larger(one: Amounts, other: Amounts) -> Amounts:
    return {name: max(one.get(name, 0), other.get(name, 0)) for name in one | other}
