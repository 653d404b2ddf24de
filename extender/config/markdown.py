"""The keys of the configuration as tables, for docs/extender.md."""

from __future__ import annotations

from bayplan.extender.config.keys import KEYS, NUMBER, TABLES, WHOLE, Key
from bayplan.extender.config.reading import written


def markdown() -> str:
    """Return a table of keys for each table of the file."""
    parts = []
    for table, text in TABLES.items():
        rows = "\n".join(_row(key) for key in KEYS if key.table == table)
        head = "| key | default | what | values |\n|---|---|---|---|"
        parts.append(f"### [{table}]\n\n{text}\n\n{head}\n{rows}")
    return "\n\n".join(parts) + "\n"


def _row(key: Key) -> str:
    values = key.kind
    if key.choices:
        values = ", ".join(f"`{each}`" for each in key.choices)
    elif key.kind in (WHOLE, NUMBER):
        values = f"{key.kind} from {key.least:,.10g} to {key.most:,.10g}"
    return f"| `{key.name}` | `{written(key.default)}` | {key.text} | {values} |"
