"""What the parts of a process get of who leads; a process that is alone leads always."""

from __future__ import annotations

from dataclasses import dataclass

from bayplan.extender.api import Client, Connection, Recorder
from bayplan.extender.leading.calls import ApiLeases
from bayplan.extender.leading.numbers import LeadingNumbers
from bayplan.extender.leading.runner import Runner
from bayplan.extender.leading.settings import Leading

QPS, BURST, LIMIT = 20.0, 20, 4
"""Of requests about Leases: a handful a second at most, each soon."""


@dataclass(frozen=True, slots=True)
class Lead:
    """Who sends what, and whether.

    Attributes
    ----------
    binding, acting
        Clients that send bindings, and what is done unasked, only as long as that is ours to do.
    runner
        Keeps to the Leases; None: this process is alone.
    leases
        The client for Leases, if there is a runner.
    """

    binding: Client
    acting: Client
    runner: Runner | None = None
    leases: Client | None = None

    def leads(self) -> bool:
        """Whether this process is the one that acts by itself."""
        return self.runner is None or self.runner.leads()

    async def close(self) -> None:
        """End the connections for Leases."""
        if self.leases is not None:
            await self.leases.close()


def lead_of(
    settings: Leading | None,
    connection: Connection,
    client: Client,
    recorder: Recorder,
    numbers: LeadingNumbers,
) -> Lead:
    """Return what is lent to the parts of a process.

    Parameters
    ----------
    settings
        How it is found out who leads; None: this process is alone.
    connection, client
        The API server.
    recorder
        Writes Events.
    numbers
        The metrics.
    """
    if settings is None:
        return Lead(client, client)
    leases = client.apart(connection, qps=QPS, burst=BURST, limit=LIMIT)
    runner = Runner(settings, ApiLeases(leases, recorder, settings.namespace), numbers)
    return Lead(
        client.within(runner.binding_left_s), client.within(runner.leading_left_s), runner, leases
    )
