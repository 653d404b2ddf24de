from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bayplan.scheduler.errors import InputError
from bayplan.traces import bulk
from bayplan.traces.columns import Column
from bayplan.traces.reading import CsvFile, read_columns

COLUMNS = (
    Column("name", "str", "", "", required=True),
    Column("whole", "int64", "units", "", default=5, minimum=-9, maximum=99),
    Column("must", "int64", "units", "", required=True),
    Column("real", "float64", "seconds", "", default=float("nan")),
    Column("word", "str", "", "", default="none"),
)
HEADER = tuple(column.name for column in COLUMNS)

ODD = [
    "", " ", "+4", "-0", "007", "1.0", "1e2", " 3", "3 ", "1_000", "inf", "nan", "NaN", "Infinity",
    "1e400", "9223372036854775807", "9223372036854775808", "0x10", "true", "null", "٣", "é", "#a",
    "a\rb", '"q"', '"', "0.1", "123456789.123456789", "5e-324", "\x00", ".5", "5.", "-", "1,2",
]  # fmt: skip
CELLS = st.one_of(
    st.sampled_from(ODD),
    st.integers(-100, 100).map(str),
    st.floats(allow_nan=False, allow_infinity=False).map(repr),
    st.text('01.e-+ ,\n\r"xé', max_size=4),
)
ROWS = st.lists(st.lists(CELLS, min_size=5, max_size=5), max_size=4)
ENDS = st.sampled_from(["\n", "\r\n"])


def outcome(text: str) -> Any:
    """What reading gives: columns as comparable values, or the message."""
    try:
        values = read_columns(CsvFile("f.csv", text, HEADER), COLUMNS)
    except InputError as error:
        return str(error)
    return {
        name: value if isinstance(value, tuple) else (str(value.dtype), value.tobytes())
        for name, value in values.items()
    }


@given(ROWS, ENDS, st.booleans(), st.integers(0, 2))
@example([["a", "1", "2", "0.1", "w"], ["b", "", "3", "", ""]], "\n", True, 2)
@example([["a", "1", "2"], ["b", "1", "2", "3", "w", "x", "y"]], "\n", True, 0)
@example([["a"], ["b", "1", "2", "3", "w", "1", "2", "3", "w"]], "\n", True, 0)
def test_the_fast_way_gives_what_the_plain_way_gives(
    rows: list[list[str]], end: str, ended: bool, blank: int
) -> None:
    lines = [",".join(HEADER), *(",".join(row) for row in rows)]
    text = end.join(lines) + end * (ended + blank)
    expected = outcome(text)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bulk, "BULK_CHARACTERS", 0)
        patch.setattr(bulk, "CHUNK_CHARACTERS", 30)
        assert outcome(text) == expected


def test_plain_files_do_go_the_fast_way() -> None:
    text = ",".join(HEADER) + "\r\na,1,2,0.5,\r\nb,,3,,w\r\n\r\n"
    pieces = bulk.parsed(text, HEADER, COLUMNS)
    assert pieces is not None
    assert [list(piece) for piece in pieces["name"]] == [["a", "b"]]
    assert pieces["whole"][0].tolist() == [1, 5]
    assert pieces["word"] == [["none", "w"]]
    assert np.isnan(pieces["real"][0]).tolist() == [False, True]


@pytest.mark.parametrize(
    "row", ['"a",1,2,3,w', "a,1,,3,w", "a,x,2,3,w", "a,1,2,inf,w", "a,1,2,3", "a,1\r,2,3,w"]
)
def test_anything_odd_is_left_to_the_plain_way(row: str) -> None:
    assert bulk.parsed(",".join(HEADER) + f"\n{row}\n", HEADER, COLUMNS) is None
