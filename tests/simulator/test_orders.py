from __future__ import annotations

from pathlib import Path

import pytest

from bayplan.scheduler.errors import InputError
from bayplan.simulator.replay.orders import read_orders

FIX = "give one column seedNN for each seed, such as seed42, with 0-based row numbers"


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def read(text: str, n_rows: int = 3, *, complete: bool = False) -> dict[int, list[int]]:
    Path("o.csv").write_bytes(text.encode())
    orders = read_orders("o.csv", n_rows, complete=complete)
    return {seed: order.tolist() for seed, order in orders.items()}


def problem(text: str, n_rows: int = 3, *, complete: bool = False) -> str:
    with pytest.raises(InputError) as error:
        read(text, n_rows, complete=complete)
    return str(error.value)


def test_each_column_is_the_order_of_a_seed() -> None:
    assert read("seed42,seed7\n0,2\n2,1\n1,0\n") == {42: [0, 2, 1], 7: [2, 1, 0]}


def test_columns_may_be_of_different_length() -> None:
    assert read("seed1,seed2,seed3\n0,2,1\n2,,1\n1,,\n") == {1: [0, 2, 1], 2: [2], 3: [1, 1]}
    assert read("seed1,seed2\n0,2\n1\n") == {1: [0, 1], 2: [2]}


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_line_ends_of_all_kinds_are_read(end: str) -> None:
    assert read(end.join(("seed1", "2", "0", ""))) == {1: [2, 0]}


def test_blanks_around_names_and_numbers_do_not_count() -> None:
    assert read(" seed1 , seed2\n 2 ,0 \n") == {1: [2], 2: [0]}


def test_an_arrival_order_may_name_a_row_twice_or_never_and_a_complete_one_may_not() -> None:
    assert read("seed1\n0\n0\n0\n0\n") == {1: [0, 0, 0, 0]}
    assert read("seed1\n2\n0\n1\n", complete=True) == {1: [2, 0, 1]}
    fix = "name every row exactly once"
    assert problem("seed1\n0\n0\n1\n", complete=True) == (
        f"o.csv: column seed1 names 2 of 3 rows in 3 cells; {fix}"
    )
    assert problem("seed1\n0\n1\n", complete=True) == (
        f"o.csv: column seed1 names 2 of 3 rows in 2 cells; {fix}"
    )
    assert problem("seed1\n0\n1\n2\n1\n", complete=True) == (
        f"o.csv: column seed1 names 3 of 3 rows in 4 cells; {fix}"
    )


@pytest.mark.parametrize("text", ["", "\n", "\nseed42\n0\n"])
def test_a_file_without_a_header_is_refused(text: str) -> None:
    assert problem(text) == f"o.csv: the file has no header; {FIX}"


@pytest.mark.parametrize(
    "name", ["42", "seed", "seed-1", "seed1.5", "seeds", "Seed1", "seed\u0663"]
)
def test_a_column_that_is_no_seed_is_refused(name: str) -> None:
    assert problem(f"seed1,{name}\n0,0\n") == f"o.csv:1: column {name!r} is no seed; {FIX}"


def test_a_seed_with_two_columns_is_refused() -> None:
    fix = "keep one of them"
    assert problem("seed1,seed2,seed01\n0,0,0\n") == f"o.csv:1: seed 1 has two columns; {fix}"


@pytest.mark.parametrize("cell", ["3", "-1", "1.0", "x", "\u0661"])
def test_a_cell_that_is_no_row_is_named_by_line_and_column(cell: str) -> None:
    assert problem(f"seed1,seed2\n0,0\n1,{cell}\n") == (
        f"o.csv:3: column seed2: {cell!r} is no row of a file with 3 rows;"
        " rows are numbers from 0 to 2"
    )


def test_a_gap_in_a_column_is_refused() -> None:
    for text in ("seed1,seed2\n0,0\n,1\n2,2\n", "seed1\n0\n\n2\n"):
        assert problem(text) == (
            "o.csv:3: column seed1: '' is no row of a file with 3 rows;"
            " rows are numbers from 0 to 2"
        )


def test_a_number_of_thousands_of_digits_is_one_short_line() -> None:
    assert problem("seed1\n" + "1" * 5_000) == (
        f"o.csv:2: column seed1: '{'1' * 40}...' is no row of a file with 3 rows;"
        " rows are numbers from 0 to 2"
    )


@pytest.mark.parametrize("text", ["seed1\n", "seed1,seed2\n,0\n"])
def test_an_empty_column_is_refused(text: str) -> None:
    assert problem(text) == f"o.csv: column seed1 is empty; {FIX}"


def test_quotation_marks_that_do_not_match_are_refused() -> None:
    assert problem('seed1\n"0\n') == f"o.csv: this is not CSV (unexpected end of data); {FIX}"


def test_a_missing_file_and_bytes_that_are_not_utf8_are_refused() -> None:
    with pytest.raises(InputError, match=r"^none\.csv: no such file; "):
        read_orders("none.csv", 3, complete=False)
    Path("o.csv").write_bytes(b"seed1\n\xff\n")
    with pytest.raises(InputError, match=r"^o\.csv:2: byte 0xff .* is not UTF-8; save"):
        read_orders("o.csv", 3, complete=False)
