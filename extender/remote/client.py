"""A client of the service ``bayplan.v1``, for programs without an event loop of their own."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import grpc

from bayplan.extender.remote import reading
from bayplan.extender.remote.decisions import (
    commit_message,
    decision_of,
    gang_preemption_of,
    plan_of,
    preemption_of,
)
from bayplan.extender.remote.errors import NotAllowed, RemoteError, Unreachable
from bayplan.extender.remote.methods import METHODS, Method
from bayplan.extender.remote.pb import bayplan_v1_pb2 as pb
from bayplan.extender.remote.requests import gang_message, request_message
from bayplan.extender.remote.types import Event, Snapshot
from bayplan.scheduler.errors import (
    BayplanError,
    Conflict,
    Duplicate,
    InputError,
    InvalidRequest,
    Unknown,
)
from bayplan.scheduler.gangs.types import Gang, GangPlan
from bayplan.scheduler.preemption.types import GangPreemption, Preemption
from bayplan.scheduler.types import Decision, Request

TIMEOUT_S = 10.0
"""How long an answer may take."""

_OPTIONS = [("grpc.enable_http_proxy", 0)]
"""An extender is in the cluster, not behind a proxy that the environment names."""

_ERRORS: dict[grpc.StatusCode, Callable[[str], BayplanError]] = {
    grpc.StatusCode.INVALID_ARGUMENT: InvalidRequest,
    grpc.StatusCode.ABORTED: Conflict,
    grpc.StatusCode.ALREADY_EXISTS: Duplicate,
    grpc.StatusCode.NOT_FOUND: Unknown,
}
_ANSWERED = frozenset(_ERRORS)


@dataclass(frozen=True, slots=True)
class Tls:
    """Certificates of a client, as PEM files.

    Attributes
    ----------
    ca
        What the server's certificate must be signed by.
    certificate, key
        The client's own; None where the server asks for none.
    server_name
        The name in the server's certificate where it is not the host that is called.
    """

    ca: Path
    certificate: Path | None = None
    key: Path | None = None
    server_name: str = ""


class Client:
    """Asks an extender, and takes room from it.

    What is decided is decided for the live cluster, and holds at that moment; ``commit`` takes it.
    All methods raise ``Unreachable`` where nobody answers, ``NotAllowed`` where this client is not
    served, and ``RemoteError`` where the server fails. A client may be used by several threads.

    Parameters
    ----------
    target
        Host and port.
    tls
        Certificates; None speaks plain HTTP/2.
    timeout_s
        How long an answer may take. ``watch`` has no limit.

    Raises
    ------
    InputError
        A certificate cannot be read.

    Examples
    --------
    >>> with Client("127.0.0.1:9444") as client:  # doctest: +SKIP
    ...     decision = client.decide(Request("job-1", devices=(DeviceRequest(WholeGpus(2)),)))
    ...     if decision.placement is not None:
    ...         client.commit(decision, hold_s=600)
    """

    def __init__(self, target: str, tls: Tls | None = None, timeout_s: float = TIMEOUT_S) -> None:
        self._target, self._timeout_s = target, timeout_s
        self._channel = _channel(target, tls)
        self._calls = {name: self._call_of(method) for name, method in METHODS.items()}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection; watches end."""
        self._channel.close()

    def decide(self, request: Request, nodes: Sequence[str] = ()) -> Decision:
        """Return where a request would go now, or why nowhere. Nothing changes.

        Parameters
        ----------
        request
            What is asked for; of constraints only tolerations.
        nodes
            The candidates; none is all.

        Raises
        ------
        InvalidRequest
            It makes no sense on any cluster, or a candidate is no node of this one.
        """
        asked = pb.DecideRequest(request=request_message(request), nodes=nodes)
        return decision_of(self._ask("Decide", asked), request)

    def decide_gang(self, gang: Gang, nodes: Sequence[str] = ()) -> GangPlan:
        """Return where the members of a gang would go together now, or why nowhere.

        Members that have room stay where they are and count. Nothing changes.

        Parameters
        ----------
        gang
            Who starts together.
        nodes
            As ``decide``.

        Raises
        ------
        InvalidRequest
            As ``decide``.
        """
        asked = pb.DecideGangRequest(gang=gang_message(gang), nodes=nodes)
        return plan_of(self._ask("DecideGang", asked), gang)

    def preempt(self, request: Request, nodes: Sequence[str] = ()) -> Preemption:
        """Return which pods of the cluster to evict so that a request fits. Nobody is evicted.

        Parameters
        ----------
        request, nodes
            As ``decide``.

        Raises
        ------
        InvalidRequest
            As ``decide``.
        """
        asked = pb.PreemptRequest(request=request_message(request), nodes=nodes)
        return preemption_of(self._ask("Preempt", asked), request)

    def preempt_gang(self, gang: Gang, nodes: Sequence[str] = ()) -> GangPreemption:
        """Return which pods of the cluster to evict so that a gang fits. Nobody is evicted.

        Parameters
        ----------
        gang, nodes
            As ``decide_gang``.

        Raises
        ------
        InvalidRequest
            As ``decide``.
        """
        asked = pb.PreemptRequest(gang=gang_message(gang), nodes=nodes)
        return gang_preemption_of(self._ask("Preempt", asked), gang)

    def commit(
        self, *decisions: Decision, hold_s: float = 0.0, unchanged: bool = False
    ) -> float | None:
        """Take the room of decisions, all or none; return until when, in seconds since 1970.

        The same again is no failure, and begins the time anew: so a client says that it lives.

        Parameters
        ----------
        decisions
            The decisions; of a gang those of its plan.
        hold_s
            How long the room is kept unless it is committed again; 0: until it is released, for
            which None is returned. The server may have a shorter limit.
        unchanged
            Whether nodes must be just as they were when it was decided, though there is room.

        Raises
        ------
        Conflict
            A decision no longer holds: decide again.
        Duplicate
            A uid has other room: release it first.
        InvalidRequest
            A decision has no placement, or cannot be carried.
        """
        asked = pb.CommitRequest(
            decisions=[commit_message(each) for each in decisions],
            hold_s=hold_s,
            unchanged=unchanged,
        )
        until_s = float(self._ask("Commit", asked).until_s)
        return until_s or None

    def release(self, *uids: str) -> tuple[str, ...]:
        """Give room back; return those of the uids that had some.

        Parameters
        ----------
        uids
            The uids.
        """
        return tuple(self._ask("Release", pb.ReleaseRequest(uids=uids)).released)

    def explain(self, what: Request | str) -> str:
        """Return in words why something is where it is, or why it would fit nowhere.

        Parameters
        ----------
        what
            A request; or a pod of the cluster as namespace/name, or a uid with room.

        Raises
        ------
        Unknown
            There is no such pod, or no room of that uid.
        InvalidRequest
            The request makes no sense on any cluster.
        """
        if isinstance(what, Request):
            asked = pb.ExplainRequest(request=request_message(what))
        else:
            asked = pb.ExplainRequest(pod=what) if "/" in what else pb.ExplainRequest(uid=what)
        return str(self._ask("Explain", asked).text)

    def snapshot(self) -> Snapshot:
        """Return the whole state at one moment."""
        return reading.snapshot_of(self._stream("Snapshot", pb.SnapshotRequest(), self._timeout_s))

    def watch(self) -> Iterator[Event]:
        """Yield what is decided from now on, for kube-scheduler and for clients, without end.

        Raises
        ------
        Unreachable
            The server stopped, or there are too many watches.
        """
        for message in self._stream("WatchDecisions", pb.WatchRequest(), None):
            yield reading.event_of(message)
        raise Unreachable(f"{self._target}: the server has stopped")

    # --- inside ---------------------------------------------------------------------------

    def _call_of(self, method: Method) -> Callable[..., Any]:
        make = self._channel.unary_stream if method.streams else self._channel.unary_unary
        call: Callable[..., Any] = make(
            method.path, method.asked.SerializeToString, method.answered.FromString
        )
        return call

    def _ask(self, name: str, asked: object) -> Any:
        try:
            return self._calls[name](asked, timeout=self._timeout_s)
        except grpc.RpcError as error:
            raise self._failure(error) from None

    def _stream(self, name: str, asked: object, timeout_s: float | None) -> Iterator[Any]:
        call = self._calls[name](asked, timeout=timeout_s)
        try:
            yield from call
        except grpc.RpcError as error:
            raise self._failure(error) from None
        finally:
            call.cancel()

    def _failure(self, error: Any) -> BayplanError:
        code, text = error.code(), str(error.details())
        if code in _ANSWERED:
            return _ERRORS[code](text)
        text = f"{self._target}: {text}"
        if code is grpc.StatusCode.PERMISSION_DENIED:
            return NotAllowed(text)
        gone = (
            grpc.StatusCode.UNAVAILABLE,
            grpc.StatusCode.DEADLINE_EXCEEDED,
            grpc.StatusCode.RESOURCE_EXHAUSTED,
            grpc.StatusCode.CANCELLED,
        )
        return Unreachable(text) if code in gone else RemoteError(text)


def _channel(target: str, tls: Tls | None) -> grpc.Channel:
    if tls is None:
        return grpc.insecure_channel(target, options=_OPTIONS)
    options: list[tuple[str, Any]] = list(_OPTIONS)
    if tls.server_name:
        options.append(("grpc.ssl_target_name_override", tls.server_name))
    credentials = grpc.ssl_channel_credentials(
        _read(tls.ca), _read(tls.key), _read(tls.certificate)
    )
    return grpc.secure_channel(target, credentials, options=options)


def _read(path: Path | None) -> bytes | None:
    try:
        return None if path is None else path.read_bytes()
    except OSError as error:
        raise InputError(f"cannot be read ({error.strerror})", file=path) from None
