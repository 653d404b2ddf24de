"""The journal: what was added is there, what was cut short or damaged is not."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bayplan.scheduler.errors import InputError
from bayplan.simulator.sweep.journal import opened, rows_in
from bayplan.simulator.sweep.work import Row

ROWS = [
    Row(1, "", (0.1, 3, None)),
    Row(2, "what was wrong: ü", (None, None, None)),
    Row(3, "", (math.pi, -0.0, 1e300)),
]


def written(path: Path) -> Path:
    with opened(path) as journal:
        for row in ROWS:
            journal.add(row)
    return path


def test_what_was_added_is_read_as_it_was(tmp_path: Path) -> None:
    path = written(tmp_path / "j")
    assert rows_in(path) == {row.run: row for row in ROWS}
    with opened(path) as journal:
        assert list(journal.rows.values()) == ROWS
        assert isinstance(journal.rows[1].figures[1], int)  # a count stays one


def test_a_journal_cut_anywhere_has_its_whole_lines_and_can_be_gone_on_with(
    tmp_path: Path,
) -> None:
    data = written(tmp_path / "j").read_bytes()
    ends = [i + 1 for i, byte in enumerate(data) if byte == ord("\n")]
    for cut in range(len(data) + 1):
        path = tmp_path / "cut"
        path.write_bytes(data[:cut])
        whole = sum(end <= cut for end in ends)
        with opened(path) as journal:
            assert list(journal.rows.values()) == ROWS[:whole]
            for row in ROWS[whole:]:
                journal.add(row)
        assert path.read_bytes() == data


@given(st.data())
def test_no_changed_byte_goes_unnoticed(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    path = written(tmp_path_factory.mktemp("journal") / "j")
    content = bytearray(path.read_bytes())
    at = data.draw(st.integers(0, len(content) - 1))
    content[at] ^= data.draw(st.integers(1, 255))
    path.write_bytes(content)
    rows = rows_in(path)
    assert len(rows) < len(ROWS)
    assert all(row in ROWS for row in rows.values())


def test_one_sweep_at_a_time(tmp_path: Path) -> None:
    with (
        opened(tmp_path / "j"),
        pytest.raises(InputError, match="another sweep is writing it"),
        opened(tmp_path / "j"),
    ):
        pass
    with opened(tmp_path / "j"):
        pass


def test_without_a_file_nothing_is_done(tmp_path: Path) -> None:
    assert rows_in(tmp_path / "j") == {}
