"""The connection to the API server: address, credentials and TLS as ``kubectl`` has them.

The ``kubernetes`` package reads kubeconfig files (tokens, client certificates, exec plugins) and
the service account of a pod, and makes a urllib3 pool of it; requests are raw bytes.
"""

from __future__ import annotations

import os
import ssl
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlencode

import urllib3
from urllib3.exceptions import HTTPError

from bayplan.extender.api.answers import Reply, Stream
from bayplan.extender.api.errors import ApiError, error_of
from bayplan.extender.api.trust import context_of

CONNECT_S = 5.0
POOL = 32
RENEW_S = 10.0
"""Credentials that are refused are read anew at most so often."""

UNAUTHORIZED = 401
JSON = "application/json"

KubeConfiguration = Any
"""``kubernetes.client.Configuration``."""


class Door(NamedTuple):
    """How the API server is reached; another one after each renewal.

    Attributes
    ----------
    host
        Its address: scheme, host and port.
    pool
        Of urllib3.
    tls
        What is trusted and shown, as the pool has it.
    server_name
        The name that its certificate is to have; empty: that of the address.
    """

    host: str
    pool: urllib3.PoolManager
    tls: ssl.SSLContext
    server_name: str

    @property
    def proxied(self) -> bool:
        """Whether something stands between."""
        return type(self.pool) is not urllib3.PoolManager


