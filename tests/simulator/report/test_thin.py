from __future__ import annotations

import numpy as np
import pytest

from bayplan.simulator.report.thin import CDF_POINTS, SERIES_PARTS, cdf, extremes


def test_a_distribution_has_the_percentiles_of_the_metrics_and_its_ends() -> None:
    values = np.random.default_rng(1).lognormal(5, 2, 100_000)
    at, percent = cdf(values)
    assert at.size == percent.size == CDF_POINTS
    assert (at[0], at[-1]) == (values.min(), values.max())
    assert (np.diff(at) >= 0).all()
    assert (np.diff(percent) > 0).all()
    for p, value in zip(percent[::50], at[::50], strict=True):
        assert value == pytest.approx(np.percentile(values, p))


def test_one_job_is_a_distribution() -> None:
    at, percent = cdf(np.array([3.0]))
    assert at.tolist() == [3.0, 3.0]
    assert percent.tolist() == [0.0, 100.0]


def test_a_long_series_keeps_its_peaks_and_both_ends() -> None:
    values = np.zeros(123_457)
    values[77_777], values[100_001] = 5.0, -3.0
    time, kept = extremes(np.arange(0.0, 2.0 * values.size, 2.0), values)
    assert time.size <= 2 * SERIES_PARTS + 1
    assert (np.diff(time) > 0).all()
    assert kept[time == 2 * 77_777] == [5.0]
    assert kept[time == 2 * 100_001] == [-3.0]
    assert (time[0], time[-1]) == (0.0, 2.0 * (values.size - 1))


def test_a_short_series_is_left_alone() -> None:
    time = np.arange(2.0 * SERIES_PARTS)
    assert extremes(time, time)[0] is time
