"""The methods of the service, as its descriptor has them: client and server are made of these."""

from __future__ import annotations

from dataclasses import dataclass

from google.protobuf.message import Message

from bayplan.extender.remote.pb import bayplan_v1_pb2 as pb

_DESCRIPTOR = pb.DESCRIPTOR.services_by_name["Scheduler"]
SERVICE = str(_DESCRIPTOR.full_name)
"""The service's name: ``bayplan.v1.Scheduler``."""


@dataclass(frozen=True, slots=True)
class Method:
    """A method: its name, its messages, and whether it answers with a stream."""

    name: str
    asked: type[Message]
    answered: type[Message]
    streams: bool

    @property
    def path(self) -> str:
        """How HTTP/2 names it."""
        return f"/{SERVICE}/{self.name}"


METHODS: dict[str, Method] = {
    each.name: Method(
        each.name,
        getattr(pb, each.input_type.name),
        getattr(pb, each.output_type.name),
        each.server_streaming,
    )
    for each in _DESCRIPTOR.methods
}
"""All methods, by name."""
