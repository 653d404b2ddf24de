"""Bodies whose keys are not in Go's case: written anew in it, and then read as any other.

Go's decoder takes a key in any case. Only clients other than kube-scheduler make use of that, so
this may take its time: each level is read as raw pieces and put together again, which leaves the
objects of the Kubernetes API inside as they are.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import msgspec
from msgspec import Raw

Data: TypeAlias = bytes | Raw
NULL = Raw(b"null")


@dataclass(frozen=True, slots=True)
class Fields:
    """An object with these keys, in the right case; None is a value that is left as it is."""

    shapes: dict[str, Shape]


@dataclass(frozen=True, slots=True)
class Each:
    """An array, or an object with any keys, whose values are all of one shape."""

    shape: Fields | Each


Shape: TypeAlias = Fields | Each | None

_objects = msgspec.json.Decoder(dict[str, Raw])
_containers = msgspec.json.Decoder(dict[str, Raw] | list[Raw])


def recased(data: Data, shape: Shape) -> Raw:
    """Return JSON with its keys in the right case.

    Keys that are missing become ``null``, those that are unknown are left out, and of two that
    differ by case only the last one stands, as in Go.

    Parameters
    ----------
    data
        The JSON.
    shape
        What should stand in it.

    Raises
    ------
    msgspec.DecodeError
        It is no JSON, or of another shape.
    """
    if shape is None or bytes(data).strip() == b"null":
        return Raw(data)
    if isinstance(shape, Each):
        return _recased_values(data, shape.shape)
    given = {key.lower(): value for key, value in _objects.decode(data).items()}
    return _joined(
        {
            name: recased(given.get(name.lower(), NULL), inner)
            for name, inner in shape.shapes.items()
        }
    )


def _recased_values(data: Data, shape: Shape) -> Raw:
    given = _containers.decode(data)
    if isinstance(given, list):
        return _joined([recased(each, shape) for each in given])
    return _joined({key: recased(each, shape) for key, each in given.items()})


def _joined(parts: dict[str, Raw] | list[Raw]) -> Raw:
    return Raw(msgspec.json.encode(parts))
