"""What an API server has: its version, and which version of a kind."""

from __future__ import annotations

from typing import Protocol

import msgspec

from bayplan.extender.api.connection import Connection
from bayplan.extender.api.errors import ApiError

NOT_FOUND = 404


class Wanted(Protocol):
    """A kind of objects, as far as discovery asks."""

    @property
    def group(self) -> str:
        """Its API group."""

    @property
    def versions(self) -> tuple[str, ...]:
        """The versions that are understood, the wanted one first."""

    @property
    def plural(self) -> str:
        """Its name in paths."""


class _Resource(msgspec.Struct):
    name: str


class _Resources(msgspec.Struct):
    resources: list[_Resource]


class _Version(msgspec.Struct):
    major: str
    minor: str


def server_version(connection: Connection) -> tuple[int, int]:
    """Return (major, minor) of the API server, such as (1, 37).

    Parameters
    ----------
    connection
        The API server.

    Raises
    ------
    ApiError
        It does not say.
    """
    try:
        found = msgspec.json.decode(connection.send("GET", "/version").data, type=_Version)
        # Clouds write 27+.
        return int(found.major), int("".join(filter(str.isdecimal, found.minor)))
    except ValueError:
        raise ApiError("GET /version: no version") from None


def served_version(connection: Connection, kind: Wanted) -> str:
    """Return the first version of a kind that the API server has; empty where it has none.

    Parameters
    ----------
    connection
        The API server.
    kind
        The kind.

    Raises
    ------
    ApiError
        It cannot be asked.
    """
    for version in kind.versions:
        path = f"/apis/{kind.group}/{version}" if kind.group else f"/api/{version}"
        try:
            data = connection.send("GET", path).data
            found = msgspec.json.decode(data, type=_Resources)
        except ApiError as error:
            if error.status != NOT_FOUND:
                raise
            continue
        except msgspec.DecodeError:
            raise ApiError(f"GET {path}: no list of resources") from None
        if any(each.name == kind.plural for each in found.resources):
            return version
    return ""
