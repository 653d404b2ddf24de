"""Reads what an exporter writes: the text format of Prometheus, of which few lines are wanted.

Source: https://prometheus.io/docs/instrumenting/exposition_formats/.
"""

from __future__ import annotations

from prometheus_client.parser import text_string_to_metric_families

from bayplan.extender.health.shown import METRICS, Sample

_HEADS = tuple(f"{metric}{sign}" for metric in METRICS for sign in "{ ")


def read_exposition(text: str) -> list[Sample]:
    """Return the samples of the metrics that are wanted.

    Parameters
    ----------
    text
        The exposition.

    Raises
    ------
    ValueError
        A line cannot be read.
    """
    # Most lines are of other metrics, and the parser takes 20 µs for each.
    wanted = [line for line in text.splitlines() if line.startswith(_HEADS)]
    return [
        Sample(each.name, each.labels, float(each.value))
        for family in text_string_to_metric_families("\n".join(wanted) + "\n")
        for each in family.samples
    ]
