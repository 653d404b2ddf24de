"""Giving out pods against a plain twin."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

import naive_elastic as naive
from bayplan.kernels.elastic import give_pods
from naive_elastic import Job
from strategies import ints

WORTHS = (-np.inf, -1.0, 0.0, 0.5, 0.5, 1.0, 2.0, np.inf)
"""Few, so that many are equal."""


@st.composite
def jobs(draw: st.DrawFn) -> Job:
    sure = draw(st.integers(0, 3))
    worth = draw(st.lists(st.sampled_from(WORTHS), max_size=5))
    most = sure + draw(st.integers(0, len(worth)))
    return Job(sure, most, draw(st.integers(0, 8)), draw(st.sampled_from((1, 2, 3, 500))), worth)


@given(st.lists(jobs(), max_size=5), st.integers(0, 12) | st.just(2_000))
def test_pods_go_where_they_are_worth_most(scene: list[Job], free: int) -> None:
    pods = ints([job.sure for job in scene])
    lengths = [len(job.worth) for job in scene]
    ends = np.cumsum([0, *lengths]).tolist()
    first = [end - job.sure for end, job in zip(ends, scene, strict=False)]
    left = give_pods(
        pods,
        ints([job.most for job in scene]),
        ints([job.held for job in scene]),
        ints([job.milli for job in scene]),
        ints(first),
        np.array([each for job in scene for each in job.worth], np.float64),
        free,
    )
    assert (pods.tolist(), left) == naive.give_pods(scene, free)
    assert (
        0
        <= left
        == free
        - sum((n - job.sure) * job.milli for n, job in zip(pods.tolist(), scene, strict=True))
    )
