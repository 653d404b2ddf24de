"""A picture: shown by a notebook, or saved."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

from bayplan.scheduler.errors import InputError
from bayplan.traces.files import PathLike, display, write_data, write_text

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
            packed = BytesIO()
            try:
                self.figure.savefig(packed, format=Path(path).suffix[1:] or None)
            except ValueError:
                raise InputError(
                    f"{Path(path).suffix!r} is no kind of picture",
                    file=display(path),
                    fix="name a .svg, .png or .pdf",
                ) from None
            write_data(path, packed.getvalue())

    def _repr_svg_(self) -> str:
        from bayplan.simulator.outputs.plot import as_svg

        return as_svg(self.figure)
