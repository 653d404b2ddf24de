"""What can be read of a running pod that is broken: its room is taken all the same."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from bayplan.traces.kubernetes.devices import Asks, devices_of
from bayplan.traces.kubernetes.gpus import Gpus
from bayplan.traces.kubernetes.objects import Object, dict_of, objects_in
from bayplan.traces.kubernetes.quantity import up
from bayplan.traces.kubernetes.resources import Amounts, BadField, amounts_of, in_unit

PATH = "spec.containers"


def readable_amounts(spec: Object) -> Amounts:
    """Return what the containers of a pod ask for, in billionths, without what cannot be read.

    Parameters
    ----------
    spec
        The pod's ``spec``.
    """
    total: Amounts = {}
    for name, value in _stated(spec):
        try:
            amounts = amounts_of({name: value}, PATH)
            in_unit(name, total.get(name, 0) + amounts[name], up, PATH)
        except BadField:
            continue
        total[name] = total.get(name, 0) + amounts[name]
    return total


def readable_devices(
    spec: Object, annotations: Object, amounts: Amounts, gpus: Sequence[Gpus]
) -> Asks:
    """Return what GPUs a pod asks for; none where that cannot be read.

    Parameters
    ----------
    spec, annotations
        The pod's.
    amounts
        What of its amounts can be read.
    gpus
        The different GPUs of the cluster.
    """
    try:
        return devices_of(spec, annotations, amounts, gpus)
    except BadField:
        return ()


def _stated(spec: Object) -> Iterator[tuple[str, object]]:
    for container in objects_in(spec.get("containers")):
        resources = dict_of(container.get("resources"))
        requests = dict_of(resources.get("requests"))
        yield from (dict_of(resources.get("limits")) | requests).items()
