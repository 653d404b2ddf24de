"""Reads a file of configs as NVIDIA's mig-parted has it.

``mig-configs`` are lists of entries with ``devices`` (``all`` or indices), ``device-filter`` (PCI
ids such as ``0x233010DE``), ``mig-enabled`` and ``mig-devices`` (README of NVIDIA/mig-parted).
"""

from __future__ import annotations

import re
from pathlib import Path

from bayplan.extender.repartition.configs import Configs, Entry
from bayplan.scheduler.errors import InputError, InputErrors

ALL = "all"
FIX = "name a file as the MIG manager has it: mig-configs, with a list for each name"

_FILTER = re.compile(r"0x([0-9A-F]{4})10DE", re.IGNORECASE)
_LABEL = re.compile(r"[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?")
_MOST = 64
"""GPUs of a node, and instances of a GPU, that a file may state."""


def read_configs(path: Path) -> Configs:
    """Return the configs of a file.

    Parameters
    ----------
    path
        The file (YAML).

    Raises
    ------
    InputError
        It cannot be read or is something else; a line for each entry that is wrong.
    """
    import yaml

    try:
        found = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"cannot be read ({error.strerror})", file=path) from None
    except UnicodeDecodeError:
        raise InputError("is no UTF-8", file=path) from None
    except yaml.YAMLError as error:
        raise InputError(f"no YAML: {' '.join(str(error).split())}", file=path) from None
    named = found.get("mig-configs") if isinstance(found, dict) else None
    if not isinstance(named, dict) or not named:
        raise InputError("has no mig-configs", file=path, fix=FIX)
    problems: list[str] = []
    read = tuple((str(name), _entries(str(name), given, problems)) for name, given in named.items())
    if problems:
        raise InputErrors(path, problems)
    return Configs(read)


def _entries(name: str, given: object, problems: list[str]) -> tuple[Entry, ...]:
    if not _LABEL.fullmatch(name):
        problems.append(f"mig-configs.{name}: no value of a label; use letters, digits, - _ .")
    if not isinstance(given, list) or not given:
        problems.append(f"mig-configs.{name}: write a list of entries")
        return ()
    found = []
    for index, each in enumerate(given):
        try:
            found.append(_entry(each))
        except ValueError as error:
            problems.append(f"mig-configs.{name}[{index}]: {error}")
    return tuple(found)


def _entry(given: object) -> Entry:
    if not isinstance(given, dict):
        raise ValueError("write devices, mig-enabled and mig-devices")
    gpus = _gpus(given.get("devices"))
    pci_ids = _pci_ids(given.get("device-filter") or [])
    on = given.get("mig-enabled")
    if not isinstance(on, bool):
        raise ValueError("mig-enabled: write true or false")
    return Entry(gpus, pci_ids, _instances(given.get("mig-devices") or {}) if on else None)


def _gpus(given: object) -> tuple[int, ...] | None:
    if given == ALL:
        return None
    listed = given if isinstance(given, list) else []
    gpus = tuple(n for n in listed if type(n) is int and 0 <= n < _MOST)
    if not gpus or len(gpus) < len(listed):
        raise ValueError("devices: write all, or indices such as [0, 1]")
    return gpus


def _pci_ids(given: object) -> tuple[str, ...]:
    listed = given if isinstance(given, list) else [given]
    found = [_FILTER.fullmatch(str(each)) for each in listed]
    if not all(found):
        raise ValueError("device-filter: write PCI ids of NVIDIA such as 0x233010DE")
    return tuple(each[1].upper() for each in found if each)


def _instances(given: object) -> tuple[tuple[str, int], ...]:
    pairs = given.items() if isinstance(given, dict) else ()
    counts = tuple(sorted((str(name), n) for name, n in pairs if type(n) is int and 0 < n <= _MOST))
    if not isinstance(given, dict) or len(counts) < len(given):
        raise ValueError("mig-devices: write profiles with their number, such as 1g.10gb: 7")
    return counts
