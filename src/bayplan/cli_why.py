"""The command ``bayplan why``: asks a running extender, or looks into a dump, and prints lines."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import App, Parameter

from bayplan.scheduler.errors import InputError

if TYPE_CHECKING:
    from bayplan.scheduler.explaining.brief import Brief

URL = "http://127.0.0.1:9443"
"""Where an extender is after ``kubectl port-forward``."""


def register(app: App) -> None:
    """Add the command to the program."""
    app.command(why)


def why(
    name: str,
    *,
    url: str = URL,
    dump: Annotated[
        tuple[Path, ...], Parameter(allow_leading_hyphen=True, show_default=False)
    ] = (),
    ca: Path | None = None,
    certificate: Path | None = None,
    key: Path | None = None,
    json: bool = False,
) -> None:
    """Say why a pod or gang waits and what would help, or why it is where it is.

    The same lines are in the Events of a pod that waits. Nothing is changed anywhere.

    Parameters
    ----------
    name
        The pod, or else the gang: NAMESPACE/NAME, or NAME in the namespace default.
    url
        A running extender: kubectl -n bayplan port-forward deployment/bayplan 9443.
    dump
        A Kubernetes cluster to look into instead, from `kubectl get nodes,pods -A -o json`; may
        be gzip, or - for stdin; give it again for more files of the same cluster.
    ca
        What has signed the extender's certificate (PEM), for https.
    certificate
        Certificate to show the extender (PEM), where it asks for one.
    key
        Private key of the certificate (PEM).
    json
        Print JSON.
    """
    name = name if "/" in name else f"default/{name}"
    if not all(name.partition("/")) or name.endswith("/"):
        raise InputError(f"{name!r} is no pod or gang", fix="write NAMESPACE/NAME")
    if dump and (url != URL or ca or certificate or key):
        raise InputError("--dump beside a running extender", fix="give one or the other")
    if key is not None and certificate is None:
        raise InputError("--key without --certificate", fix="name the certificate, too")
    _show(_in_dump(dump, name) if dump else _at_url(name, url, ca, certificate, key), json=json)


def _at_url(name: str, url: str, ca: Path | None, cert: Path | None, key: Path | None) -> Brief:
    from bayplan.extender.reaching import Server, brief_at

    return brief_at(Server(url, ca, cert, key), name)


def _in_dump(dump: tuple[Path, ...], name: str) -> Brief:
    from bayplan.simulator.plan.why import brief_in_dump

    return brief_in_dump(dump, name)


def _show(brief: Brief, *, json: bool) -> None:
    if json:
        from json import dumps

        from bayplan.scheduler.explaining.brief import as_data

        sys.stdout.write(dumps(as_data(brief), indent=2, ensure_ascii=False) + "\n")
        return
    from bayplan.scheduler.explaining.lines import text_of

    sys.stdout.write(text_of(brief) + "\n")
