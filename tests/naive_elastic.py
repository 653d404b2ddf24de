"""Pods for elastic jobs, said once more as plainly as possible; and all ways of giving them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product


@dataclass
class Job:
    """``worth[k]`` is that of the pod that comes when it has ``sure + k``."""

    sure: int
    most: int
    held: int
    milli: int
    worth: list[float]


def give_pods(jobs: Sequence[Job], free: int) -> tuple[list[int], int]:
    """Give pods one by one, from a list of all that are wanted; what each has, and what is left."""
    pods = [job.sure for job in jobs]
    done: set[int] = set()
    while True:
        wanted = []
        for j, job in enumerate(jobs):
            if j in done:
                continue
            worth = job.worth[pods[j] - job.sure] if pods[j] < job.most else -math.inf
            if worth == -math.inf or job.milli > free:
                done.add(j)
            else:
                wanted.append((-worth, pods[j] >= job.held, j))
        if not wanted:
            return pods, free
        _, _, j = min(wanted)
        pods[j] += 1
        free -= jobs[j].milli


def ways(
    least: Sequence[int], most: Sequence[int], milli: Sequence[int], room: int
) -> Iterator[tuple[int, ...]]:
    """Yield all ways to give each job so many pods that all of them have room."""
    for pods in product(*(range(a, b + 1) for a, b in zip(least, most, strict=True))):
        if sum(n * each for n, each in zip(pods, milli, strict=True)) <= room:
            yield pods
