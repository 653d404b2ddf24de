"""Container images: which are on a node, and which a pod asks for.

As the plugin ImageLocality of kube-scheduler reads them: nodes by all names of an image
(``Node.status.images``, which kubelet bounds by ``nodeStatusMaxImages``, 50 by default), pods by
the names of their containers, with ``:latest`` where there is neither tag nor digest.
"""

from __future__ import annotations

from bayplan.scheduler.types import MAX_AMOUNT
from bayplan.traces.kubernetes.objects import Object, list_of, objects_in

_BYTES_PER_MIB = 1 << 20


def images_on(status: Object) -> tuple[tuple[str, int], ...]:
    """Return the images on a node by name, each with its MiB, rounded.

    Parameters
    ----------
    status
        The ``status`` of the Node object; an image without names or size counts as absent.
    """
    found: dict[str, int] = {}
    for image in objects_in(status.get("images")):
        size = image.get("sizeBytes")
        if isinstance(size, int) and not isinstance(size, bool) and size >= 0:
            mib = min(MAX_AMOUNT, (size + _BYTES_PER_MIB // 2) // _BYTES_PER_MIB)
            for name in list_of(image.get("names")):
                found.setdefault(str(name), mib)
    return tuple(sorted(found.items()))


def images_of(spec: Object) -> tuple[str, ...]:
    """Return the images that a pod asks for, one a container.

    Parameters
    ----------
    spec
        The ``spec`` of the Pod object.
    """
    containers = [*objects_in(spec.get("initContainers")), *objects_in(spec.get("containers"))]
    return tuple(_tagged(str(each.get("image") or "")) for each in containers)


def _tagged(name: str) -> str:
    has_tag = name.rfind(":") > name.rfind("/")
    return name if has_tag or not name else f"{name}:latest"
