"""A picture: shown by a notebook, or saved."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from bayplan.traces.files import PathLike, write_text

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class Picture:
    """A picture that a notebook shows by itself.

    ``figure`` is Matplotlib's, to be changed before it is shown.
    """

    def __init__(self, figure: Figure) -> None:
        self.figure = figure

    def save(self, path: PathLike) -> None:
        """Write it into a file: SVG, or what else Matplotlib knows by the end of the name.

        Parameters
        ----------
        path
            The file.

        Raises
        ------
        InputError
            It cannot be written.
        """
        if Path(path).suffix == ".svg":
            write_text(path, self._repr_svg_())
        else:
            self.figure.savefig(path)

    def _repr_svg_(self) -> str:
        from bayplan.simulator.outputs.plot import as_svg

        return as_svg(self.figure)
