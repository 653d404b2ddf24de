"""Cluster files: groups of nodes alike, in TOML, as a node table and how each node shares its GPUs.

Nothing is guessed silently: what a group leaves out is in ``KEYS``, and all that is wrong with a
file is told at once.
"""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from bayplan.scheduler.errors import InputError, InputErrors
from bayplan.scheduler.hardware import Product, find_product, product_named
from bayplan.traces.cluster_keys import KEYS, KINDS, MODES, TEMPLATE, GroupKey, markdown
from bayplan.traces.columns import shown
from bayplan.traces.files import PathLike, display, read_text
from bayplan.traces.gpu_outages import GpuOutages, gpu_outage_problems, gpu_outages_of
from bayplan.traces.outages import Outages, outage_problems, outages_of
from bayplan.traces.schema import NodeTable

__all__ = [
    "KEYS",
    "MODES",
    "TEMPLATE",
    "ClusterFile",
    "GroupKey",
    "markdown",
    "read_cluster",
]

CPU_MILLI_PER_GPU = 24_000
MEMORY_MIB_PER_GPU = 256 * 1024
"""What a node has for each GPU, where a group does not say: enough that GPUs are what is scarce."""

IDLE_S = 600.0
"""After how long an empty node may leave, where a group does not say: the default of Cluster
Autoscaler's ``--scale-down-unneeded-time``."""

CPU_NODE_GPUS = 4
"""A node without GPUs has the cores and the memory of one with so many."""


@dataclass(frozen=True, slots=True)
class NodeGroup:
    """One ``[[nodes]]`` table: its nodes are rows ``first`` to ``first + most`` of the table.

    The first ``count`` of them are there at first. The other fields are those of ``KEYS``.
    """

    name: str
    first: int
    count: int
    most: int
    least: int
    provision_s: float
    provision_jitter_s: float
    idle_s: float
    price_per_h: float

    @property
    def is_elastic(self) -> bool:
        """Whether nodes of it may come and go."""
        return self.most > self.least


@dataclass(frozen=True, slots=True, eq=False)
class ClusterFile:
    """A cluster: its nodes, and how each shares its GPUs, one text a node (empty: not stated).

    A text is one of ``MODES`` or a MIG layout that the node's GPU model takes. ``nodes`` are all
    that may ever be there; ``groups`` say which of them are at first. Those of no group are.
    ``outages`` are how nodes go away by themselves, by name, ``gpu_outages`` how their GPUs fail;
    who is not in it never does.
    """

    nodes: NodeTable
    sharing: tuple[str, ...]
    groups: tuple[NodeGroup, ...] = ()
    outages: Mapping[str, Outages] = field(default_factory=dict)
    gpu_outages: Mapping[str, GpuOutages] = field(default_factory=dict)


def read_cluster(path: PathLike) -> ClusterFile:
    """Read a cluster file.

    Parameters
    ----------
    path
        The file: TOML with a table ``[[nodes]]`` for each group of nodes alike.

    Raises
    ------
    InputError
        The file cannot be read or is no TOML.
    InputErrors
        Its tables break rules: all of them are listed.
    """
    name = display(path)
    tables = toml_tables(name, read_text(path))
    problems = [
        f"there is no table {shown(key)} in a cluster file; remove it"
        for key in tables
        if key != "nodes"
    ]
    given = tables.get("nodes", [])
    if not isinstance(given, list) or not all(isinstance(each, dict) for each in given):
        raise InputErrors(name, [*problems, "nodes is no list of tables; write [[nodes]]"])
    groups = []
    for number, table in enumerate(given, start=1):
        group = _Group(number, table)
        problems += group.problems()
        groups.append(group)
    if not given:
        problems.append("there are no nodes; add a table [[nodes]]")
    problems += _twins(groups)
    if problems:
        raise InputErrors(name, problems)
    return _cluster(groups)


def toml_tables(name: str, text: str) -> dict[str, Any]:
    """Return the tables of a TOML text.

    Parameters
    ----------
    name
        The file, for errors.
    text
        What is in it.

    Raises
    ------
    InputError
        It is no TOML.
    """
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        said = str(error)
        place = re.search(r" \(at line (\d+), column \d+\)$", said)
        row = int(place.group(1)) if place else None
        problem = f"this is not TOML ({said[: place.start()] if place else said})"
        raise InputError(problem, file=name, row=row, fix="correct it") from None


