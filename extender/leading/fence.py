"""Whether pods may be bound by this extender: by whose kube-scheduler holds its Lease.

A kube-scheduler ends when it loses its Lease, but calls to bind that it has made are still in its
extender: members of a gang wait there for up to half of ``httpTimeout``. The other extender knows
nothing of the room that these have. The API server refuses to bind a pod twice, and to nobody the
GPUs of another pod. So a binding is sent only within ``gap_s`` of a look that showed the Lease with
the kube-scheduler beside us, and not before ``gap_s`` and a look's time after it was seen to come
to it: by then the extender before has ended, what it sent is bound, and our watch has shown it.
That holds however a Lease changes hands: over time, released, or deleted.
"""

from __future__ import annotations

from math import inf

from bayplan.extender.leading.settings import Timing


class Fence:
    """One extender's.

    Parameters
    ----------
    host
        What the identity of the kube-scheduler beside it begins with.
    timing
        How often is looked, and how far apart one and the next are.

    Attributes
    ----------
    holder
        Who was seen to hold the Lease last; empty: nobody.
    opens_s, closes_s
        Pods may be bound between these.
    """

    def __init__(self, host: str, timing: Timing) -> None:
        self._host, self._timing = host, timing
        self.holder = ""
        self.opens_s = inf
        self.closes_s = -inf

    def see(self, holder: str, begun_s: float, now_s: float) -> None:
        """Note who holds the Lease.

        Parameters
        ----------
        holder
            Its identity; empty: nobody.
        begun_s
            When the look began.
        now_s
            When the answer was there.
        """
        if not self._is_ours(holder):
            self.opens_s, self.closes_s = inf, -inf
        else:
            # After a time without a look somebody else may have held it.
            if holder != self.holder or begun_s >= self.closes_s:
                self.opens_s = now_s + self._timing.gap_s + self._timing.retry_s
            self.closes_s = begun_s + self._timing.gap_s
        self.holder = holder

    def is_ours(self, now_s: float) -> bool:
        """Whether the kube-scheduler beside us holds the Lease."""
        return now_s < self.closes_s

    def is_open(self, now_s: float) -> bool:
        """Whether pods may be bound."""
        return self.opens_s <= now_s < self.closes_s

    def _is_ours(self, holder: str) -> bool:
        # <host>_<uuid>: ``app/server.go`` of kube-scheduler.
        return holder.rpartition("_")[0] == self._host
