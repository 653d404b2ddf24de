"""What a source shows of GPUs: samples of metrics, gathered by node and GPU.

DCGM exporter writes a sample a GPU, or one for each MIG instance or pod on it. A GPU that never had
an Xid may have no such series at all, so that others tell that it is there.
Source: the default counters of DCGM exporter (``etc/default-counters.csv``, 4.x).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from math import isfinite
from typing import NamedTuple

from bayplan.extender.health.codes import LEVELS, xid_name

LAST_XID = "DCGM_FI_DEV_XID_ERRORS"
"""The last Xid of a GPU since DCGM was started; 0 before the first."""
COUNTED_XIDS = ("DCGM_EXP_XID_ERRORS_COUNT", "DCGM_EXP_XID_ERRORS_TOTAL")
"""How many Xids there were, by the label ``xid``: the last one hides those before it."""
ALWAYS_THERE = ("DCGM_FI_DEV_GPU_TEMP", "DCGM_FI_DEV_POWER_USAGE", "DCGM_FI_DEV_FB_USED",
                "DCGM_FI_DEV_GPU_UTIL")  # fmt: skip

METRICS = (LAST_XID, *COUNTED_XIDS, *LEVELS, *ALWAYS_THERE)
"""All that is read."""

UUID, INDEX, XID_LABEL = "UUID", "gpu", "xid"

BLANK = 0x7FFFFFF0
"""Values from here on say that there is none (``DCGM_INT32_BLANK``, ``DCGM_INT64_BLANK``)."""


class Sample(NamedTuple):
    """A sample of a metric."""

    metric: str
    labels: Mapping[str, str]
    value: float


@dataclass(slots=True)
class Gpu:
    """A GPU as a source shows it.

    Attributes
    ----------
    index
        Its number on the node; -1 where nobody says.
    xids
        The Xids that are shown.
    levels
        By the code's name whether it is so; without those that are not shown.
    """

    index: int = -1
    xids: set[int] = field(default_factory=set)
    levels: dict[str, bool] = field(default_factory=dict)

    def has(self, code: str) -> bool:
        """Whether the source shows what a code names."""
        return self.levels.get(code, False) or any(xid_name(xid) == code for xid in self.xids)


Gpus = Mapping[str, Gpu]
"""GPUs by uuid."""


def gather(samples: Iterable[Sample], node_label: str) -> dict[str, dict[str, Gpu]]:
    """Return the GPUs that samples show, by node; the order of samples does not matter.

    Parameters
    ----------
    samples
        Samples of any metrics; those without a node or a uuid are passed over.
    node_label
        The label that has the node's name.
    """
    found: dict[str, dict[str, Gpu]] = {}
    for sample in samples:
        node, uuid = sample.labels.get(node_label, ""), sample.labels.get(UUID, "")
        if node and uuid and sample.metric in METRICS:
            gpu = found.setdefault(node, {}).setdefault(uuid, Gpu())
            gpu.index = max(gpu.index, _number(sample.labels.get(INDEX, "")))
            if isfinite(sample.value) and 0 <= sample.value < BLANK:
                _note(gpu, sample)
    return found


def _note(gpu: Gpu, sample: Sample) -> None:
    if sample.metric == LAST_XID:
        gpu.xids |= {int(sample.value)} - {0}
    elif sample.metric in COUNTED_XIDS:
        xid = _number(sample.labels.get(XID_LABEL, ""))
        if sample.value > 0 and xid > 0:
            gpu.xids.add(xid)
    elif sample.metric in LEVELS:
        name = LEVELS[sample.metric].name
        gpu.levels[name] = gpu.levels.get(name, False) or sample.value > 0


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 10 else -1
