"""The formats that Bayplan reads, and the doors: ``read_pods`` and ``read_nodes``."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from bayplan.scheduler.errors import InputError
from bayplan.traces import canonical, openb, schema
from bayplan.traces.columns import Column, listed
from bayplan.traces.files import PathLike
from bayplan.traces.reading import MISSPELLED, CsvFile, TableFile, open_csv
from bayplan.traces.schema import NodeTable, PodTable

AUTO = "auto"


@dataclass(frozen=True, slots=True)
class Format:
    """A file format: its name, one line about it, its columns and its two readers."""

    name: str
    summary: str
    pod_columns: tuple[Column, ...]
    node_columns: tuple[Column, ...]
    pods_from_csv: Callable[[CsvFile], PodTable]
    nodes_from_csv: Callable[[CsvFile], NodeTable]


FORMATS: tuple[Format, ...] = (
    Format(
        "canonical",
        "Bayplan's own CSV: the pod table and the node table as documented",
        schema.POD_COLUMNS,
        schema.NODE_COLUMNS,
        canonical.pods_from_csv,
        canonical.nodes_from_csv,
    ),
    Format(
        "openb",
        "Alibaba 2023 GPU cluster: openb_pod_list_*.csv and openb_node_list_*.csv",
        openb.POD_COLUMNS,
        openb.NODE_COLUMNS,
        openb.pods_from_csv,
        openb.nodes_from_csv,
    ),
)
"""Every format, in the order in which ``auto`` tries them."""


def read_pods(path: PathLike, format: str = AUTO) -> PodTable:
    """Read a pod list.

    Parameters
    ----------
    path
        A CSV file, plain or gzip.
    format
        Name of a format, or ``auto`` to know it by the header.

    Raises
    ------
    InputError
        The format is unknown, or the file cannot be read; one line says where and what to do.
    """
    chosen = _named(format)
    file = open_csv(path)
    return (chosen or _known_by_header(file, "pod")).pods_from_csv(file)


def read_nodes(path: PathLike, format: str = AUTO) -> NodeTable:
    """Read a node list.

    Parameters
    ----------
    path
        A CSV file, plain or gzip.
    format
        Name of a format, or ``auto`` to know it by the header.

    Raises
    ------
    InputError
        The format is unknown, or the file cannot be read; one line says where and what to do.
    """
    chosen = _named(format)
    file = open_csv(path)
    return (chosen or _known_by_header(file, "node")).nodes_from_csv(file)


def known() -> list[tuple[str, str, str]]:
    """Return what there is to read, as rows of (kind, name, one line about it)."""
    traces = [("trace", "builtin", "synthetic mixed-model cluster, part of the package")]
    return traces + [("format", each.name, each.summary) for each in FORMATS]


def _named(name: str) -> Format | None:
    """Return the format of that name; None for ``auto``."""
    if name == AUTO:
        return None
    for each in FORMATS:
        if each.name == name:
            return each
    raise unknown_format(name, [each.name for each in FORMATS])


def unknown_format(name: str, names: Sequence[str]) -> InputError:
    """Return the error for a format that there is not.

    Parameters
    ----------
    name
        What was asked for.
    names
        What there is, besides ``auto``.
    """
    every = [AUTO, *names]
    near = difflib.get_close_matches(name, every, n=1)
    fix = f"did you mean {near[0]!r}?" if near else "choose " + ", ".join(every)
    return InputError(f"there is no trace format {name!r}", fix=fix)


def absent(columns: Sequence[Column], header: Sequence[str]) -> list[str]:
    """Return the required columns that a header lacks.

    Parameters
    ----------
    columns
        The columns of a format.
    header
        The names that a file has.
    """
    return [column.name for column in columns if column.required and column.name not in header]


def all_slips(names: Sequence[str], header: Sequence[str]) -> bool:
    """Say whether every name is in the header but for slips of the pen.

    Parameters
    ----------
    names
        Columns that the header lacks.
    header
        The names that a file has.
    """
    return all(difflib.get_close_matches(name, header, n=1, cutoff=MISSPELLED) for name in names)


def check_separator(file: TableFile) -> None:
    """Check that the cells of the header are separated by commas.

    Parameters
    ----------
    file
        The file.

    Raises
    ------
    InputError
        They are separated by something else.
    """
    if len(file.header) == 1 and (mark := _separator(file.header[0])):
        raise file.error(f"the columns are separated by {mark!r}", "separate them by commas")


def _columns(each: Format, kind: str) -> tuple[Column, ...]:
    return each.pod_columns if kind == "pod" else each.node_columns


def _matching(kind: str, header: Sequence[str]) -> Format | None:
    """Return the first format whose required columns are all there."""
    return next((each for each in FORMATS if not absent(_columns(each, kind), header)), None)


def _misspelled(kind: str, header: Sequence[str]) -> Format | None:
    """Return the first format whose columns are all there but for slips of the pen."""
    for each in FORMATS:
        if all_slips(absent(_columns(each, kind), header), header):
            return each
    return None


def _separator(header: str) -> str:
    return next((mark for mark in ";\t|" if mark in header), "")


def _known_by_header(file: CsvFile, kind: str) -> Format:
    other = "node" if kind == "pod" else "pod"
    found, elsewhere = _matching(kind, file.header), _matching(other, file.header)
    # A canonical pod list has every column that a node list needs, so pods win.
    if elsewhere and (found is None or kind == "node"):
        problem = f"this is a {other} list ({elsewhere.name}); a {kind} list is needed"
        raise file.error(problem, "give another file, or name the format")
    if found:
        return found
    check_separator(file)
    misspelled = _misspelled(kind, file.header)
    if misspelled:
        return misspelled  # its reader says which column
    lacks = "; ".join(
        f"{each.name} lacks {listed(absent(_columns(each, kind), file.header))}" for each in FORMATS
    )
    problem = f"the columns ({listed(file.header)}) match no {kind} format: {lacks}"
    raise file.error(problem, "rename the columns or add the missing ones")
