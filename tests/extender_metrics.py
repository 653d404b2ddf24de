"""The series that the extender registers, and which series a PromQL expression names."""

from __future__ import annotations

import asyncio
import importlib.util
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from prometheus_client import PLATFORM_COLLECTOR, PROCESS_COLLECTOR, CollectorRegistry

GENERATOR = Path(__file__).parents[1] / "docs" / "generate.py"
OF_TARGET = frozenset({"job", "instance"})
"""Labels that Prometheus gives every series."""
SUFFIXES = {"counter": ("_total",), "gauge": ("",), "histogram": ("_bucket", "_sum", "_count")}
WORDS = {"by", "without", "on", "ignoring", "and", "or", "unless", "bool", "offset"}
FUNCTIONS = {
    "absent", "ceil", "histogram_quantile", "increase", "max", "min", "rate", "sum", "time",
}  # fmt: skip
"""Those that are used; another one may be misspelt."""


@dataclass(frozen=True, slots=True)
class Expression:
    """What a PromQL expression names: series with the labels of their selectors, and groupings."""

    series: tuple[tuple[str, frozenset[str]], ...]
    grouped_by: frozenset[str]
    functions: frozenset[str]


@cache
def registered() -> dict[str, frozenset[str]]:
    """Return the labels of every series, by its name, of what docs/extender.md lists."""
    registry = CollectorRegistry()
    spec = importlib.util.spec_from_file_location("generate", GENERATOR)
    assert spec is not None
    assert spec.loader is not None
    generate = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(generate)
    asyncio.run(generate.extender_metrics(registry))
    for process in (PROCESS_COLLECTOR, PLATFORM_COLLECTOR):
        registry.register(process)
    found: dict[str, frozenset[str]] = {}
    for collector in list(registry._collector_to_names):
        own = getattr(collector, "_labelnames", None)  # without children there are no samples
        for metric in collector.collect():
            labels = own if own is not None else getattr(metric, "_labelnames", ())
            for suffix in SUFFIXES[metric.type]:
                le = ("le",) if suffix == "_bucket" else ()
                found[metric.name + suffix] = frozenset((*labels, *le))
    return found


def parsed(text: str) -> Expression:
    """Return what an expression names. Texts in quotes and ranges in brackets are passed over."""
    bare = re.sub(r'"[^"]*"', '""', text)
    grouped: set[str] = set()

    def noted(match: re.Match[str]) -> str:
        grouped.update(re.findall(r"\w+", match[1]))
        return " "

    bare = re.sub(r"\b(?:by|without|on)\s*\(([^)]*)\)", noted, bare)
    bare = re.sub(r"\[[^\]]*\]", "", bare)
    series, functions = [], set()
    for name, call, labels in re.findall(r"\b([a-zA-Z_]\w*)\b\s*(\(?)(\{[^}]*\})?", bare):
        if call:
            functions.add(name)
        elif name not in WORDS and not re.search(rf"\{{[^}}]*\b{name}\b\s*(=|!|~)", bare):
            series.append((name, frozenset(re.findall(r"(\w+)\s*[=!]~?", labels))))
    return Expression(tuple(series), frozenset(grouped), frozenset(functions))


def problems(text: str) -> list[str]:
    """Return what of an expression is not registered, or not known here."""
    told, found, known = parsed(text), [], registered()
    for name, labels in told.series:
        if name not in known:
            found.append(f"there is no series {name}")
            continue
        there = known[name] | OF_TARGET
        found += [f"{name} has no label {each}" for each in sorted(labels - there)]
        found += [f"{name} has no label {each}" for each in sorted(told.grouped_by - there)]
    found += [f"no function {each}" for each in sorted(told.functions - FUNCTIONS - WORDS)]
    return found if told.series else [*found, "names no series"]
