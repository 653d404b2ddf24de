"""What an allocation leaves of the rest: fragmentation of devices that share counters.

A small MIG device on an idle GPU takes the whole GPU and every larger device there out of what can
be given; on a GPU that is broken already it takes little. The loss is counted over all devices that
a driver publishes, each by its size. The idea is that of policies for MIG that keep most options
open, such as ``mig-max-options`` of the engine.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from bayplan.traces.kubernetes.dra.allocating import Pick
from bayplan.traces.kubernetes.dra.room import WHOLE, Room


class Cost(NamedTuple):
    """What a placement costs, the less the better: what is lost, then what stays free beside it.

    Both in thousandths of devices. Of nodes that lose as much the fullest is the best fit.
    """

    lost: int
    free: int


def cost_of(room: Room, picks: Iterable[Pick]) -> Cost:
    """Return what some picks cost.

    Parameters
    ----------
    room
        What is left before; it is as before afterwards.
    picks
        The devices.
    """
    taken = [pick for pick in picks if not pick.admin]
    before = _worth(room)
    for pick in taken:
        room.take(pick.place, pick.part)
    after = _worth(room)
    for pick in reversed(taken):
        room.put_back(pick.place, pick.part)
    return Cost(before - after, after)


def _worth(room: Room) -> int:
    """Return the sum of the devices that can be given, each by its size.

    A shared device counts by the part that is free, and once more while it is idle.
    """
    stock, worth = room.stock, 0
    for place, size in enumerate(stock.plan.sizes):
        device = stock.devices[place]
        if device.taints or not room.is_free(place):
            continue
        worth += size
        if device.shared:
            worth += size * room.free_share(place) // WHOLE - (0 if room.is_idle(place) else size)
    return worth
