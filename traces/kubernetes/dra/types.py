"""Devices, claims and allocations. Data, no behaviour.

Amounts are in billionths, as quantities are read. Source: ``k8s.io/api/resource/v1`` of Kubernetes
1.37; KEP-4381 (claims), KEP-4815 (counters), KEP-5055 (taints), KEP-5075 (shared devices).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

Amounts = tuple[tuple[str, int], ...]
"""Names with billionths, sorted by name."""


class DeviceId(NamedTuple):
    """Which device: its name is its own in its pool, the pool's in its driver."""

    driver: str
    pool: str
    name: str


class PoolId(NamedTuple):
    """Which pool."""

    driver: str
    name: str


@dataclass(frozen=True, slots=True)
class Version:
    """A semantic version."""

    major: int
    minor: int
    patch: int


@dataclass(frozen=True, slots=True)
class Amount:
    """A quantity, in billionths."""

    nano: int


@dataclass(frozen=True, slots=True)
class Unread:
    """A value whose meaning is not known here, such as a list: nothing but that it is there."""

    text: str


Attribute = bool | int | str | Version | Unread
"""The value of an attribute."""


@dataclass(frozen=True, slots=True)
class Taint:
    """Why a device takes no new claims: ``effect`` is ``NoSchedule`` or ``NoExecute``."""

    key: str
    value: str
    effect: str

    def __str__(self) -> str:
        return (
            f"{self.key}={self.value}:{self.effect}" if self.value else f"{self.key}:{self.effect}"
        )


@dataclass(frozen=True, slots=True)
class Toleration:
    """Which taints a request passes over; an empty key is any, an empty effect each."""

    key: str = ""
    value: str = ""
    effect: str = ""
    any_value: bool = False


@dataclass(frozen=True, slots=True)
class Capacity:
    """So much of something a device has, and how a shared one gives it out.

    ``default`` is what a request gets that does not name it (None: all). A request is rounded up to
    the next of ``values``, or to ``least`` plus a multiple of ``step``, and is at most ``most``;
    None: not stated.
    """

    value: int
    default: int | None = None
    values: tuple[int, ...] = ()
    least: int | None = None
    most: int | None = None
    step: int | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Device:
    """What can be allocated.

    Attributes
    ----------
    id
        Which.
    attributes, capacity
        By qualified name, such as ``gpu.nvidia.com/productName``.
    consumes
        Of which counters of its pool (set, counter) it takes how much while it is allocated.
    taints
        Those that keep new claims away.
    shared
        Whether several claims may have it, each with a part of its capacity.
    by_labels
        Whether labels of a node say if it can use it: only kube-scheduler looks at these.
    """

    id: DeviceId
    attributes: Mapping[str, Attribute] = field(default_factory=dict)
    capacity: Mapping[str, Capacity] = field(default_factory=dict)
    consumes: tuple[tuple[tuple[str, str], int], ...] = ()
    taints: tuple[Taint, ...] = ()
    shared: bool = False
    by_labels: bool = False


@dataclass(frozen=True, slots=True)
class Ask:
    """Devices of one class.

    ``selectors`` are CEL expressions. ``count`` 0 asks for all that match, one at least.
    ``capacity`` is asked of each. ``admin`` looks at devices that others have, and takes none.
    """

    name: str
    device_class: str
    selectors: tuple[str, ...] = ()
    count: int = 1
    capacity: Amounts = ()
    tolerations: tuple[Toleration, ...] = ()
    admin: bool = False


@dataclass(frozen=True, slots=True)
class Wish:
    """A request of a claim: the first of ``options`` that can be had."""

    name: str
    options: tuple[Ask, ...]


@dataclass(frozen=True, slots=True)
class Alike:
    """Devices of some requests (all, where none is named) have one value of an attribute.

    With ``distinct`` each has another one.
    """

    requests: tuple[str, ...]
    attribute: str
    distinct: bool = False


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a claim asks for."""

    wishes: tuple[Wish, ...]
    alike: tuple[Alike, ...] = ()


@dataclass(frozen=True, slots=True)
class Given:
    """A device that a claim has; ``consumed`` is its part of a shared one."""

    device: DeviceId
    consumed: Amounts = ()
    shared: bool = False


@dataclass(frozen=True, slots=True)
class Claim:
    """A claim: ``given`` is None until it is allocated.

    ``nodes`` are the only ones where pods can use what it has; empty: any.
    """

    name: str
    wanted: Wanted
    given: tuple[Given, ...] | None = None
    nodes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class DeviceClass:
    """A class: devices by CEL, and the resource by which pods ask for it without a claim."""

    name: str
    selectors: tuple[str, ...] = ()
    resource: str = ""


@dataclass(frozen=True, slots=True)
class PodClaim:
    """How a pod refers to a claim; ``claim`` is empty until one was made of the ``template``."""

    name: str
    claim: str = ""
    template: str = ""
