"""Services: inference servers that stay and follow their load, from a file in TOML.

``types`` says what a service is, ``keys`` what its file may hold, ``loads`` makes rates over time
and ``reading`` reads the file.
"""

from bayplan.traces.services.loads import constant, diurnal, from_rates
from bayplan.traces.services.reading import read_services
from bayplan.traces.services.types import (
    MEASURES,
    SPREADS,
    Alternative,
    Latency,
    Load,
    Scaling,
    Service,
    ServiceFile,
)

__all__ = [
    "MEASURES",
    "SPREADS",
    "Alternative",
    "Latency",
    "Load",
    "Scaling",
    "Service",
    "ServiceFile",
    "constant",
    "diurnal",
    "from_rates",
    "read_services",
]
