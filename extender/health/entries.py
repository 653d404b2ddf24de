"""The annotation of a node that has its quarantined GPUs: the state, which survives everything.

``bayplan.io/quarantined-gpus`` is written by the extender, ``bayplan.io/release-gpus`` by a person:
uuids or numbers of GPUs, or ``all``. Once that is heeded it is taken away.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from bayplan.extender.health.codes import code_of

QUARANTINED = "bayplan.io/quarantined-gpus"
RELEASE = "bayplan.io/release-gpus"
ALL = "all"


class Entry(msgspec.Struct, frozen=True, omit_defaults=True):
    """A GPU with a code.

    Attributes
    ----------
    uuid, gpu
        Which GPU: NVML's uuid, and its number on the node, -1 where nobody says.
    code
        Name of the code.
    since
        When it was first seen.
    boot
        The boot of the node in which it was seen; empty where the node does not say.
    released
        A person has let it go; the source may go on showing what it showed then.
    """

    uuid: str
    gpu: int
    code: str
    since: str
    boot: str = ""
    released: bool = False

    @property
    def name(self) -> str:
        """How people call the GPU."""
        return f"GPU {self.gpu} ({self.uuid})" if self.gpu >= 0 else f"GPU {self.uuid}"


class _Written(Entry, frozen=True, omit_defaults=True):
    """As it is written: ``hint`` is for people, and is not read."""

    hint: str = ""


_decoder = msgspec.json.Decoder(tuple[Entry, ...])


def read_entries(text: str) -> tuple[Entry, ...]:
    """Return the entries of the annotation, sorted.

    Parameters
    ----------
    text
        Its value.

    Raises
    ------
    ValueError
        It cannot be read.
    """
    return tuple(sorted(_decoder.decode(text), key=_order)) if text else ()


def write_entries(entries: Iterable[Entry]) -> str | None:
    """Return the value of the annotation; None: it is not needed.

    Parameters
    ----------
    entries
        The entries.
    """
    written = [
        _Written(**msgspec.structs.asdict(each), hint="" if each.released else _hint(each))
        for each in sorted(entries, key=_order)
    ]
    return msgspec.json.encode(written).decode() if written else None


def named_by(text: str, entry: Entry) -> bool:
    """Whether what a person wrote names the GPU of an entry.

    Parameters
    ----------
    text
        The value of ``RELEASE``.
    entry
        The entry.
    """
    names = {each.strip() for each in text.split(",")}
    return bool(names & {ALL, entry.uuid, str(entry.gpu)})


def _order(entry: Entry) -> tuple[int, str, str]:
    return entry.gpu, entry.uuid, entry.code


def _hint(entry: Entry) -> str:
    return code_of(entry.code).hint
