"""From files to Kubernetes objects: one List or several, plain or gzip, or standard input."""

from __future__ import annotations

import gc
import gzip
import json
import sys
import zlib
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

import orjson

from bayplan.scheduler.errors import InputError
from bayplan.traces.files import UTF8_BOM, PathLike, decoded, display, read_data
from bayplan.traces.kubernetes.splitting import parsed

STDIN = "-"
HOW = "make one with kubectl get nodes,pods -A -o json"
GZIP_MAGIC = b"\x1f\x8b"
NO_TEXT = "neither UTF-8 nor gzip of it"

Object: TypeAlias = dict[str, Any]
"""A JSON object, as Kubernetes writes it."""

GANG_KINDS = ("PodGroup", "Workload", "Job", "JobSet", "LeaderWorkerSet", "PyTorchJob", "MPIJob")


@dataclass(slots=True)
class Objects:
    """The objects of a dump by kind, in the order of the files."""

    by_kind: dict[str, list[Object]] = field(default_factory=dict)

    def of(self, kind: str) -> list[Object]:
        """Return the objects of a kind.

        Parameters
        ----------
        kind
            Such as ``Pod``.
        """
        return self.by_kind.get(kind, [])


def read_objects(paths: Sequence[PathLike], *, images: bool = False) -> Objects:
    """Read all objects of some files.

    An object that stands in two files is taken once, from the first.

    Parameters
    ----------
    paths
        The files; ``-`` is standard input.
    images
        Whether somebody reads the images of nodes and containers.

    Raises
    ------
    InputError
        A file is no JSON, or holds no Kubernetes objects.
    """
    found, seen = Objects(), set()
    # The objects of a large dump are many, and none is garbage: collecting takes a third more.
    collects = gc.isenabled()
    gc.disable()
    try:
        for path in paths:
            for thing in items_of(_loaded(path, images=images), path):
                key = _key(thing)
                if key not in seen:
                    seen.add(key)
                    found.by_kind.setdefault(str(thing.get("kind", "")), []).append(thing)
    finally:
        if collects:
            gc.enable()
    return found


def metadata_of(thing: Object) -> Object:
    """Return an object's metadata, empty where it has none.

    Parameters
    ----------
    thing
        The object.
    """
    return dict_of(thing.get("metadata"))


def name_of(thing: Object) -> str:
    """Return namespace/name, or the name of an object without a namespace.

    Parameters
    ----------
    thing
        The object.
    """
    metadata = metadata_of(thing)
    name, space = str(metadata.get("name", "")), metadata.get("namespace")
    return f"{space}/{name}" if space else name


def dict_of(value: object) -> Object:
    """Return a JSON object, or an empty one for anything else.

    Parameters
    ----------
    value
        What stands in the JSON.
    """
    return value if isinstance(value, dict) else {}


def list_of(value: object) -> list[Any]:
    """Return a JSON array, or an empty one for anything else.

    Parameters
    ----------
    value
        What stands in the JSON.
    """
    return value if isinstance(value, list) else []


def objects_in(value: object) -> list[Object]:
    """Return the objects of a JSON array; other elements are left out.

    Parameters
    ----------
    value
        What stands in the JSON.
    """
    return [each for each in list_of(value) if isinstance(each, dict)]


def key_of(value: object) -> str | bytes:
    """Return what tells values of a dump from each other, faster than comparing them.

    Parameters
    ----------
    value
        What stands in the JSON.
    """
    try:
        return orjson.dumps(value)
    except TypeError:  # integers of more than 64 bits, or text that is no UTF-8
        return repr(value)


def _key(thing: Object) -> tuple[str, str, str]:
    group = str(thing.get("apiVersion", "")).partition("/")[0]
    return group, str(thing.get("kind", "")), name_of(thing)


def _loaded(path: PathLike, *, images: bool) -> object:
    from_stdin = str(path) == STDIN
    name = "stdin" if from_stdin else display(path)
    data = _stdin() if from_stdin else read_data(Path(path))
    with suppress(ValueError):  # a third faster; what it does not take, the other reads or explains
        loaded: object = parsed(data, images=images)
        return loaded
    try:
        text = _stdin_text(data) if from_stdin else decoded(Path(path), data)
        return json.loads(text, parse_constant=_no_constant)
    except json.JSONDecodeError as error:
        raise InputError(f"no JSON ({error.msg})", file=name, row=error.lineno, fix=HOW) from None
    except (ValueError, RecursionError) as error:
        raise InputError(f"no JSON that can be read ({error})", file=name, fix=HOW) from None


def _no_constant(text: str) -> object:
    raise ValueError(f"{text} is no value")


def _stdin() -> bytes:
    data = sys.stdin.buffer.read()
    try:
        data = gzip.decompress(data) if data.startswith(GZIP_MAGIC) else data
    except (OSError, EOFError, zlib.error):
        raise InputError(NO_TEXT, file="stdin", fix=HOW) from None
    return data.removeprefix(UTF8_BOM)


def _stdin_text(data: bytes) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        raise InputError(NO_TEXT, file="stdin", fix=HOW) from None


def items_of(loaded: object, path: PathLike) -> Iterator[Object]:
    """Yield the objects of a dump: of a List, of several, or what is one itself.

    Parameters
    ----------
    loaded
        What stands in the JSON.
    path
        The file, for errors.

    Raises
    ------
    InputError
        Something of it is no Kubernetes object.
    """
    file = "stdin" if str(path) == STDIN else display(path)
    for index, top in enumerate(loaded if isinstance(loaded, list) else [loaded]):
        if not isinstance(top, dict) or not isinstance(top.get("kind"), str):
            raise InputError(
                f"element {index} is no Kubernetes object: it has no kind", file=file, fix=HOW
            )
        kind = top["kind"]
        if not kind.endswith("List"):
            yield top
            continue
        items = top.get("items")
        if items is None:
            items = []
        if not isinstance(items, list):
            raise InputError(f"{kind}.items is no array", file=file, fix=HOW)
        for number, item in enumerate(items):
            if not isinstance(item, dict):
                raise InputError(f"{kind}.items[{number}] is no object", file=file, fix=HOW)
            if "kind" not in item and kind != "List":
                item["kind"] = kind.removesuffix("List")  # a typed list leaves it out
            yield item
