"""The registry of elasticity policies: who of those who run gets the pods that nobody waits for.

A policy says what each pod is worth; pods go one by one to whom the next one is worth most. A
package of your own adds one by an entry point in the group ``bayplan.elasticity`` that names a
factory: a callable that takes the ``Settings`` of a simulation and returns a policy for it.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np

from bayplan.scheduler.arrays import FloatArray
from bayplan.simulator.core.elastic.shares import SURE, Shares
from bayplan.simulator.core.plugins import Registry

__all__ = ["ELASTICITY", "Elasticity"]


class Elasticity(Protocol):
    """Says what pods are worth. ``moves``: pods are also taken from one who runs for another."""

    moves: bool

    def worth(self, shares: Shares) -> FloatArray:
        """Return the worth of each pod beyond the fewest: where ``shares.speeds`` has its speed.

        The worth that stands for a job's fewest pods is not looked at. -inf: it is not wanted,
        nor is any pod behind it; ``SURE`` or more: it is not given back for who waits.
        """


class Idle:
    """What is idle goes to the first in the queue's order, up to its most, then to the next.

    Nobody gives a pod back but for who waits, the last in the order first. So Volcano starts a
    job with its ``minAvailable`` pods, lets others join while there is room, and takes back those
    beyond the minimum alone.
    """

    moves = False

    def worth(self, shares: Shares) -> FloatArray:
        """Rank by place in the order."""
        return -shares.job_of().astype(np.float64)


class EqualShare:
    """The next pod goes to who has least: max-min fairness in milli-GPU, by water filling."""

    moves = True

    def worth(self, shares: Shares) -> FloatArray:
        """Rank by what the job has without the pod."""
        has = (shares.n_pods() - 1) * shares.milli[shares.job_of()]
        return -has.astype(np.float64)


class Marginal:
    """The next pod goes where it adds most work a second for its milli-GPU.

    Work is counted in GPU-seconds, seconds × GPUs that a job's work is stated for, so the sum that
    grows is that of ``effective_pct``. A pod that adds nothing is not taken. Greedy allocation of
    marginal gains: Peng et al., Optimus, EuroSys 2018, section 4.1; here of speed itself.
    """

    moves = True

    def worth(self, shares: Shares) -> FloatArray:
        """Rank by work a second more over milli-GPU more."""
        job = shares.job_of()
        more = (shares.speeds - shares.with_fewer()) * shares.gpus[job]
        return np.where(more > 0.0, more / shares.milli[job], -np.inf)


class Optimus:
    """The next pod goes where it shortens the time that a job has left most, for its milli-GPU.

    Source: Peng et al., Optimus, EuroSys 2018, section 4.1: the marginal gain of a worker is the
    reduction of the estimated completion time over the resources that it takes.
    """

    moves = True

    def worth(self, shares: Shares) -> FloatArray:
        """Rank by seconds saved over milli-GPU more."""
        job = shares.job_of()
        less_s = shares.left_s[job] * (1.0 / shares.with_fewer() - 1.0 / shares.speeds)
        return np.where(less_s > 0.0, less_s / shares.milli[job], -np.inf)


class Deadline:
    """First the fewest pods that meet each deadline, the earliest first; the rest by ``marginal``.

    The fewest pods that end a job's work by its deadline are its minimum satisfactory share (Gu et
    al., ElasticFlow, ASPLOS 2023, section 4), and kept from who waits. A job that no number of
    its pods brings there gets none for it. ElasticFlow plans such shares slot by slot ahead and
    turns jobs away that have none; here the share is one from now on, and nobody is turned away.
    """

    moves = True

    def worth(self, shares: Shares) -> FloatArray:
        """Rank the pods of satisfactory shares by deadline, above all others."""
        worth = Marginal().worth(shares)
        room_s = shares.deadline_s - shares.now_s
        order = np.lexsort((np.arange(room_s.size), shares.deadline_s)).tolist()
        for rank, j in enumerate(order):
            mine = slice(shares.first.item(j), shares.first.item(j + 1))
            meets = shares.left_s[j] / shares.speeds[mine] <= room_s[j]
            if meets.any():
                share = int(meets.argmax()) + 1
                worth[mine][:share] = SURE * (room_s.size - rank)
        return worth


ELASTICITY: Registry[Elasticity] = Registry(
    "elasticity",
    "bayplan.elasticity",
    {
        "idle": lambda _: Idle(),
        "equal-share": lambda _: EqualShare(),
        "marginal": lambda _: Marginal(),
        "optimus": lambda _: Optimus(),
        "deadline": lambda _: Deadline(),
    },
)