@dataclass(frozen=True, slots=True)
class _Group:
    """One ``[[nodes]]`` table; its values are only used once it has no problems."""

    number: int
    table: Mapping[str, Any]

    def text(self, key: str) -> str:
        return str(self.table.get(key, ""))

    def whole(self, key: str, default: int) -> int:
        return int(self.table.get(key, default))

    def real(self, key: str, default: float) -> float:
        return float(self.table.get(key, default))

    @property
    def count(self) -> int:
        """How many nodes are there at first."""
        return self.whole("count", 1)

    @property
    def most(self) -> int:
        """How many there may be."""
        return self.whole("most", self.count)

    @property
    def least(self) -> int:
        """How many always stay."""
        return self.whole("least", self.count)

    @property
    def product(self) -> Product | None:
        return find_product(self.text("gpu_model")) if self.text("gpu_model") else None

    def names(self) -> list[str]:
        """Return the nodes' names: numbered from 0, all of one length, if there are several."""
        name, count = self.text("name"), self.most
        width = len(str(count - 1))
        return [name] if count == 1 else [f"{name}-{each:0{width}}" for each in range(count)]

    def problems(self) -> list[str]:
        """Return all that is wrong with the table."""
        found = [*self._key_problems(), *self._value_problems()]
        if not found:
            found = [
                *self._size_problems(),
                *self._place_problems(),
                *self._gpu_problems(),
                *outage_problems(self.table),
                *gpu_outage_problems(self.table),
            ]
        return [f"[[nodes]] {self.number}: {problem}" for problem in found]

    def _key_problems(self) -> list[str]:
        names = [key.name for key in KEYS]
        found = []
        for given in self.table:
            if given not in names:
                near = difflib.get_close_matches(given, names, n=1)
                fix = f"did you mean {near[0]!r}?" if near else f"it may be {', '.join(names)}"
                found.append(f"there is no key {shown(given)}; {fix}")
        missing = [key.name for key in KEYS if key.default == "**required**"]
        return found + [f"{key} is missing; add it" for key in missing if key not in self.table]

    def _value_problems(self) -> list[str]:
        found = []
        for key in KEYS:
            if (value := self.table.get(key.name)) is not None:
                least = 1 if key.name == "count" and "most" not in self.table else key.minimum
                found += wrong_with(key, value, least)
        return found

    def _size_problems(self) -> list[str]:
        found = []
        if self.most < self.count:
            problem = f"most is {self.most}, below count {self.count}"
            found.append(f"{problem}; write {self.count} or more")
        if self.least > self.count:
            problem = f"least is {self.least}, above count {self.count}"
            found.append(f"{problem}; write {self.count} or less")
        if not found and self.most == self.least:
            found += [
                f"{key} says nothing, as the group stays as it is; remove it, or write most above"
                " count"
                for key in ("provision_s", "provision_jitter_s", "idle_s")
                if key in self.table
            ]
        return found

    def _place_problems(self) -> list[str]:
        racks = [key for key in ("rack", "racks", "nodes_per_rack") if key in self.table]
        found = []
        if len(racks) > 1:
            found.append(f"{' and '.join(racks)} are both given; keep one of them")
        if self.whole("racks", 1) > self.most:
            problem = f"racks is {self.table['racks']}, and there are {self.most} nodes"
            found.append(f"{problem}; write {self.most} or less")
        return found

    def _gpu_problems(self) -> list[str]:
        sharing = self.text("sharing")
        if not self.whole("gpus", 0):
            return [
                f"{key} is {shown(str(self.table[key]))} for nodes with gpus 0;"
                " remove it, or write how many GPUs"
                for key in ("gpu_model", "gpu_memory_mib", "gpu_island", "sharing")
                if self.table.get(key)
            ]
        unknown = self._model_problems()
        if unknown or not sharing or (sharing in MODES and sharing != "mig-dynamic"):
            return unknown
        return self._mig_problems(sharing)

    def _model_problems(self) -> list[str]:
        if not self.text("gpu_model") or "gpu_memory_mib" in self.table:
            return []
        try:
            product_named(self.text("gpu_model"))
        except InputError as error:
            return [f"gpu_model: {error}; or write its gpu_memory_mib (0 = unknown)"]
        return []

    def _mig_problems(self, sharing: str) -> list[str]:
        from bayplan.scheduler.hardware.layouts import parse_layout, presets

        model = self.text("gpu_model")
        near = difflib.get_close_matches(sharing, MODES, n=1)
        if near and sharing not in MODES:
            return [f"sharing is {shown(sharing)}; did you mean {near[0]!r}?"]
        if not model:
            return [f"sharing is {shown(sharing)} without a gpu_model; name the GPU model"]
        try:
            product = product_named(model)
            if not product.has_mig:
                choice = ", ".join(MODES[:-1])
                return [
                    f"sharing is {shown(sharing)}, and {product.name} has no MIG; write {choice}"
                ]
            if sharing not in MODES and sharing not in presets(product):
                parse_layout(product, sharing)
        except InputError as error:
            return [f"sharing is {shown(sharing)}: {error}"]
        return []


