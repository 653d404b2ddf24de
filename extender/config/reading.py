"""From a configuration file to settings, or everything that is wrong with it."""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Mapping
from pathlib import Path

from bayplan.extender.config.evicting import evicting_problems
from bayplan.extender.config.health import health_problems
from bayplan.extender.config.keys import BOOL, KEYS, NUMBER, TABLES, TEXT, WHOLE, Key
from bayplan.scheduler.errors import InputError

Value = bool | int | float | str
Values = Mapping[str, Value]
"""The values of all keys, by path."""

LOOPBACK = ("127.0.0.1", "::1", "localhost")
"""Addresses that only this machine, or Pod, can call."""
QUEUES = "queues"
"""The table whose tables are queues."""

_BY_PATH = {key.path: key for key in KEYS}
_KINDS: dict[str, tuple[type, ...]] = {
    BOOL: (bool,),
    WHOLE: (int,),
    NUMBER: (int, float),
    TEXT: (str,),
}


def read_config(path: Path | None) -> Values:
    """Return the values of a configuration file, defaults where it says nothing.

    Parameters
    ----------
    path
        The file (TOML); None: all defaults.

    Raises
    ------
    InputError
        Something of it cannot be used; a line for each.
    """
    values: dict[str, Value] = {key.path: key.default for key in KEYS}
    if path is None:
        return values
    problems: list[str] = []
    for name, table in loaded(path).items():
        if not isinstance(table, dict):
            problems.append(f"{path}: {_loose(name)}")
            continue
        if name not in TABLES:
            problems.append(_unknown(path, name, list(TABLES), "table"))
            continue
        for key_name, value in table.items():
            key = _BY_PATH.get(f"{name}.{key_name}")
            if key is None and name == QUEUES and isinstance(value, dict):
                continue  # a queue: ``config.queues`` reads those
            if key is None:
                known = [each.name for each in KEYS if each.table == name]
                problems.append(_unknown(path, f"{name}.{key_name}", known, "key"))
            elif problem := _problem(key, value):
                problems.append(f"{path}: {key.path} is {value!r}; {problem}")
            else:
                values[key.path] = value
    problems += [f"{path}: {text}" for text in _contradictions(values)]
    if problems:
        raise InputError("\n".join(problems))
    return values


def template() -> str:
    """Return a configuration file with all keys, their defaults and what they mean."""
    lines = ["# The configuration of `bayplan extender serve`. What is left out has its default."]
    for table, text in TABLES.items():
        lines += ["", f"# {text}", f"[{table}]"]
        for key in KEYS:
            if key.table == table:
                choices = f" ({', '.join(key.choices)})" if key.choices else ""
                lines += [f"# {key.text}{choices}", f"{key.name} = {written(key.default)}"]
    return "\n".join(lines) + "\n"


def loaded(path: Path) -> dict[str, object]:
    """Return a TOML file as it stands.

    Parameters
    ----------
    path
        The file.

    Raises
    ------
    InputError
        It cannot be read, or is no TOML.
    """
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"cannot be read ({error.strerror})", file=path) from None
    except UnicodeDecodeError:
        raise InputError("is no UTF-8", file=path) from None
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"no TOML: {error}", file=path) from None


def _problem(key: Key, value: object) -> str:
    kinds = _KINDS[key.kind]
    if not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds):
        return f"write {key.kind}"
    if key.choices and value not in key.choices:
        return f"choose from {', '.join(key.choices)}"
    number = value if isinstance(value, (int, float)) and not isinstance(value, bool) else None
    if number is not None and not key.least <= number <= key.most:
        return f"write {key.least:,.10g} to {key.most:,.10g}"
    return ""


def _contradictions(values: Values) -> list[str]:
    found = []
    certificate, key = bool(values["tls.certificate"]), bool(values["tls.key"])
    if certificate != key:
        found.append("tls has only one of certificate and key; name both files, or neither")
    if values["tls.client_ca"] and not certificate:
        found.append("tls.client_ca without a certificate; name the server's certificate and key")
    found += _of_grpc(values)
    found += _of_leader(values)
    if not str(values["server.prefix"]).startswith("/") or str(values["server.prefix"])[-1] == "/":
        found.append(f"server.prefix is {values['server.prefix']!r}; such as /scheduler")
    return found + health_problems(values) + evicting_problems(values)


def _of_grpc(values: Values) -> list[str]:
    found = []
    certificate, ca = bool(values["grpc.certificate"]), bool(values["grpc.client_ca"])
    if certificate != bool(values["grpc.key"]):
        found.append("grpc has only one of certificate and key; name both files, or neither")
    if ca and not certificate:
        found.append("grpc.client_ca without a certificate; name the server's certificate and key")
    found += [
        f"grpc.{key} without client_ca; name what their certificates are signed by"
        for key in ("clients", "admins")
        if values[f"grpc.{key}"] and not ca
    ]
    host = values["grpc.host"]
    if values["grpc.port"] and host not in LOOPBACK and not ca:
        found.append(
            f"grpc.host is {host!r}, where anybody could take room; name grpc.client_ca,"
            " certificate and key, or listen on 127.0.0.1"
        )
    return found


def _of_leader(values: Values) -> list[str]:
    if not values["leader.on"]:
        return []
    found = []
    names = ("lease_s", "renew_s", "retry_s")
    lease_s, renew_s, retry_s = (float(values[f"leader.{name}"]) for name in names)
    if renew_s < 2 * retry_s or lease_s - renew_s < 2 * retry_s:
        # client-go wants 1.2 × retry_s < renew_s < lease_s; looks at kube-scheduler's Lease hold
        # for lease_s - renew_s, and must not be further apart.
        found.append(
            f"leader.lease_s, renew_s and retry_s are {lease_s:g}, {renew_s:g} and {retry_s:g};"
            " let renew_s be at least twice retry_s, and lease_s at least twice retry_s more"
        )
    if not values["leader.lease"]:
        found.append("leader.lease is empty; name the Lease, such as bayplan-controllers")
    elif values["leader.lease"] == values["leader.scheduler"]:
        found.append(f"leader.lease and leader.scheduler are both {values['leader.lease']!r}; give"
                     " ours another name")  # fmt: skip
    if values["grpc.port"]:
        found.append(
            "leader.on beside grpc.port: only one of the extenders would know of the room that"
            " clients have committed; set grpc.port = 0, or have one Pod"
        )
    return found


def _loose(name: str) -> str:
    """Return what is wrong with a key that stands above all tables."""
    if name in TABLES:
        return f"{name} is a table; write [{name}], and its keys below"
    homes = [f"[{key.table}]" for key in KEYS if key.name == name]
    where = " or ".join(homes) or f"one of {', '.join(f'[{table}]' for table in TABLES)}"
    return f"{name} stands in no table; write it below {where}"


def _unknown(path: Path, name: str, known: list[str], what: str) -> str:
    close = difflib.get_close_matches(name.rpartition(".")[2], known, 1)
    fix = f"did you mean {close[0]}?" if close else f"known are {', '.join(known)}"
    return f"{path}: there is no {what} {name}; {fix}"


def written(value: Value) -> str:
    """Return a value as TOML has it.

    Parameters
    ----------
    value
        The value of a key.
    """
    if isinstance(value, bool):
        return str(value).lower()
    return f'"{value}"' if isinstance(value, str) else str(value)
