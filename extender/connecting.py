"""The connection that a configuration names."""

from __future__ import annotations

import os

from bayplan.extender.api import ApiError, Connection
from bayplan.extender.config.reading import Values
from bayplan.scheduler.errors import InputError

IN_CLUSTER = "KUBERNETES_SERVICE_HOST"


def connection_of(values: Values, fix: str = "name a kubeconfig: api.kubeconfig") -> Connection:
    """Return the connection to the API server that a configuration names.

    Parameters
    ----------
    values
        The values of all keys.
    fix
        What to do where there is none.

    Raises
    ------
    InputError
        There is none.
    """
    path, context = str(values["api.kubeconfig"]), str(values["api.context"])
    try:
        if not path and not context and os.environ.get(IN_CLUSTER):
            return Connection.in_cluster()
        return Connection.from_kubeconfig(path, context)
    except ApiError as error:
        raise InputError(str(error), fix=fix) from None
