"""The chart's files hold together; what Helm makes of them is tried in tests/e2e/deploy."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import yaml

from bayplan import __version__
from bayplan.extender.config.keys import KEYS
from bayplan.extender.config.schema import schema
from kustomizing import DEPLOY

CHART = DEPLOY / "chart"
SCHEMA: dict[str, Any] = json.loads((CHART / "values.schema.json").read_text(encoding="utf-8"))
VALUES: dict[str, Any] = yaml.safe_load((CHART / "values.yaml").read_text(encoding="utf-8"))
FREE = {"config", "global"}
"""Values that stand for others, and Helm's own."""


def paths(schema: dict[str, Any], values: dict[str, Any], at: str = "") -> Iterator[str]:
    """Yield what only one of the schema and the values has, and objects that take any name."""
    known = schema["properties"]
    yield from (f"{at}{name}" for name in set(known) ^ set(values) if at or name not in FREE)
    if schema.get("additionalProperties") is not False:
        yield f"{at}*"
    for name in set(known) & set(values) - FREE:
        if "properties" in known[name] and values[name]:
            yield from paths(known[name], values[name], f"{at}{name}.")


def test_values_and_schema_have_the_same_names_and_take_no_others() -> None:
    assert list(paths(SCHEMA, VALUES)) == []
    assert list(paths(SCHEMA, VALUES | {"replica": 1})) == ["replica"]


def test_the_schema_of_the_configuration_has_every_key_and_refuses_others() -> None:
    told = schema()
    names = {
        f"{table}.{name}"
        for table, keys in told["properties"].items()
        for name in keys["properties"]
    }
    assert names == {key.path for key in KEYS}
    tables = told["properties"]
    assert tables["queues"].pop("additionalProperties") == {"type": "object"}  # each is a queue
    tables["queues"]["additionalProperties"] = False
    assert not any(each["additionalProperties"] for each in (told, *tables.values()))
    port = told["properties"]["server"]["properties"]["port"]
    assert port == {"type": "integer", "description": "port", "minimum": 0, "maximum": 65535}
    rollback = told["properties"]["gangs"]["properties"]["rollback"]
    assert (rollback["type"], rollback["enum"]) == ("string", ["report", "evict"])


def test_the_chart_is_of_the_version_of_the_package() -> None:
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text(encoding="utf-8"))
    assert (chart["version"], chart["appVersion"]) == (__version__, __version__)
