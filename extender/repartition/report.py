"""``bayplan extender repartition``: reads a cluster and prints what would be changed in it."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from urllib.parse import urlencode

import msgspec

from bayplan.extender.api import ApiError, Connection
from bayplan.extender.config.policy import check_policy
from bayplan.extender.config.queues import read_tree
from bayplan.extender.config.reading import read_config
from bayplan.extender.config.settings import service_settings
from bayplan.extender.connecting import connection_of
from bayplan.extender.live.owner import Owner
from bayplan.extender.repartition.asking import Outlook, case_of, outlook, wants_of
from bayplan.extender.repartition.configuring import repartition_settings
from bayplan.extender.repartition.observing import Watched
from bayplan.extender.repartition.planning import Planned, plan
from bayplan.extender.repartition.settings import Repartition
from bayplan.extender.watch.kinds import KINDS, Kind
from bayplan.scheduler.errors import InputError
from bayplan.traces.kubernetes.objects import Object, dict_of, metadata_of, objects_in

WIDTH = 80
MOST_PLANNED = 20
"""Nodes that a plan names; with ``max_nodes`` they are changed one after the other."""
_PAGE = 500
_NOT_FOUND = 404


def repartition(config: Path | None, kubeconfig: Path | None) -> int:
    """Print which nodes would be repartitioned, and why others would not; return the exit code.

    Parameters
    ----------
    config
        The extender's configuration; None: all defaults.
    kubeconfig
        How the cluster is reached; None: as the configuration says.

    Raises
    ------
    InputError
        A file cannot be used, or the API server cannot be asked.
    """
    values = dict(read_config(config))
    check_policy(config, values)
    if kubeconfig is not None:
        values["api.kubeconfig"] = str(kubeconfig)
    settings = repartition_settings(values)
    connection = connection_of(values, "name a kubeconfig: --kubeconfig")
    service = service_settings(values, read_tree(config, values))
    owner, watched, now_s = Owner(service.live), Watched(), time.time()
    try:
        for kind in KINDS:
            _list_into(connection, kind, owner, watched, now_s)
    except ApiError as error:
        raise InputError(str(error), fix="name the cluster's kubeconfig: --kubeconfig") from None
    seen = outlook(owner, watched, wants_of(owner, watched, now_s, settings), now_s, settings)
    planned = plan(case_of(owner, watched, seen, now_s, settings), MOST_PLANNED)
    sys.stdout.write(table(watched, seen, planned, settings, on=bool(values["repartition.on"])))
    return 0


def table(
    watched: Watched, seen: Outlook, planned: Sequence[Planned], settings: Repartition, *, on: bool
) -> str:
    """Return a plan and what it rests on as text of at most 80 columns.

    Parameters
    ----------
    watched, seen
        What was seen.
    planned
        The plan.
    settings
        What it goes by.
    on
        Whether the extender carries it out.
    """
    n_pods = sum(len(each.uids) for each in seen.wants)
    helped = sum(len(each.pods) for each in planned)
    head = f"Pods that wait for GPUs for {settings.wait_s:.0f} s or longer: {n_pods}\n"
    head += f"Nodes that would be changed: {len(planned)} of {len(watched.nodes)},"
    head += f" with room for {helped} of them then\n"
    order = {each.node: index for index, each in enumerate(planned)}
    rows = [("NODE", "NOW", "TO", "WHY")]
    for each in planned:
        pods = f"room for {len(each.pods)}: {', '.join(each.pods)}"
        rows.append((each.node, watched.nodes[each.node].config or "-", each.config, pods))
    for name in sorted(watched.nodes):
        if name not in order:
            why = seen.refused.get(name, "it would help nobody else")
            rows.append((name, watched.nodes[name].config or "-", "-", why))
    foot = "" if on else "repartition.on is off: the extender changes nothing.\n"
    return head + ("\n" + _columns(rows) if len(rows) > 1 else "") + foot


def _columns(rows: Sequence[tuple[str, str, str, str]]) -> str:
    """Return rows in columns; what is too long ends in an ellipsis."""
    widths = [min(max(len(row[k]) for row in rows), most) for k, most in enumerate((24, 16, 16))]
    widths.append(WIDTH - sum(widths) - 2 * len(widths))
    lines = []
    for row in rows:
        cells = [_cut(cell, width).ljust(width) for cell, width in zip(row, widths, strict=True)]
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines) + "\n"


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else text[: width - 1] + "…"


def _list_into(
    connection: Connection, kind: Kind, owner: Owner, watched: Watched, now_s: float
) -> None:
    """Let the live state see all objects of a kind; of one that is not served there are none."""
    owner.replacing(kind.name)
    watched.replacing(kind.name)
    for things in _pages(connection, kind):
        owner.page(kind.name, things, now_s)
        watched.page(kind.name, things)
    owner.replaced(kind.name, now_s)
    watched.replaced(kind.name)


def _pages(connection: Connection, kind: Kind) -> Iterator[list[Object]]:
    for version in kind.versions:
        token = ""
        while True:
            query = {"limit": str(_PAGE), "continue": token, "fieldSelector": kind.fields}
            asked = urlencode({key: value for key, value in query.items() if value})
            try:
                reply = connection.send("GET", f"{kind.path(version)}?{asked}")
            except ApiError as error:
                if error.status == _NOT_FOUND and not token:
                    break  # not served in this version
                raise
            found: Object = msgspec.json.decode(reply.data)
            yield objects_in(dict_of(found).get("items"))
            token = str(metadata_of(found).get("continue") or "")
            if not token:
                return
