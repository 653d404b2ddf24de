"""Fewer points that look the same: a page stays small however long the run was."""

from __future__ import annotations

import numpy as np

from bayplan.simulator.report.room import FloatArray

CDF_POINTS = 400
SERIES_PARTS = 400


def cdf(values: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return values and the percentage of all that are at most so large: (n,) each, ascending.

    The values are percentiles as the metrics have them, linear between the sorted ones; at most
    ``CDF_POINTS``, closer together towards both ends, where a few jobs make the difference.

    Parameters
    ----------
    values
        At least one.
    """
    n = min(values.size, CDF_POINTS)
    even = np.linspace(0.0, np.pi, max(n, 2))
    percent = 50.0 * (1.0 - np.cos(even))
    return np.percentile(values, percent), percent


def extremes(time_s: FloatArray, values: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return at most two samples for each even part of the time: its lowest and its highest.

    A peak of one sample is still there; a short series is returned as it is.

    Parameters
    ----------
    time_s, values
        (n,) each, by time.
    """
    if time_s.size <= 2 * SERIES_PARTS:
        return time_s, values
    part = np.linspace(0, SERIES_PARTS, time_s.size, endpoint=False).astype(np.int64)
    starts = np.searchsorted(part, np.arange(SERIES_PARTS))
    stops = np.append(starts[1:], time_s.size)
    kept = {time_s.size - 1}
    for start, stop in zip(starts.tolist(), stops.tolist(), strict=True):
        kept.update(
            (start + int(values[start:stop].argmin()), start + int(values[start:stop].argmax()))
        )
    index = np.array(sorted(kept))
    return time_s[index], values[index]