class Connection:
    """Sends requests to one API server; for any number of threads.

    Parameters
    ----------
    load
        Returns the configuration; called again when the server refuses the credentials.

    Attributes
    ----------
    door
        How it is reached now.

    Raises
    ------
    ApiError
        The configuration cannot be read.
    """

    def __init__(self, load: Callable[[], KubeConfiguration]) -> None:
        self._load = load
        self._guard = threading.Lock()
        self._renewed = time.monotonic()
        self._configuration, self.door = self._made()

    @classmethod
    def from_kubeconfig(cls, path: str = "", context: str = "") -> Connection:
        """Return a connection as a kubeconfig file says.

        Parameters
        ----------
        path
            The file; empty for ``$KUBECONFIG`` or ``~/.kube/config``.
        context
            Empty for its current context.

        Raises
        ------
        ApiError
            It cannot be read.
        """

        def load() -> KubeConfiguration:
            client, config = _kubernetes()
            made = client.Configuration()
            given = path or os.environ.get("KUBECONFIG") or config.KUBE_CONFIG_DEFAULT_LOCATION
            files = str(given).split(os.pathsep)
            if not any(Path(file).expanduser().exists() for file in files):
                raise FileNotFoundError(f"there is no file {given}")
            config.load_kube_config(
                given, context or None, client_configuration=made, persist_config=False
            )
            return made

        return cls(load)

    @classmethod
    def in_cluster(cls) -> Connection:
        """Return the connection of a pod's service account; its token is read every minute.

        Raises
        ------
        ApiError
            This is no pod of a cluster.
        """

        def load() -> KubeConfiguration:
            client, config = _kubernetes()
            made = client.Configuration()
            config.load_incluster_config(client_configuration=made)
            return made

        return cls(load)

    def send(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        *,
        content_type: str = JSON,
        timeout_s: float = 30.0,
    ) -> Reply:
        """Send a request once and return the answer.

        Parameters
        ----------
        method, path
            Of the request; the path with its query.
        body, content_type
            What is sent.
        timeout_s
            So long the connection may be silent.

        Raises
        ------
        ApiError
            There is no answer, or one that is no 2xx.
        """
        what = f"{method} {path.partition('?')[0]}"
        response = self._opened(method, path, body, content_type, timeout_s)
        with Stream(response, what) as stream:
            return Reply(response.status, stream.read())

    def open(self, path: str, query: Mapping[str, str], quiet_s: float) -> Stream:
        """Return the answer to a GET, to be read as it comes.

        Parameters
        ----------
        path
            Of the request.
        query
            Its query; what is empty is left out.
        quiet_s
            So long the connection may be silent.

        Raises
        ------
        ApiError
            There is no answer, or one that is no 2xx.
        """
        asked = urlencode({key: value for key, value in query.items() if value})
        whole = f"{path}?{asked}" if asked else path
        return Stream(self._opened("GET", whole, None, JSON, quiet_s), f"GET {path}")

    def close(self) -> None:
        """Close the connections that are idle."""
        self.door.pool.clear()

    @property
    def replaces_credentials(self) -> bool:
        """Whether asking for credentials may read a file or run a plugin."""
        return getattr(self._configuration, "refresh_api_key_hook", None) is not None

    def credentials(self) -> dict[str, str]:
        """Return the headers that say who asks; a token that has expired is replaced.

        Raises
        ------
        ApiError
            They cannot be had.
        """
        with self._guard:  # an expired token is replaced here, maybe by a plugin
            try:
                settings = self._configuration.auth_settings()
            except Exception as error:
                raise ApiError(f"credentials cannot be read ({type(error).__name__})") from None
        return {
            each["key"]: str(each["value"]).strip()
            for each in settings.values()
            if each["in"] == "header" and each["value"]
        }

    def renew(self, refused: Door) -> bool:
        """Read the configuration again after a 401; whether another try is worth it.

        Parameters
        ----------
        refused
            How the request was sent.
        """
        with self._guard:
            if self.door is not refused:
                return True  # another thread did
            if time.monotonic() < self._renewed + RENEW_S:
                return False
            self._renewed = time.monotonic()
            self._configuration, self.door = self._made()
            return True

    def _opened(
        self, method: str, path: str, body: bytes | None, content_type: str, timeout_s: float
    ) -> urllib3.BaseHTTPResponse:
        door = self.door
        response, secret = self._asked(door, method, path, body, content_type, timeout_s)
        if response.status == UNAUTHORIZED and self.renew(door):
            response.close()
            door = self.door
            response, secret = self._asked(door, method, path, body, content_type, timeout_s)
        if response.status // 100 == 2:
            return response
        what = f"{method} {path.partition('?')[0]}"
        with Stream(response, what) as stream:
            wished = response.headers.get("Retry-After", "")
            raise error_of(what, response.status, wished, stream.read(), secret)

    def _asked(
        self,
        door: Door,
        method: str,
        path: str,
        body: bytes | None,
        content_type: str,
        timeout_s: float,
    ) -> tuple[urllib3.BaseHTTPResponse, str]:
        """Return the answer and the credential that was sent."""
        secrets = self.credentials()
        try:
            response = door.pool.request(
                method,
                door.host + path,
                body=body,
                headers=headers_of(body, content_type) | secrets,
                timeout=urllib3.Timeout(connect=CONNECT_S, read=timeout_s),
                retries=False,
                redirect=False,
                preload_content=False,
            )
        except (HTTPError, OSError) as error:
            # The text of some of these has the request in it.
            what = f"{method} {path.partition('?')[0]}"
            raise ApiError(f"{what}: no answer ({type(error).__name__})") from None
        return response, secret_of(secrets)

    def _made(self) -> tuple[KubeConfiguration, Door]:
        from kubernetes.client.rest import RESTClientObject

        try:
            made = self._load()
            made.connection_pool_maxsize = POOL
            made.keep_alive = True
            made.retries = False
            pool: urllib3.PoolManager = RESTClientObject(made).pool_manager
            named = getattr(made, "tls_server_name", None) or ""
            door = Door(made.host, pool, context_of(made), named)
        except FileNotFoundError as error:
            raise ApiError(f"no connection to Kubernetes: {error}") from None
        except Exception as error:  # whatever a broken file, a plugin or a certificate brings
            # Its text may have a whole entry of the file behind the file's name, and lines.
            text = " ".join(str(error).partition("/{")[0].split()).rstrip(".")
            raise ApiError(f"no connection to Kubernetes: {type(error).__name__}: {text}") from None
        return made, door


def headers_of(body: bytes | None, content_type: str) -> dict[str, str]:
    """Return the headers of a request, less the credentials.

    Parameters
    ----------
    body, content_type
        What is sent.
    """
    headers = {"Accept": JSON, "User-Agent": "bayplan"}
    return headers if body is None else headers | {"Content-Type": content_type}


def secret_of(credentials: Mapping[str, str]) -> str:
    """Return what must be in no log of the headers that say who asks."""
    return "".join(credentials.values()).rpartition(" ")[2]


def _kubernetes() -> tuple[Any, Any]:
    """Return the client and config modules, which take their time and have no types."""
    from kubernetes import client, config

    return client, config
