from __future__ import annotations

import numpy as np
import pytest

from bayplan.traces.columns import BadRow, Column, check_columns, filled, listed, shown

NAME = Column("name", "str", "", "a name", required=True, unique=True)
SIZE = Column("size", "int64", "MiB", "a size", minimum=0, maximum=9)
WAIT = Column("wait", "float64", "seconds", "a time", minimum=0, maximum=100)
END = Column("end", "float64", "seconds", "a time", default=float("nan"))
COLUMNS = (NAME, SIZE, WAIT, END)


def test_columns_left_out_take_their_default() -> None:
    values = filled(COLUMNS, {"name": ["a", "b"]})
    assert values["name"] == ("a", "b")
    assert values["size"].tolist() == [0, 0]
    assert values["size"].dtype == np.int64
    assert values["wait"].tolist() == [0.0, 0.0]
    assert np.isnan(values["end"]).all()


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"name": ["a"], "colour": ["red"]}, "no such columns: colour"),
        ({"size": [1]}, "missing columns: name"),
        ({"name": ["a"], "size": [1.5]}, "size holds float64; it is a column of integers"),
    ],
)
def test_filling_refuses_what_is_no_column(given: dict[str, list[object]], message: str) -> None:
    with pytest.raises(TypeError, match=message):
        filled(COLUMNS, given)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"name": ["a", "b", "a"]}, "row 2 (counted from 0): name 'a' is already in row 0; "
         "give every row its own name"),
        ({"name": ["a", ""]}, "row 1 (counted from 0): name is empty; write a name"),
        ({"name": ["a"], "size": [-1]}, "row 0 (counted from 0): size is -1, below 0; "
         "write 0 or more"),
        ({"name": ["a"], "size": [10]}, "row 0 (counted from 0): size is 10, above 9; "
         "write 9 or less"),
        ({"name": ["a"], "wait": [float("nan")]}, "row 0 (counted from 0): wait is not a number; "
         "write seconds"),
        ({"name": ["a"], "wait": [float("inf")]}, "row 0 (counted from 0): wait is inf, above 100;"
         " write 100 or less"),
    ],
)  # fmt: skip
def test_the_check_names_row_value_and_rule(given: dict[str, list[object]], message: str) -> None:
    with pytest.raises(BadRow) as error:
        check_columns(COLUMNS, filled(COLUMNS, given))
    assert str(error.value) == message


def test_columns_of_different_lengths_are_refused() -> None:
    values = filled(COLUMNS, {"name": ["a", "b"], "size": [1]})
    with pytest.raises(ValueError, match="different lengths"):
        check_columns(COLUMNS, values)


def test_columns_of_another_dtype_are_refused() -> None:
    values = filled(COLUMNS, {"name": ["a"]}) | {"size": np.array([1], dtype=np.int32)}
    with pytest.raises(TypeError, match="size is int32"):
        check_columns(COLUMNS, values)


def test_texts_in_messages_are_one_short_line() -> None:
    assert shown("a\nb") == r"'a\nb'"
    assert shown("x" * 41) == repr("x" * 40 + "...")
    assert listed(["a", "b c"]) == "a, 'b c'"
    assert listed(f"c{i}" for i in range(18)).endswith("c15 and 2 more")


def test_a_twin_whose_name_has_braces_is_named_as_it_is() -> None:
    values = filled(COLUMNS, {"name": ["{also}", "{also}"]})
    with pytest.raises(BadRow, match=r"name '\{also\}' is already in row 0"):
        check_columns(COLUMNS, values)
