"""Gangs and single pods that come and go while servers are killed."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from time import monotonic

from ..controlplane.client import Client, Object, wait_for
from ..controlplane.pods import node_of
from .asking import gang, gang_of, ours
from .auditing import Audit
from .running import Extender

MEMBERS, GPUS = 16, 1
"""So many that a death meets some of a gang at the barrier, or between two bindings."""
IN_PART_S = 60.0
"""How long a gang may be bound in part: a limit of a hold, a kill and a start of Python."""


@dataclass(slots=True)
class Storm:
    """The pods so far, by name, and the gangs with how many members each starts.

    ``n_evicted`` members of gangs that were bound in part were evicted, and created anew. All
    randomness is of ``draw``.
    """

    extender: Extender
    draw: random.Random
    names: list[str] = field(default_factory=list)
    least: dict[str, int] = field(default_factory=dict)
    n: int = 0
    n_evicted: int = 0
    _things: dict[str, Object] = field(default_factory=dict)

    @property
    def client(self) -> Client:
        """A client that may do everything."""
        return self.extender.plane.client

    def create(self, gangs: int, singles: int) -> None:
        """Create pods, in an order by chance."""
        pods: list[Object] = []
        for _ in range(gangs):
            self.n += 1
            self.least[f"gang{self.n:04}"] = MEMBERS
            pods += gang(f"gang{self.n:04}", MEMBERS, GPUS)
        for _ in range(singles):
            self.n += 1
            pods.append(ours(f"single{self.n:04}", self.draw.choice((0, 1, 2))))
        self.draw.shuffle(pods)
        self.client.create_all(pods)
        named = {each["metadata"]["name"]: each for each in pods}
        self.names += named
        self._things |= named

    def replace_evicted(self) -> None:
        """Create members anew whose gang was rolled back, as the owner of a gang does.

        Raises
        ------
        AssertionError
            Somebody is gone whom no rollback evicts.
        """
        there = {each["metadata"]["name"] for each in self.client.list("Pod", "default")}
        gone = [self._things[name] for name in self.names if name not in there]
        assert all(gang_of(each) for each in gone), "a pod by itself is gone"
        self.client.create_all(gone)
        self.n_evicted += len(gone)

    def end_some(self, audit: Audit) -> None:
        """Delete pods that run, whole gangs, until at most half of the GPUs are asked for."""
        room = sum(has.get("nvidia.com/gpu", 0) for has in audit.room.values())
        most = room // 2 // (MEMBERS * GPUS)
        gangs: dict[str, list[str]] = {}
        singles: list[list[str]] = []
        for each in self.client.list("Pod", "default"):
            name = each["metadata"]["name"]
            if node_of(each) and gang_of(each):
                gangs.setdefault(gang_of(each), []).append(name)
            elif node_of(each):
                singles.append([name])
        whole = [names for names in gangs.values() if len(names) == MEMBERS]
        for names in [*whole[most:], *singles]:
            for name in names:
                self.client.delete("Pod", name)
                if name in self.names:
                    self.names.remove(name)

    def kill_extender(self) -> None:
        """Kill the extender and start it again."""
        self.extender.restart()

    def kill_api_server(self) -> None:
        """Kill the API server and start it again."""
        server = self.extender.plane.servers["kube-apiserver"]
        server.kill()
        server.start()

    def wait(self, audit: Audit, timeout_s: float = 120.0) -> None:
        """Wait until everybody is bound: gangs that run make way until the last have run.

        Raises
        ------
        AssertionError
            Somebody waits for too long, or a gang was in part for too long.
        """

        def all_bound() -> bool:
            self.replace_evicted()
            waiting = [each for each in self.client.list("Pod", "default") if not node_of(each)]
            if waiting:
                self.end_some(audit)
            return not waiting

        wait_for("everybody's node", all_bound, timeout_s)
        # Its watch may be a moment behind the list.
        wait_for("whole gangs", lambda: not audit.in_part_s(monotonic()), 10.0)
        assert all(took_s <= IN_PART_S for took_s in audit.slowest_s.values()), audit.slowest_s
