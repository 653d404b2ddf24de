"""Spans put into the parts where they are on; where not, nothing of OpenTelemetry is loaded."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from bayplan.extender.api import Client, Recorder
from bayplan.extender.config.reading import Values
from bayplan.extender.live.owner import Owner
from bayplan.extender.service.api import ApiCalls
from bayplan.extender.verbs import Verbs
from bayplan.scheduler.errors import InputError

if TYPE_CHECKING:
    from bayplan.extender.tracing.sdk import Provider

MOST_FLUSH_S = 5.0
"""Spans that are left at the end have so long at most: a Pod's calls need the rest of its grace."""


def provider_of(values: Values) -> Provider | None:
    """Return what makes and sends spans; None: they are off.

    Parameters
    ----------
    values
        The values of the configuration's keys.

    Raises
    ------
    InputError
        The extra is not installed, or a variable ``OTEL_*`` cannot be used.
    """
    if not values["tracing.on"]:
        return None
    try:
        from bayplan.extender.tracing.sdk import Provider
    except ModuleNotFoundError:
        raise InputError(
            "tracing.on is true, but OpenTelemetry's SDK and OTLP exporter are not installed",
            fix="pip install 'bayplan[tracing]'",
        ) from None
    try:
        return Provider()
    except (ValueError, OSError) as error:
        said = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise InputError(f"tracing.on: {said}", fix="correct the variables OTEL_*") from None


def calls_of(
    client: Client,
    recorder: Recorder,
    provider: Provider | None,
    *,
    binding: Client | None = None,
    acting: Client | None = None,
) -> ApiCalls:
    """Return the calls to the API server, with spans where they are on."""
    if provider is None:
        return ApiCalls(client, recorder, binding=binding, acting=acting)
    from bayplan.extender.tracing.traced import TracedCalls

    return TracedCalls(client, recorder, provider.spans, binding=binding, acting=acting)


def verbs_of(verbs: Verbs, owner: Owner, provider: Provider | None) -> Verbs:
    """Return who answers kube-scheduler, with spans where they are on."""
    if provider is None:
        return verbs
    from bayplan.extender.tracing.traced import Traced

    def gang_of(key: str) -> str:
        seen = owner.mirror.pods.get(key)
        return "" if seen is None else seen.group

    return Traced(verbs, provider.spans, gang_of)


async def close(provider: Provider | None, grace_s: float) -> None:
    """Send the spans that are left, within the grace time."""
    if provider is not None:
        await asyncio.to_thread(provider.close, min(grace_s, MOST_FLUSH_S))
