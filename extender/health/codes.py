"""What is wrong with a GPU: which codes there are, what they mean, and what ends them.

Sources: NVIDIA, "Xid Errors" (catalogue and recovery actions); the fields of DCGM
(``dcgm_fields.h``); NVIDIA's "GPU Memory Error Management" (row remapping, page retirement);
``scheduler.hardware.xids`` for what mends which class.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from bayplan.scheduler.hardware.xids import BY_NAME, CLASSES, Mend

XID = "xid-"


class Lift(Enum):
    """What ends a quarantine by itself.

    An Xid is an event: no metric says that the GPU was reset since, but a node that has booted has
    reset its GPUs. A level is read from the driver each time, and is gone when it is gone.
    """

    LEVEL = "the source says that it is over"
    BOOT = "the node has booted, and the source shows nothing of it since"
    HAND = "a person says so"


@dataclass(frozen=True, slots=True)
class Code:
    """A reason for a quarantine; ``hint`` tells people what to do."""

    name: str
    title: str
    meaning: str
    hint: str
    lift: Lift

    @property
    def text(self) -> str:
        """The code and its meaning."""
        return f"{self.title}, {self.meaning}"


_HINTS = {
    Mend.NOTHING: "nothing has to be done",
    Mend.RESET_WHEN_IDLE: "reset it once nothing runs on it",
    Mend.RESET: "let its pods leave and reset it",
    Mend.REBOOT: "drain the node and reboot it",
    Mend.REPLACE: "drain the node and have the GPU replaced",
}

_MEANINGS = {
    46: "the GPU stopped processing",
    48: "double-bit ECC error",
    63: "faulty memory was recorded and is to be remapped or retired",
    64: "faulty memory could not be recorded for remapping or retirement",
    74: "NVLink error",
    79: "fallen off the bus",
    94: "contained memory error",
    95: "uncontained memory error",
    119: "the GPU's system processor does not answer",
    120: "error of the GPU's system processor",
}
_MENDS = {xid: each.mend for each in CLASSES for xid in each.xids} | {
    46: Mend.RESET,
    63: Mend.RESET_WHEN_IDLE,
}

OF_APPLICATIONS = frozenset(BY_NAME["application"].xids)
"""Xids that are an application's own fault, which NVIDIA's device plugin passes over, too."""

DEFAULT_XIDS = tuple(_MEANINGS)
"""Xids for which a GPU is quarantined unless the configuration says otherwise."""

LEVELS: dict[str, Code] = {
    "DCGM_FI_DEV_ROW_REMAP_FAILURE": Code(
        "row-remap-failure", "row remapping", "it failed", _HINTS[Mend.REPLACE], Lift.LEVEL
    ),
    "DCGM_FI_DEV_ROW_REMAP_PENDING": Code(
        "row-remap-pending", "row remapping", "it waits for a reset",
        _HINTS[Mend.RESET_WHEN_IDLE], Lift.LEVEL,
    ),
    "DCGM_FI_DEV_ECC_DBE_VOL_TOTAL": Code(
        "ecc-double-bit", "ECC", "double-bit errors since the driver was loaded",
        _HINTS[Mend.RESET], Lift.LEVEL,
    ),
    "DCGM_FI_DEV_RETIRED_PENDING": Code(
        "page-retirement-pending", "page retirement", "it waits for a reset",
        _HINTS[Mend.RESET_WHEN_IDLE], Lift.LEVEL,
    ),
}  # fmt: skip
"""What a metric means while it is above 0."""

_OF_LEVELS = {code.name: code for code in LEVELS.values()}


def code_of(name: str) -> Code:
    """Return a code by its name, also one that is not known here.

    Parameters
    ----------
    name
        Such as ``xid-79`` or ``row-remap-failure``.
    """
    if name in _OF_LEVELS:
        return _OF_LEVELS[name]
    text = name.removeprefix(XID)
    if text == name or not (text.isascii() and text.isdecimal()):
        return Code(name, name, "of unknown meaning", _HINTS[Mend.RESET], Lift.HAND)
    mend = _MENDS.get(int(text), Mend.RESET)
    lift = Lift.HAND if mend is Mend.REPLACE else Lift.BOOT
    meaning = _MEANINGS.get(int(text), "listed in health.xids")
    return Code(name, f"Xid {text}", meaning, _HINTS[mend], lift)


def xid_name(xid: int) -> str:
    """Return the name of the code of an Xid.

    Parameters
    ----------
    xid
        The Xid.
    """
    return f"{XID}{xid}"
