"""What a node keeps of images and models: those used longest ago make room first."""

from __future__ import annotations

from collections import OrderedDict


class Cache:
    """Names with their MiB, together never more than ``most_mib``.

    What is held is in use, or on its way, and stays. The others go in the order in which somebody
    last let go of them. As kubelet collects images: those not used for longest first, none that a
    container uses.
    """

    def __init__(self, most_mib: float) -> None:
        self._most_mib = most_mib
        self._mib: OrderedDict[str, int] = OrderedDict()
        self._held: dict[str, int] = {}
        self.used_mib = 0

    def __contains__(self, name: str) -> bool:
        return name in self._mib

    def items(self) -> list[tuple[str, int]]:
        """Return names and sizes, by name."""
        return sorted(self._mib.items())

    def held(self) -> list[str]:
        """Return the names that somebody holds, sorted."""
        return sorted(self._held)

    def add(self, name: str, mib: int) -> bool:
        """Keep something new, in place of what is not held; False when that leaves no room."""
        room = self._most_mib - self.used_mib
        going: list[str] = []
        for other, size in self._mib.items():
            if room >= mib:
                break
            if other not in self._held:
                going.append(other)
                room += size
        if room < mib:
            return False
        for other in going:
            self.drop(other)
        self._mib[name] = mib
        self.used_mib += mib
        return True

    def hold(self, name: str) -> None:
        """Let somebody use what is kept."""
        self._held[name] = self._held.get(name, 0) + 1

    def release(self, name: str) -> None:
        """Let somebody use it no more; it stays for others."""
        left = self._held.pop(name) - 1
        if left:
            self._held[name] = left
        self._mib.move_to_end(name)

    def drop(self, name: str) -> None:
        """Keep something no longer."""
        self.used_mib -= self._mib.pop(name)

    def copy(self) -> Cache:
        """Return a cache of its own."""
        twin = Cache(self._most_mib)
        twin._mib, twin._held = self._mib.copy(), dict(self._held)
        twin.used_mib = self.used_mib
        return twin
