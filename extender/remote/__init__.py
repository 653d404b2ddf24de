"""A client of an extender's gRPC service: requests of the scheduler go out, decisions come back.

``client`` has the calls, ``types`` what they return beside the scheduler's own types, ``errors``
what they raise. ``requests`` and ``decisions`` are those types as messages and back, ``methods``
the service's methods, ``pb`` the service itself. Nothing here knows the rest of the extender.
"""

from bayplan.extender.remote.client import Client, Tls
from bayplan.extender.remote.errors import NotAllowed, RemoteError, Unreachable
from bayplan.extender.remote.types import Event, NodeState, PodState, SlotState, Snapshot, Standing

__all__ = [
    "Client",
    "Event",
    "NodeState",
    "NotAllowed",
    "PodState",
    "RemoteError",
    "SlotState",
    "Snapshot",
    "Standing",
    "Tls",
    "Unreachable",
]
