"""The keys of the configuration as a JSON schema: Helm refuses values that the extender would.

Dialect: https://json-schema.org/draft-07, as Helm's own schemas are.
"""

from __future__ import annotations

from typing import Any

from bayplan.extender.config.keys import BOOL, KEYS, NUMBER, TABLES, TEXT, WHOLE, Key
from bayplan.extender.config.reading import QUEUES

Schema = dict[str, Any]

EXACT = 2**53 - 1
"""Helm has numbers as most JSON readers: up to here whole ones are exact (RFC 8259, 6)."""

_TYPES = {BOOL: "boolean", WHOLE: "integer", NUMBER: "number", TEXT: "string"}


def schema() -> Schema:
    """Return the schema of a configuration, by table and key; other names are refused."""
    tables = {
        table: _object({key.name: _key(key) for key in KEYS if key.table == table}, text)
        for table, text in TABLES.items()
    }
    tables[QUEUES]["additionalProperties"] = {"type": "object"}  # each a queue by its name
    return _object(tables)


def _object(properties: Schema, text: str = "") -> Schema:
    told = {"type": "object", "additionalProperties": False, "properties": properties}
    return told | {"description": text} if text else told


def _key(key: Key) -> Schema:
    told: Schema = {"type": _TYPES[key.kind], "description": key.text}
    if key.choices:
        told["enum"] = list(key.choices)
    elif key.kind in (WHOLE, NUMBER):
        told |= {"minimum": key.least, "maximum": min(key.most, EXACT)}
    return told
