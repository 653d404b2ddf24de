"""Asks a Prometheus server: which queries, and what its answers say.

Of thousands of GPUs hardly any is sick, so that only what is above 0 is asked for, and beside it
all of those nodes on which GPUs are quarantined: it has to be seen that they are well again.
Source: https://prometheus.io/docs/prometheus/latest/querying/api/ (instant queries, 3.x).
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from bayplan.extender.health.codes import LEVELS
from bayplan.extender.health.shown import COUNTED_XIDS, LAST_XID, METRICS, Sample

PATH = "/api/v1/query"


class _Series(msgspec.Struct):
    metric: dict[str, str]
    value: tuple[float, str]


class _Data(msgspec.Struct, rename={"result_type": "resultType"}):
    result_type: str
    result: msgspec.Raw


class _Answer(msgspec.Struct):
    status: str
    data: _Data | None = None
    error: str = ""


_answer = msgspec.json.Decoder(_Answer)
_series = msgspec.json.Decoder(list[_Series])


def queries(node_label: str, nodes: Iterable[str]) -> list[str]:
    """Return the queries that show all sick GPUs, and all GPUs of some nodes.

    Parameters
    ----------
    node_label
        The label that has the node's name.
    nodes
        The nodes.
    """
    sick = "|".join((LAST_XID, *COUNTED_XIDS, *LEVELS))
    found = [f'{{__name__=~"{sick}"}} > 0']
    # Names of nodes are of letters, digits, dots and dashes: only dots mean something else.
    names = "|".join(sorted(name.replace(".", "[.]") for name in nodes))
    if names:
        found.append(f'{{__name__=~"{"|".join(METRICS)}",{node_label}=~"{names}"}}')
    return found


def read_answer(body: bytes) -> list[Sample]:
    """Return the samples of an answer.

    Parameters
    ----------
    body
        The body of the answer.

    Raises
    ------
    ValueError
        It is no vector, or the server says that it failed.
    """
    answer = _answer.decode(body)  # its errors are ValueErrors
    if answer.status != "success" or answer.data is None:
        raise ValueError(f"the query failed: {answer.error or answer.status}")
    if answer.data.result_type != "vector":
        raise ValueError(f"the answer is a {answer.data.result_type} and no vector")
    return [
        Sample(each.metric.get("__name__", ""), each.metric, float(each.value[1]))
        for each in _series.decode(answer.data.result)
    ]
