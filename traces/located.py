"""Errors of files whose records are counted from 1."""

from __future__ import annotations

from dataclasses import dataclass

from bayplan.scheduler.errors import InputError
from bayplan.traces.columns import BadRow


@dataclass(frozen=True, slots=True)
class Located:
    """A file by its name and the names of what its records have, for errors that name both."""

    name: str
    header: tuple[str, ...]

    def error(self, problem: str, fix: str = "", *, record: int | None = None) -> InputError:
        """Return the error that names the file and, given a record, its place.

        Parameters
        ----------
        problem
            What is wrong.
        fix
            What to do about it.
        record
            Index of the record, counted from 0; None for the whole file.
        """
        row = None if record is None else record + 1
        return InputError(problem, file=self.name, row=row, fix=fix)

    def bad_row(self, bad: BadRow) -> InputError:
        """Return the error for a record that breaks a rule."""
        problem = bad.problem if bad.also is None else bad.problem.format(also=bad.also + 1)
        return self.error(problem, bad.fix, record=bad.record)
