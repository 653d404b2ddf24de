"""Registries of the simulator's extension points: ours by name, and those of other packages."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from importlib.metadata import entry_points
from typing import Generic, TypeVar

from bayplan.scheduler.errors import InputError
from bayplan.simulator.core.settings import Settings

Made = TypeVar("Made")


class Registry(Generic[Made]):
    """Factories by name; a factory takes the settings of the simulation that it makes one for.

    Parameters
    ----------
    what
        What messages call one of them.
    group
        The group of entry points in which other packages name theirs.
    ours
        What Bayplan ships. Nobody can take these names.
    """

    def __init__(
        self, what: str, group: str, ours: Mapping[str, Callable[[Settings], Made]]
    ) -> None:
        self.what = what
        self.group = group
        self._ours = dict(ours)

    def names(self) -> list[str]:
        """Return all names: ours in the table's order, then the plug-ins', sorted."""
        plugins = {entry.name for entry in entry_points(group=self.group)}
        return [*self._ours, *sorted(plugins - self._ours.keys())]

    def make(self, name: str, settings: Settings) -> Made:
        """Return one by name.

        Raises
        ------
        InputError
            There is none of that name, or a plug-in cannot be loaded.
        """
        if name in self._ours:
            return self._ours[name](settings)
        for entry in entry_points(group=self.group, name=name):
            try:
                made: Made = entry.load()(settings)
            except Exception as error:  # whatever the plug-in raises, name the plug-in
                raise InputError(
                    f"{self.what} {name}: plug-in {entry.value} cannot be loaded ({error})",
                    fix="mend or uninstall the package that provides it",
                ) from error
            return made
        names = self.names()
        near = difflib.get_close_matches(name, names, n=1)
        fix = f"did you mean {near[0]!r}?" if near else f"choose from {', '.join(names)}"
        raise InputError(f"unknown {self.what} {name!r}", fix=fix)
