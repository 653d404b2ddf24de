"""From the values of a configuration to how it is found out who leads."""

from __future__ import annotations

import socket
from pathlib import Path
from uuid import uuid4

from bayplan.extender.config.reading import Values
from bayplan.extender.leading.settings import Leading, Timing
from bayplan.scheduler.errors import InputError

ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")
"""Where a Pod reads its namespace."""


def leading_settings(values: Values) -> Leading | None:
    """Return how it is found out who leads; None: it is off, and this process is alone.

    Parameters
    ----------
    values
        The values of the configuration's keys.

    Raises
    ------
    InputError
        It is on, and nobody knows in which namespace.
    """
    if not values["leader.on"]:
        return None
    host = str(values["leader.host"]) or socket.gethostname()
    return Leading(
        namespace=namespace_of(values),
        lease=str(values["leader.lease"]),
        scheduler=str(values["leader.scheduler"]),
        host=host,
        identity=f"{host}_{uuid4()}",
        timing=Timing(
            lease_s=int(values["leader.lease_s"]),
            renew_s=float(values["leader.renew_s"]),
            retry_s=float(values["leader.retry_s"]),
        ),
    )


def namespace_of(values: Values, otherwise: str = "") -> str:
    """Return the namespace of the Leases.

    Parameters
    ----------
    values
        The values of the configuration's keys.
    otherwise
        Where they are if neither the configuration nor a Pod says it.

    Raises
    ------
    InputError
        Nobody says it.
    """
    if named := str(values["leader.namespace"]):
        return named
    try:
        return ACCOUNT.read_text(encoding="utf-8").strip()
    except OSError:
        if otherwise:
            return otherwise
    raise InputError(
        "leader.namespace is empty, and this is no Pod that has one",
        fix="name the namespace of the Leases",
    )
