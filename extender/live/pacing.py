"""How fast pods are evicted."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

MINUTE_S = 60.0


@dataclass(slots=True)
class Pace:
    """Counts evictions of the last minute; those that go together count at once."""

    _at_s: deque[float] = field(default_factory=deque)

    def allows(self, n: int, most: int, now_s: float) -> bool:
        """Whether ``n`` pods may be evicted now, of ``most`` in a minute.

        More go at once only where nobody was evicted for a minute: a gang is not left in part.
        """
        while self._at_s and self._at_s[0] <= now_s - MINUTE_S:
            self._at_s.popleft()
        return not self._at_s or len(self._at_s) + n <= most

    def spend(self, n: int, now_s: float) -> None:
        """Count ``n`` pods that are evicted."""
        self._at_s += [now_s] * n

    def give_back(self, n: int) -> None:
        """Count the latest ``n`` pods no longer: nobody was evicted after all."""
        for _ in range(n):
            self._at_s.pop()
