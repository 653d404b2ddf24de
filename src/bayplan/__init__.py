"""Bayplan: one engine that decides which pods go onto which GPUs.

``Scenario``, ``simulate`` and ``compare`` are for notebooks and programs (docs/python.md). They are
loaded when they are first named, so that importing Bayplan takes no time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bayplan.simulator.api import Comparison, Picture, Run, Scenario, compare, simulate

__version__ = "0.1.0"

__all__ = ["Comparison", "Picture", "Run", "Scenario", "__version__", "compare", "simulate"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from bayplan.simulator import api

    return getattr(api, name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
