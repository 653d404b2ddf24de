"""Reads the bodies of calls: the case that Go writes at once, any other by a second try."""

from __future__ import annotations

from typing import NamedTuple, TypeVar, cast

import msgspec
from msgspec import Raw

from bayplan.extender.names import NodeNames
from bayplan.extender.wire.casing import Each, Fields, Shape, recased
from bayplan.extender.wire.types import BindingArgs, ExtenderArgs, PreemptionArgs
from bayplan.traces.kubernetes.objects import Object

Body = TypeVar("Body")


class Malformed(ValueError):
    """A body that is no JSON, or not of the type that its verb takes. Says where; has no values."""


class Candidates(NamedTuple):
    """A pod and its candidate nodes.

    ``nodes`` are the nodes as they were written, by name, where they came whole: then the call is
    a dry run or the extender is not configured as ``nodeCacheCapable``.
    """

    pod: Object
    names: NodeNames
    nodes: dict[str, Raw] | None


class Preempting(NamedTuple):
    """A pod, and by node the UIDs of its victims and how many budgets evicting them violates."""

    pod: Object
    victims: dict[str, tuple[tuple[str, ...], int]]


class _Name(msgspec.Struct, gc=False):
    name: str


class _Named(msgspec.Struct, gc=False):
    metadata: _Name


_ARGS = Fields({"Pod": None, "Nodes": Fields({"items": None}), "NodeNames": None})
_BINDING = Fields(dict.fromkeys(("PodName", "PodNamespace", "PodUID", "Node")))
_COUNT = "NumPDBViolations"
_PREEMPTION = Fields(
    {
        "Pod": None,
        "NodeNameToVictims": Each(Fields({"Pods": None, _COUNT: None})),
        "NodeNameToMetaVictims": Each(Fields({"Pods": Each(Fields({"UID": None})), _COUNT: None})),
    }
)

_NULL = Raw(b"null")
_NAMES = b',"NodeNames":'

_args = msgspec.json.Decoder(ExtenderArgs)
_binding = msgspec.json.Decoder(BindingArgs)
_preemption = msgspec.json.Decoder(PreemptionArgs)
_named = msgspec.json.Decoder(_Named)


def read_args(body: bytes) -> Candidates:
    """Return what filter or prioritize is asked.

    With ``Nodes`` and ``NodeNames`` both, the names count; with neither there are no candidates.

    Parameters
    ----------
    body
        The JSON of ``ExtenderArgs``.

    Raises
    ------
    Malformed
        It is something else.
    """
    if (parted := _parted(body)) is not None:
        return parted
    args = _read(_args, body, _ARGS)
    pod = cast("Object", args.pod)
    if args.node_names != _NULL:
        return Candidates(pod, _names(args.node_names), None)
    if args.nodes is None:
        return Candidates(pod, NodeNames.of(()), None)
    items = args.nodes.items or []
    names = [_name(index, item) for index, item in enumerate(items)]
    _check_text(body)
    return Candidates(pod, NodeNames.of(names), dict(zip(names, items, strict=True)))


def read_binding(body: bytes) -> BindingArgs:
    """Return what bind is asked.

    Parameters
    ----------
    body
        The JSON of ``ExtenderBindingArgs``.

    Raises
    ------
    Malformed
        It is something else.
    """
    return _read(_binding, body, _BINDING)


def read_preemption(body: bytes) -> Preempting:
    """Return what preempt is asked; victims may be none (from Kubernetes 1.38 on).

    With both forms of victims, those by UID count.

    Parameters
    ----------
    body
        The JSON of ``ExtenderPreemptionArgs``.

    Raises
    ------
    Malformed
        It is something else.
    """
    args = _read(_preemption, body, _PREEMPTION)
    pod = cast("Object", args.pod)
    if args.meta is not None:
        found = {
            node: (tuple(each.uid for each in victims.pods or ()), victims.budgets_violated)
            for node, victims in args.meta.items()
        }
        return Preempting(pod, found)
    found = {
        node: (
            tuple(str(each.get("metadata", {}).get("uid") or "") for each in victims.pods or ()),
            victims.budgets_violated,
        )
        for node, victims in (args.victims or {}).items()
    }
    return Preempting(pod, found)


def _parted(body: bytes) -> Candidates | None:
    """Return what a body asks that has its names last, as Go writes it; None: read it whole.

    Names are most of a body, and each is looked at once: they are cut off before the rest is
    decoded. What is left is an object only if they were cut off at its end and at its top.
    """
    at = body.find(_NAMES + b"[")
    if at < 0 or not body.endswith(b"]}"):
        return None
    try:
        args = _args.decode(body[:at] + _NAMES + b"null}")
        names = NodeNames(memoryview(body)[at + len(_NAMES) : -1])
    except (ValueError, RecursionError):
        return None
    return Candidates(cast("Object", args.pod), names, None)


def _read(decoder: msgspec.json.Decoder[Body], body: bytes, shape: Shape) -> Body:
    try:
        try:
            return decoder.decode(body)
        except msgspec.ValidationError:
            return decoder.decode(recased(body, shape))
    except (ValueError, RecursionError) as error:
        raise Malformed(str(error)) from None


def _names(written: Raw) -> NodeNames:
    try:
        return NodeNames(memoryview(written))
    except (ValueError, RecursionError) as error:
        said = str(error)
        if "`$" in said:
            raise Malformed(said.replace("`$", "`$.NodeNames")) from None
        raise Malformed(f"{said} - at `$.NodeNames`") from None


def _name(index: int, node: Raw) -> str:
    try:
        return _named.decode(node).metadata.name
    except (ValueError, RecursionError) as error:
        raise Malformed(f"{error} (node {index} of Nodes.items)") from None


def _check_text(body: bytes) -> None:
    # Nodes go back as they came, and what is skipped in them was not looked at.
    if not body.isascii():
        try:
            body.decode()
        except UnicodeDecodeError as error:
            raise Malformed(str(error)) from None
