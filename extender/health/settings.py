"""What the health of GPUs is judged by, and where it is read."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from bayplan.extender.health.codes import DEFAULT_XIDS, OF_APPLICATIONS

CONDITIONS = (
    "GPUMissing=True, XIDErrors=True, NVLinkStatusInactive=True, AcceleratedHardwareReady=False,"
    " NebiusGPUError=True, SysLogsXIDError=True, SysLogsGPUFallenOff=True"
)
"""Conditions of nodes that say that GPUs are bad.

The first three are of AKS's node problem detector ("GPU health monitoring in NPD"), then EKS's node
monitoring agent ("node health"), Nebius ("health checks") and NVSentinel's syslog health monitor.
"""

XIDS = ", ".join(map(str, DEFAULT_XIDS))


@dataclass(frozen=True, slots=True)
class Judging:
    """What closes GPUs.

    Attributes
    ----------
    xids
        Xids for which a GPU is quarantined.
    conditions
        (type, status) of conditions that close all GPUs of a node.
    taints
        Keys of taints that do.
    closes_nodes
        Whether all GPUs of a node are closed whose device plugin may still give a quarantined one
        to a pod; else only their number is.
    """

    xids: frozenset[int] = frozenset(DEFAULT_XIDS)
    conditions: frozenset[tuple[str, str]] = frozenset()
    taints: frozenset[str] = frozenset()
    closes_nodes: bool = True


@dataclass(frozen=True, slots=True)
class Reading:
    """Where metrics are read: in one of three places, or nowhere.

    Attributes
    ----------
    prometheus
        URL of a Prometheus server.
    exporter
        URL of an exporter's metrics; ``{node}`` stands for each node's name.
    file
        A file of metrics, or a folder of ``*.prom``.
    node_label
        The label that has the node's name.
    token, ca
        Files of a bearer token and of CA certificates.
    interval_s
        How often.
    stale_s
        A file that is older says nothing.
    """

    prometheus: str = ""
    exporter: str = ""
    file: Path | None = None
    node_label: str = "Hostname"
    token: Path | None = None
    ca: Path | None = None
    interval_s: float = 30.0
    stale_s: float = 300.0


@dataclass(frozen=True, slots=True)
class Health:
    """How the health of GPUs is looked after."""

    judging: Judging = field(default_factory=Judging)
    reading: Reading = field(default_factory=Reading)


def parse_xids(text: str) -> frozenset[int]:
    """Return the Xids of a text such as ``48, 79``.

    Parameters
    ----------
    text
        The text.

    Raises
    ------
    ValueError
        One is no Xid, or an application's own fault.
    """
    found = set()
    for part in _parts(text):
        if not (part.isascii() and part.isdecimal()) or not 0 < int(part) < 10_000:
            raise ValueError(f"{part!r} is no Xid; write such as 48, 79")
        if int(part) in OF_APPLICATIONS:
            raise ValueError(f"Xid {part} is an application's own fault; leave it out")
        found.add(int(part))
    return frozenset(found)


def parse_conditions(text: str) -> frozenset[tuple[str, str]]:
    """Return (type, status) of a text such as ``GPUMissing=True``.

    Parameters
    ----------
    text
        The text.

    Raises
    ------
    ValueError
        One is no condition with a status.
    """
    found = set()
    for part in _parts(text):
        kind, _, status = (each.strip() for each in part.partition("="))
        if not kind or status not in ("True", "False", "Unknown"):
            raise ValueError(f"{part!r} is no condition; write such as GPUMissing=True")
        found.add((kind, status))
    return frozenset(found)


def parse_taints(text: str) -> frozenset[str]:
    """Return the keys of a text such as ``example.com/gpu-bad``.

    Parameters
    ----------
    text
        The text.

    Raises
    ------
    ValueError
        One has more than a key.
    """
    found = _parts(text)
    for part in found:
        if any(sign in part for sign in "=: "):
            raise ValueError(f"{part!r} is no key of a taint; leave value and effect out")
    return frozenset(found)


def _parts(text: str) -> list[str]:
    return [part for each in text.split(",") if (part := each.strip())]