def wrong_with(key: GroupKey, value: object, least: int) -> list[str]:
    """Return what is wrong with the value of a key; a whole number is a number too.

    Parameters
    ----------
    key
        The key.
    value
        What stands there.
    least
        The least number that it may be.
    """
    kinds = (int, float) if key.kind is float else key.kind
    if not isinstance(value, kinds) or isinstance(value, bool) != (key.kind is bool):
        given = str(value).lower() if isinstance(value, bool | float) else shown(str(value))
        return [f"{key.name} is {given}, not {KINDS[key.kind]}; write {KINDS[key.kind]}"]
    if key.name == "name" and not value:
        return ["name is empty; write a name"]
    if isinstance(value, bool | str) or not isinstance(value, int | float):
        return []
    if value != value:
        return [f"{key.name} is nan, not a number; write a number"]
    if key.above and value <= key.minimum:
        return [f"{key.name} is {value}, not above {key.minimum}; write more, or leave it out"]
    if value < least:
        return [f"{key.name} is {value}, below {least}; write {least} or more"]
    if value > key.maximum:
        return [f"{key.name} is {value}, above {key.maximum}; write {key.maximum} or less"]
    return []


def _twins(groups: Sequence[_Group]) -> list[str]:
    """Return a problem for every group with a node that an earlier one has."""
    owner: dict[str, int] = {}
    found = []
    for group in groups:
        if group.problems():
            continue
        names = group.names()
        twin = next((name for name in names if name in owner), None)
        if twin is not None:
            problem = f"node {shown(twin)} is already in [[nodes]] {owner[twin]}"
            found.append(f"[[nodes]] {group.number}: {problem}; give the groups other names")
        owner.update(dict.fromkeys(names, group.number))
    return found


def _cluster(groups: Sequence[_Group]) -> ClusterFile:
    columns: dict[str, list[Any]] = {}
    sharing: list[str] = []
    outages: dict[str, Outages] = {}
    gpu_outages: dict[str, GpuOutages] = {}
    tables: list[NodeGroup] = []
    for group in groups:
        names = group.names()
        tables.append(_sizes(group, len(sharing)))
        for column, values in _columns(group, names).items():
            columns.setdefault(column, []).extend(values)
        sharing += [group.text("sharing")] * len(names)
        if (away := outages_of(group.table)) is not None:
            outages.update(dict.fromkeys(names, away))
        if (failing := gpu_outages_of(group.table)) is not None:
            gpu_outages.update(dict.fromkeys(names, failing))
    nodes = NodeTable.of(**columns)
    return ClusterFile(nodes, tuple(sharing), tuple(tables), outages, gpu_outages)


def _sizes(group: _Group, first: int) -> NodeGroup:
    return NodeGroup(
        group.text("name"),
        first,
        group.count,
        group.most,
        group.least,
        group.real("provision_s", 0.0),
        group.real("provision_jitter_s", 0.0),
        group.real("idle_s", IDLE_S),
        group.real("price_per_h", 0.0),
    )


def _columns(group: _Group, names: list[str]) -> dict[str, list[Any]]:
    gpus, count = group.whole("gpus", 0), len(names)
    per_node = gpus or CPU_NODE_GPUS
    product = group.product
    memory_mib = product.memory_mib if product is not None else 0
    same = {
        "cpu_milli": group.whole("cpu_milli", CPU_MILLI_PER_GPU * per_node),
        "memory_mib": group.whole("memory_mib", MEMORY_MIB_PER_GPU * per_node),
        "gpu_count": gpus,
        "gpu_model": group.text("gpu_model"),
        "gpu_memory_mib": group.whole("gpu_memory_mib", memory_mib),
        "gpu_island": group.whole("gpu_island", 0),
        "zone": group.text("zone"),
        "block": group.text("block"),
    }
    name = group.text("name")
    domain = group.whole("nodes_per_nvlink_domain", 0)
    return {
        "name": names,
        **{column: [value] * count for column, value in same.items()},
        "rack": _racks(group, count),
        "nvlink_domain": [
            f"{name}-nvlink-{node // domain}" if domain else "" for node in range(count)
        ],
    }


def _racks(group: _Group, count: int) -> list[str]:
    """Return the rack of every node: neighbours share one."""
    name = group.text("name")
    if racks := group.whole("racks", 0):
        # As even as can be: sizes differ by one at most.
        return [f"{name}-rack-{node * racks // count}" for node in range(count)]
    if size := group.whole("nodes_per_rack", 0):
        return [f"{name}-rack-{node // size}" for node in range(count)]
    return [group.text("rack")] * count
