"""The commands of ``bayplan remote``: they read arguments, ask an extender, and print."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import App, Parameter, Token

from bayplan.cli_connecting import client_of

if TYPE_CHECKING:
    from bayplan.extender.remote import Client
    from bayplan.scheduler.types import Request

remote = App(name="remote", help="Ask an extender that runs, by its gRPC service.")


def _whole(type_: object, tokens: Sequence[Token]) -> int:
    text = tokens[0].value
    if not text.isdecimal():
        raise ValueError(f"{text!r} is no whole number")
    return int(text)


Whole = Annotated[int, Parameter(converter=_whole)]


@Parameter(name="*")
@dataclass(frozen=True)
class Where:
    """How the extender is reached.

    Parameters
    ----------
    at
        Host and port of the service.
    ca
        File of what the server's certificate must be signed by; without it plain HTTP/2 is spoken.
    certificate
        File of this client's certificate.
    key
        File of its private key.
    server_name
        Name in the server's certificate, where it is not the host.
    """

    at: Annotated[str, Parameter(env_var="BAYPLAN_REMOTE")] = "127.0.0.1:9444"
    ca: Path | None = None
    certificate: Path | None = None
    key: Path | None = None
    server_name: str = ""


@Parameter(name="*")
@dataclass(frozen=True)
class Asks:
    """What is asked for.

    Parameters
    ----------
    uid
        Your name for who asks.
    cpu_milli
        CPU, in millicores.
    memory_mib
        Memory, in MiB.
    gpus
        Whole GPUs; with --milli or --gpu-memory-mib, GPUs to have a share of.
    milli
        Share of a GPU's compute: 1000 is all of it.
    gpu_memory_mib
        Share of a GPU's memory, in MiB.
    mig
        MIG profile, such as 1g.10gb; --gpus says how many instances.
    model
        GPU models that will do, separated by commas.
    priority
        Priority.
    """

    uid: str = "asked"
    cpu_milli: Whole = 0
    memory_mib: Whole = 0
    gpus: Whole = 0
    milli: Whole = 0
    gpu_memory_mib: Whole = 0
    mig: str = ""
    model: str = ""
    priority: int = 0


HERE, NOTHING = Where(), Asks()


def register(app: App) -> None:
    """Add the commands to the program."""
    app.command(remote)


@remote.command
def decide(
    *,
    asks: Asks = NOTHING,
    where: Where = HERE,
    nodes: str = "",
    commit: bool = False,
    hold_s: float = 0.0,
    why: bool = False,
    json: bool = False,
) -> int:
    """Say where a request would go now. Exit code 1: nowhere.

    Parameters
    ----------
    nodes
        Nodes to choose from, separated by commas; without it all.
    commit
        Take the room, too.
    hold_s
        Keep it for so long unless it is committed again; 0: until `bayplan remote release`.
    why
        Say at length why nowhere, and what would help.
    json
        Print JSON.
    """
    from bayplan.extender.remote import showing

    request = _request(asks)
    with _client(where) as client:
        decision = client.decide(request, _names(nodes))
        until_s = None
        if commit and decision.placement is not None:
            until_s = client.commit(decision, hold_s=hold_s)
        said = client.explain(request) if why and decision.placement is None else ""
    if json:
        data = showing.decision_data(decision)
        print(showing.as_json(data | {"committed": commit, "until_s": until_s}))
    else:
        print(said or showing.decision_text(decision))
    return int(decision.placement is None)


@remote.command
def preempt(
    *, asks: Asks = NOTHING, where: Where = HERE, nodes: str = "", json: bool = False
) -> int:
    """Say which pods would have to be evicted for a request. Exit code 1: evicting does not help.

    Parameters
    ----------
    nodes
        Nodes to choose from, separated by commas; without it all.
    json
        Print JSON.
    """
    from bayplan.extender.remote import showing

    with _client(where) as client:
        found = client.preempt(_request(asks), _names(nodes))
    print(
        showing.as_json(showing.preemption_data(found)) if json else showing.preemption_text(found)
    )
    return int(not found.nodes)


@remote.command
def release(*uids: str, where: Where = HERE) -> int:
    """Give committed room back. Exit code 1: a uid had none.

    Parameters
    ----------
    uids
        The uids.
    """
    with _client(where) as client:
        released = client.release(*uids)
    for uid in uids:
        print(f"{uid} {'is released' if uid in released else 'has no room'}")
    return int(len(released) < len(uids))


@remote.command
def explain(what: str, *, where: Where = HERE) -> None:
    """Say why a pod is where it is, or nowhere.

    Parameters
    ----------
    what
        A pod of the cluster as NAMESPACE/NAME, or a uid with committed room.
    """
    with _client(where) as client:
        print(client.explain(what))


@remote.command
def snapshot(*, where: Where = HERE, json: bool = False, nodes: Path | None = None) -> None:
    """Print the state: nodes with what is free, and who has room.

    Parameters
    ----------
    json
        Print all of it, as JSON.
    nodes
        Write what is free of the nodes into this file instead, as a node list (CSV) for
        `bayplan simulate --cluster.file`. Nodes that take no pods without a toleration are left
        out.
    """
    from bayplan.extender.remote import showing

    with _client(where) as client:
        state = client.snapshot()
    if nodes is None:
        print(showing.as_json(state) if json else showing.snapshot_text(state))
        return
    from bayplan.extender.remote.nodes import free_nodes, is_open
    from bayplan.traces import node_table, write_nodes

    every = free_nodes(state)
    usable = [node for node in every if is_open(node)]
    write_nodes(node_table(usable), nodes)
    print(f"{nodes}: {len(usable):,} of {len(every):,} nodes")


@remote.command
def watch(*, where: Where = HERE, json: bool = False) -> None:
    """Print what is decided from now on, a line each, until Ctrl-C.

    Parameters
    ----------
    json
        Print each line as JSON.
    """
    from bayplan.extender.remote import showing

    with _client(where) as client:
        for event in client.watch():
            print(showing.as_json(event) if json else showing.event_text(event))
            sys.stdout.flush()


def _client(where: Where) -> Client:
    return client_of(where.at, where.ca, where.certificate, where.key, where.server_name)


def _request(asks: Asks) -> Request:
    from bayplan.scheduler.types import (
        DeviceRequest,
        GpuShare,
        MigInstances,
        Request,
        WholeGpus,
    )

    count, share = asks.gpus or 1, bool(asks.milli or asks.gpu_memory_mib)
    ask: WholeGpus | GpuShare | MigInstances | None = None
    if asks.mig:
        ask = MigInstances(asks.mig, count)
    elif share:
        ask = GpuShare(asks.milli, asks.gpu_memory_mib, count)
    elif asks.gpus:
        ask = WholeGpus(asks.gpus)
    devices = () if ask is None else (DeviceRequest(ask, _names(asks.model)),)
    return Request(asks.uid, asks.cpu_milli, asks.memory_mib, devices, priority=asks.priority)


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())
