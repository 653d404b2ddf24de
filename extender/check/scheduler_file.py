"""Reads a KubeSchedulerConfiguration (``kubescheduler.config.k8s.io/v1``)."""

from __future__ import annotations

import re
from pathlib import Path

from bayplan.scheduler.errors import InputError
from bayplan.traces.kubernetes.objects import Object

GROUP, KIND = "kubescheduler.config.k8s.io/", "KubeSchedulerConfiguration"
DEFAULT_TIMEOUT_S = 5.0
"""``DefaultExtenderTimeout`` of kube-scheduler: what ``httpTimeout`` is where it is not set."""

_PART = re.compile(r"(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|μs|ms|s|m|h)")
_UNIT_S = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "μs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0,
           "h": 3600.0}  # fmt: skip


def read_scheduler(path: Path) -> Object:
    """Return a configuration of kube-scheduler.

    Parameters
    ----------
    path
        The file: YAML or JSON.

    Raises
    ------
    InputError
        It cannot be read, or is something else.
    """
    import yaml

    try:
        found = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"cannot be read ({error.strerror})", file=path) from None
    except UnicodeDecodeError:
        raise InputError("is no UTF-8", file=path) from None
    except yaml.MarkedYAMLError as error:
        row = error.problem_mark.line + 1 if error.problem_mark else None
        raise InputError(f"no YAML: {error.problem}", file=path, row=row) from None
    except yaml.YAMLError as error:
        raise InputError(f"no YAML: {' '.join(str(error).split())}", file=path) from None
    fix = f"name the file that kube-scheduler has as --config ({KIND})"
    if not isinstance(found, dict):
        raise InputError("is no object", file=path, fix=fix)
    version, kind = found.get("apiVersion"), found.get("kind")
    if kind != KIND or not str(version).startswith(GROUP):
        raise InputError(f"is {kind} of {version}", file=path, fix=fix)
    for key in ("profiles", "extenders"):
        listed = found.get(key) or []
        if not isinstance(listed, list) or not all(isinstance(each, dict) for each in listed):
            raise InputError(f"{key} is no list of objects", file=path, fix="see kube-scheduler's"
                             " reference of its configuration")  # fmt: skip
    return found


def seconds(text: object) -> float | None:
    """Return a duration as Go writes it, such as ``1m30s``, in seconds; None: it is none.

    Parameters
    ----------
    text
        What stands in the file; what is not there is the default of an extender.
    """
    if text is None or text == 0:
        return DEFAULT_TIMEOUT_S
    parts = _PART.findall(str(text))
    if not parts or "".join(map("".join, parts)) != str(text):
        return None
    return sum(float(number) * _UNIT_S[unit] for number, unit in parts) or DEFAULT_TIMEOUT_S


def number(value: object, default: float) -> float:
    """Return a number of the file; what is not there, or is none, is the default.

    Parameters
    ----------
    value, default
        What stands there, and what goes for nothing.
    """
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return float(value) if is_number and isinstance(value, (int, float)) and value else default
