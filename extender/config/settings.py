"""The settings of the parts, made of the values of a configuration file."""

from __future__ import annotations

from pathlib import Path

from bayplan.extender.config.health import health_settings
from bayplan.extender.config.keys import DRA, KOORDINATOR
from bayplan.extender.config.reading import Values
from bayplan.extender.http.settings import HttpSettings, TlsSettings
from bayplan.extender.live.settings import Gangs, Live, Rollback
from bayplan.extender.rpc.settings import RpcSettings
from bayplan.extender.service.settings import Service
from bayplan.scheduler.queues import QueueTree

SPARE_S = 0.5
"""Calls end so much before kube-scheduler gives them up."""


def http_settings(values: Values) -> HttpSettings:
    """Return how the extender is served."""
    tls = None
    if certificate := str(values["tls.certificate"]):
        ca = str(values["tls.client_ca"])
        key = Path(str(values["tls.key"]))
        tls = TlsSettings(Path(certificate), key, Path(ca) if ca else None)
    timeout_s = float(values["server.http_timeout_s"])
    return HttpSettings(
        host=str(values["server.host"]),
        port=int(values["server.port"]),
        prefix=str(values["server.prefix"]),
        max_body_bytes=int(values["server.max_body_mib"]) << 20,
        call_s=max(timeout_s / 2, timeout_s - SPARE_S),
        grace_s=int(values["server.grace_s"]),
        drain_s=float(values["server.drain_s"]),
        tls=tls,
    )


def rpc_settings(values: Values) -> RpcSettings | None:
    """Return how the gRPC service is served; None: it is not."""
    if not values["grpc.port"]:
        return None
    tls = None
    if certificate := str(values["grpc.certificate"]):
        ca = str(values["grpc.client_ca"])
        key = Path(str(values["grpc.key"]))
        tls = TlsSettings(Path(certificate), key, Path(ca) if ca else None)
    return RpcSettings(
        host=str(values["grpc.host"]),
        port=int(values["grpc.port"]),
        tls=tls,
        clients=_names(values["grpc.clients"]),
        admins=_names(values["grpc.admins"]),
        most_members=int(values["grpc.most_members"]),
        most_hold_s=float(values["grpc.most_hold_s"]),
        grace_s=float(values["server.grace_s"]),
    )


def _names(value: object) -> frozenset[str]:
    names = [name.strip() for name in str(value).split(",")]
    return frozenset(name for name in names if name)


def service_settings(values: Values, queues: QueueTree | None = None) -> Service:
    """Return how pods are placed and bound, within the limits of queues."""
    timeout_s = float(values["server.http_timeout_s"])
    health = health_settings(values)
    gangs = Gangs(
        hold_s=float(values["gangs.hold_s"]),
        settle_s=float(values["gangs.settle_s"]),
        rollback=Rollback(values["gangs.rollback"]),
    )
    live = Live(
        placement=str(values["placement.policy"]),
        seed=int(values["placement.seed"]),
        hold_s=float(values["placement.hold_s"]) or 2.0 * timeout_s,
        at_filter=bool(values["placement.at_filter"]),
        hami=bool(values["devices.hami"]),
        gpushare=bool(values["devices.gpushare"]),
        volcano=bool(values["devices.volcano"]),
        koordinator=bool(values[KOORDINATOR]),
        dra=bool(values[DRA]),
        gangs=gangs,
        health=None if health is None else health.judging,
        queues=queues,
    )
    return Service(
        live=live,
        bind_wait_s=timeout_s / 2,
        recompute_s=float(values["state.recompute_s"]),
        nudge=bool(values["state.nudge"]),
    )
