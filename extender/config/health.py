"""The settings of the health of GPUs, made of the values of a configuration file."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from urllib.parse import urlsplit

from bayplan.extender.health.settings import (
    Health,
    Judging,
    Reading,
    parse_conditions,
    parse_taints,
    parse_xids,
)

PLACES = ("health.prometheus", "health.exporter", "health.file")
_LISTS: dict[str, Callable[[str], object]] = {
    "health.xids": parse_xids,
    "health.conditions": parse_conditions,
    "health.taints": parse_taints,
}
_LABEL = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")


def health_settings(values: Mapping[str, object]) -> Health | None:
    """Return how the health of GPUs is looked after; None: it is not.

    Parameters
    ----------
    values
        The values of the configuration's keys, by path.
    """
    if not values["health.quarantine"]:
        return None
    text = {path: str(value) for path, value in values.items()}
    file, token, ca = (text[f"health.{key}"] for key in ("file", "token", "ca"))
    return Health(
        Judging(
            parse_xids(text["health.xids"]),
            parse_conditions(text["health.conditions"]),
            parse_taints(text["health.taints"]),
            closes_nodes=text["health.unnamed"] == "close",
        ),
        Reading(
            text["health.prometheus"],
            text["health.exporter"],
            Path(file) if file else None,
            text["health.node_label"],
            Path(token) if token else None,
            Path(ca) if ca else None,
            float(text["health.interval_s"]),
            float(text["health.stale_s"]),
        ),
    )


def health_problems(values: Mapping[str, object]) -> list[str]:
    """Return what contradicts itself or cannot be used.

    Parameters
    ----------
    values
        The values of the configuration's keys, by path.
    """
    found = []
    named = [path for path in PLACES if values[path]]
    if len(named) > 1:
        found.append(f"{' and '.join(named)} are two places for the same metrics; name one")
    if named and not values["health.quarantine"]:
        found.append(f"{named[0]} without health.quarantine; set that to true, or name no place")
    urls = [(path, str(values[path])) for path in PLACES[:2] if values[path]]
    found += [f"{path} {problem}" for path, url in urls if (problem := _url_problem(url))]
    if values["health.token"] and not urls:
        found.append("health.token without a URL that it is for")
    if not _LABEL.fullmatch(str(values["health.node_label"])):
        found.append(f"health.node_label is {values['health.node_label']!r}; such as Hostname")
    for path, parse in _LISTS.items():
        try:
            parse(str(values[path]))
        except ValueError as error:
            found.append(f"{path}: {error}")
    return found


def _url_problem(url: str) -> str:
    wrong = f"is {url!r}; such as http://prometheus.monitoring:9090"
    try:
        parts = urlsplit(url)
    except ValueError:  # brackets that are no address
        return wrong
    if parts.username or parts.password:  # it would stand in logs
        return "has a password in it; write a bearer token into a file: health.token"
    if parts.scheme not in ("http", "https") or not parts.hostname:
        return wrong
    return ""
