"""Who holds a Lease and for how long: a state machine without I/O or clock.

The method is that of client-go's ``tools/leaderelection``. Whoever does not hold the Lease notes
when it last saw it change, and takes it ``lease_s`` after that; its holder acts until ``renew_s``
after it began to write its last renewal. Both times are of the own monotonic clock and the times
in the Lease are not looked at, so clocks may differ and jump. As long as they run equally fast,
nobody leads before the one before has ended: a renewal is seen after it began to be written, and
``renew_s`` < ``lease_s``. The API server lets nobody write on a version that is not the latest.
"""

from __future__ import annotations

from dataclasses import replace
from math import inf

from bayplan.extender.leading.lease import Record, time_text
from bayplan.extender.leading.settings import Timing


class Election:
    """One contender.

    Parameters
    ----------
    identity
        Its own, which no other process has.
    timing
        How long a Lease holds.

    Attributes
    ----------
    until_s
        It leads until then, by its own clock.
    seen
        The Lease as it was seen last.
    """

    def __init__(self, identity: str, timing: Timing) -> None:
        self.identity, self._timing = identity, timing
        self.until_s = -inf
        self.seen = Record()
        self._changed_s = -inf

    def leads(self, now_s: float) -> bool:
        """Whether it leads."""
        return now_s < self.until_s

    def see(self, record: Record, now_s: float) -> None:
        """Note how the Lease is; one without a version is not there.

        Parameters
        ----------
        record
            As it was read.
        now_s
            When the answer was there.
        """
        if record.version != self.seen.version:
            self._changed_s = now_s
        self.seen = record
        if record.holder != self.identity:
            self.until_s = -inf

    def write(self, now_s: float, wall_s: float, *, wanted: bool) -> Record | None:
        """Return what is to be written on the version that was seen; None: nothing.

        Who is to lead no longer ends at once, and lets others lead by the next write.

        Parameters
        ----------
        now_s
            The time.
        wall_s
            The time of day, which is written for people.
        wanted
            Whether it is to lead.
        """
        seen, holds = self.seen, self.seen.holder == self.identity
        if not wanted:
            led, self.until_s = self.leads(now_s), -inf
            # What was being written as it led is to arrive before somebody else leads.
            return self._released(wall_s) if holds and not led else None
        if not holds and self._is_held(now_s):
            return None
        renewed = time_text(wall_s, seen.renewed)
        return replace(
            seen,
            holder=self.identity,
            lease_s=self._timing.lease_s,
            renewed=renewed,
            acquired=seen.acquired if holds else renewed,
            transitions=seen.transitions + (not holds and bool(seen.version)),
        )

    def written(self, record: Record, begun_s: float, now_s: float) -> None:
        """Note that what was to be written is there.

        Parameters
        ----------
        record
            As the API server has it now.
        begun_s
            When it began to be written.
        now_s
            When the answer was there.
        """
        self.see(record, now_s)
        if record.holder == self.identity:
            self.until_s = begun_s + self._timing.renew_s

    def _is_held(self, now_s: float) -> bool:
        """Whether somebody may still lead; whoever held one that was deleted does for a while."""
        if not self.seen.version:
            return now_s < self._changed_s + self._timing.lease_s
        return bool(self.seen.holder) and now_s < self._changed_s + self.seen.lease_s

    def _released(self, wall_s: float) -> Record:
        """Return a Lease that others may take at once."""
        renewed = time_text(wall_s, self.seen.renewed)
        return replace(self.seen, holder="", lease_s=1, renewed=renewed)
