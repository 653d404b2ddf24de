"""Requests one by one, or in tiny parcels: what the fluid of a service must agree with."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

Piece = tuple[float, float, float]
"""How long, requests a second, capacity a second."""


@dataclass
class Counts:
    """What became of requests; ``waits`` are (how many, how long) of those that were served."""

    offered: float
    served: float
    dropped: float
    backlog: float
    waits: list[tuple[float, float]]

    @property
    def wait_sum(self) -> float:
        return sum(number * wait for number, wait in self.waits)


def flow(
    pieces: Sequence[Piece], step_s: float, limit: float = float("inf"), timeout_s: float = 1e18
) -> Counts:
    """Let parcels come and go in steps: each step brings one, and serves from the front."""
    found = Counts(0.0, 0.0, 0.0, 0.0, [])
    queue: deque[list[float]] = deque()
    now_s = 0.0
    for span_s, per_s, capacity in pieces:
        for _ in range(round(span_s / step_s)):
            came = per_s * step_s
            found.offered += came
            room = max(0.0, limit + capacity * step_s - found.backlog)
            found.dropped += max(0.0, came - room)
            if min(came, room) > 0.0:
                queue.append([now_s, min(came, room)])
                found.backlog += min(came, room)
            left = capacity * step_s
            while queue and left > 1e-12:
                came_s, number = queue[0]
                taken = min(number, left)
                found.served += taken
                found.waits.append((taken, now_s - came_s))
                found.backlog -= taken
                left -= taken
                queue[0][1] -= taken
                if queue[0][1] <= 1e-12:
                    queue.popleft()
            now_s += step_s
            while queue and now_s - queue[0][0] > timeout_s:
                found.dropped += queue[0][1]
                found.backlog -= queue.popleft()[1]
    return found
