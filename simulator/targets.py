"""Files to be written, checked before the work whose results they are to hold."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

from bayplan.scheduler.errors import InputError
from bayplan.traces.files import display

STDOUT = "-"


def check_writable(target: Path) -> None:
    """Check that a file can be written where it is to be.

    Raises
    ------
    InputError
        It cannot.
    """
    # Found out now, not after minutes of work: write where the result will be written.
    folder, shown = target.parent, display(target.parent)
    problem = ""
    if not folder.exists():
        problem, fix = f"there is no folder {shown}", f"make it with mkdir -p {shown}"
    elif not folder.is_dir():
        problem, fix = f"{shown} is not a folder", "name another folder"
    elif target.is_dir():
        problem, fix = "this is a folder", "name a file in it"
    else:
        try:
            with tempfile.TemporaryFile(dir=folder):
                return
        except OSError as error:
            problem = f"cannot write into {shown} ({error.strerror})"
            fix = "name a folder that you may write into"
    raise InputError(problem, file=display(target), fix=fix)


def check_targets(
    texts: Sequence[tuple[str, str | None]],
    plot: Path | None,
    read: Sequence[Path],
    made: Path | None = None,
) -> None:
    """Check the files that a command is to write.

    Parameters
    ----------
    texts
        Flags and the files that they name; ``-`` is stdout, None nothing.
    plot
        The file of ``--plot``.
    read
        Files that the command reads.
    made
        A folder that the command makes before it writes the plot, if it is not there yet.

    Raises
    ------
    InputError
        One cannot be written, is read, or is named twice; or a plot is not to be SVG.
    """
    files: dict[Path, str] = {}
    for flag, name in texts:
        if name is None or name == STDOUT:
            continue
        if name.startswith("-"):
            # The parser lets a hyphen through, so that - is one; a flag is not a file.
            raise InputError(f"{flag} without a file", fix="name one, or - for stdout")
        check_writable(Path(name))
        _add(files, flag, Path(name), read)
    if [name for _, name in texts].count(STDOUT) > 1:
        raise InputError(" and ".join(f for f, n in texts if n == STDOUT) + " both go to stdout",
                         fix="name a file")  # fmt: skip
    if plot is not None:
        if str(plot) == STDOUT:
            raise InputError("--plot -: a plot goes to a file", fix="name one, such as plot.svg")
        if made is None or made.exists() or plot.parent.resolve() != made.resolve():
            check_writable(plot)
        _add(files, "--plot", plot, read)
        if plot.suffix != ".svg":
            raise InputError(
                "a plot is SVG", file=display(plot), fix="give it a name that ends in .svg"
            )


def _add(files: dict[Path, str], flag: str, target: Path, read: Sequence[Path]) -> None:
    whole = target.resolve()
    if whole in files:
        raise InputError(
            f"{files[whole]} and {flag} name the same file", file=display(target), fix="name two"
        )
    if whole in {path.resolve() for path in read}:
        raise InputError("this file is read as input", file=display(target), fix="write to another")
    files[whole] = flag
