from __future__ import annotations

import gzip
from collections.abc import Callable, Sized
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from bayplan.scheduler.errors import InputError
from bayplan.traces import reading
from bayplan.traces.registry import read_nodes, read_pods

Write = Callable[..., str]

HEADER = "name,cpu_milli,memory_mib,gpu_count,gpu_milli"
GOOD = "a,1000,512,1,500"


def problem(path: str, format: str = "canonical") -> str:
    with pytest.raises(InputError) as error:
        read_pods(path, format)
    message = str(error.value)
    assert len(message.splitlines()) == 1
    return message


BAD_HEADERS = [
    ("", ": the file is empty; write a header and rows"),
    ("\n\r\n", ": the file is empty; write a header and rows"),
    ("name,name\n", ":1: column 'name' is there twice; keep one of them"),
    ("name,cpu_mili,memory_mib\n", ": there is no column 'cpu_milli', only name, cpu_mili, "
     "memory_mib; rename 'cpu_mili' to it?"),
    ("name,cpu_milli\n", ": there is no column 'memory_mib', only name, cpu_milli; add it"),
    (f"{HEADER}\n", ": the file has a header but no rows; add rows"),
    (f"{HEADER}\n\n\n", ": the file has a header but no rows; add rows"),
    (f"{HEADER},arrival_ms\n{GOOD},1\n", ": there is no column 'arrival_ms' in this format; "
     "did you mean 'arrival_s'? else rename it"),
]  # fmt: skip


@pytest.mark.parametrize(("content", "message"), BAD_HEADERS)
def test_a_bad_header_is_told_in_one_line(write: Write, content: str, message: str) -> None:
    assert problem(write(content)) == "pods.csv" + message


DIGITS = "9" * 20
LONG_DIGITS = "9" * 5000
CUT_DIGITS = "9" * 40 + "..."

BAD_ROWS = [
    ("a,-5,512,1,500", "cpu_milli is -5, below 0; write 0 or more"),
    ("a,abc,512,1,500", "cpu_milli is 'abc', not a number; write a whole number of millicores"),
    ("a,,512,1,500", "cpu_milli is empty; write a whole number of millicores"),
    ("a,1.5,512,1,500", "cpu_milli is '1.5', not a whole number; round it to whole millicores"),
    ("a,8.0,512,1,500", "cpu_milli is '8.0', not in plain digits; write 8"),
    ("a,1e3,512,1,500", "cpu_milli is '1e3', not in plain digits; write 1000"),
    ("a,1e999,512,1,500", "cpu_milli is '1e999', not a whole number; "
     "round it to whole millicores"),
    ("a,1_000,512,1,500", "cpu_milli is '1_000', not a number; "
     "write a whole number of millicores"),
    ("a,\u0661,512,1,500", "cpu_milli is '\u0661', not a number; "
     "write a whole number of millicores"),
    ("a,nan,512,1,500", "cpu_milli is 'nan', not a number; write a whole number of millicores"),
    (f"a,{DIGITS},512,1,500", f"cpu_milli is '{DIGITS}', too large for a 64-bit integer; "
     "write 1000000000000 or less"),
    (f"a,{LONG_DIGITS},512,1,500", f"cpu_milli is '{CUT_DIGITS}', too large for a 64-bit "
     "integer; write 1000000000000 or less"),
    ("a,1000000000001,512,1,500", "cpu_milli is 1000000000001, above 1000000000000; "
     "write 1000000000000 or less"),
    ("a,1,2,1", "the row has 4 cells, the header has 5; add the missing cells"),
    ("a,1,2,1,1000,7", "the row has 6 cells, the header has 5; quote cells that hold commas"),
    (" ", "the row has 1 cells, the header has 5; add the missing cells"),
    ("ok,1,2,1,1000", "name 'ok' is already in row 2; give every row its own name"),
    (",1,2,1,1000", "name is empty; write a name"),
    ("a,1,2,0,1000", "gpu_milli is 1000 for a pod with gpu_count 0; "
     "write 0, or a gpu_count of 1 or more"),
    ("a,1,2,1,0", "gpu_milli is 0 for a pod with gpu_count 1; "
     "write 1 to 1000 (1000 = a whole GPU)"),
    ('a,1,2,1,"1000', "this is not CSV (unexpected end of data); check its quotation marks"),
    ('a,1,2,1,"1"0', "this is not CSV (',' expected after '\"'); check its quotation marks"),
]  # fmt: skip


def test_a_carriage_return_in_a_cell_is_told(write: Write) -> None:
    assert problem(write(f"{HEADER}\na,1\r2,3,1,1\n")) == (
        "pods.csv:2: a carriage return stands in a cell; quote the cell or remove it"
    )


@pytest.mark.parametrize(("row", "message"), BAD_ROWS)
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_bad_row_is_told_in_one_line(write: Write, row: str, message: str, end: str) -> None:
    content = end.join([HEADER, "ok,1,2,1,1000", "", row])
    assert problem(write(content)) == f"pods.csv:4: {message}"


BAD_TIMES = [
    ("x", "0", "arrival_s is 'x', not a number; write a number of seconds"),
    ("nan", "0", "arrival_s is not a number; write seconds"),
    ("-1", "0", "arrival_s is -1.0, below 0; write 0 or more"),
    ("inf", "0", "arrival_s is 'inf', not a number; write a number of seconds"),
    ("1e999", "0", "arrival_s is '1e999', too large; write 1000000000000 or less"),
    ("1_0", "0", "arrival_s is '1_0', not a number; write a number of seconds"),
    ("0", "-0.5", "duration_s is -0.5, below 0; write 0 or more"),
    ("0", "1e13", "duration_s is 10000000000000.0, above 1000000000000; "
     "write 1000000000000 or less"),
]  # fmt: skip


@pytest.mark.parametrize(("arrival", "duration", "message"), BAD_TIMES)
def test_a_bad_time_is_told_in_one_line(
    write: Write, arrival: str, duration: str, message: str
) -> None:
    path = write(f"{HEADER},arrival_s,duration_s\n{GOOD},{arrival},{duration}\n")
    assert problem(path) == f"pods.csv:2: {message}"


def test_rows_are_counted_in_lines_also_after_cells_with_line_ends(write: Write) -> None:
    path = write(f'{HEADER}\n"a\nb",1,2,1,1000\n\nc,1,2,1,1000\n"c",1,2,1,1000\n')
    assert problem(path) == (
        "pods.csv:6: name 'c' is already in row 5; give every row its own name"
    )


def test_rows_are_counted_across_chunks(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "CHUNK_ROWS", 2)
    rows = [f"p{i},1,2,1,1000" for i in range(7)]
    path = write("\n".join([HEADER, *rows]))
    assert read_pods(path).name == tuple(f"p{i}" for i in range(7))
    path = write("\n".join([HEADER, *rows[:5], "x,y,2,1,1000"]))
    assert problem(path).startswith("pods.csv:7: cpu_milli is 'y'")
    path = write("\n".join([HEADER, *rows[:5], "x"]))
    assert problem(path).startswith("pods.csv:7: the row has 1 cells")


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_line_ends_and_a_missing_last_one_are_fine(write: Write, end: str) -> None:
    pods = read_pods(write(end.join([HEADER, GOOD, "b,2,3,0,0"])))
    assert pods.name == ("a", "b")
    assert pods.cpu_milli.tolist() == [1000, 2]


def test_gzip_and_a_byte_order_mark_are_fine(write: Write) -> None:
    content = b"\xef\xbb\xbf" + f"{HEADER}\r\n{GOOD}\r\n".encode()
    assert read_pods(write(gzip.compress(content))).name == ("a",)


def test_quoted_cells_blanks_around_numbers_and_other_columns_are_fine(write: Write) -> None:
    header = "colour, name ,cpu_milli,memory_mib,gpu_count,gpu_milli,duration_s,priority"
    pods = read_pods(write(f'{header}\nred,"a,""b""\n", 1000 ,+512,1,500, 1.5 ,-3\n'))
    assert pods.name == ('a,"b"\n',)
    assert pods.cpu_milli.tolist() == [1000]
    assert pods.memory_mib.tolist() == [512]
    assert pods.duration_s.tolist() == [1.5]
    assert pods.priority.tolist() == [-3]


def test_empty_cells_of_optional_columns_are_the_default(write: Write) -> None:
    header = f"{HEADER},gpu_memory_mib,priority,arrival_s,duration_s,queue"
    pods = read_pods(write(f"{header}\n{GOOD},,,,,\nb,1,1,1,1, ,-7, ,nan,q\n"))
    assert pods.gpu_memory_mib.tolist() == [0, 0]
    assert pods.priority.tolist() == [0, -7]
    assert pods.arrival_s.tolist() == [0.0, 0.0]
    assert str(pods.duration_s.tolist()) == "[nan, nan]"
    assert pods.queue == ("", "q")


PIECES = st.sampled_from(
    [HEADER, GOOD, "name,cpu_milli,memory_mib,num_gpu,gpu_milli", "sn,cpu_milli,memory_mib,gpu",
     "\n", "\r\n", "\r", ",", '"', "-1", "1e3", "9" * 20, "", " ", "b,1,2,0,0", "\0", "\u2028",
     "n,1,2,3,4"]
)  # fmt: skip


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.one_of(
        st.binary(max_size=200),
        st.lists(PIECES, max_size=20).map(lambda pieces: "".join(pieces).encode()),
        st.binary(max_size=60).map(lambda tail: b"\x1f\x8b\x08" + tail),
        st.binary(max_size=60).map(lambda tail: f"{HEADER}\n{GOOD}\n".encode() + tail),
        st.binary(max_size=40).map(gzip.compress),
    )
)
@example(f"{HEADER}\n{'x' * 200_000},1,2,1,1".encode())
@example(b"\xff\xfen\x00a\x00")
def test_any_bytes_are_read_or_refused_in_one_line(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "any.csv"
    path.write_bytes(content)
    for read in (read_pods, read_nodes):
        for format in ("auto", "canonical", "openb"):
            said = refusal(read, path, format)
            assert len(said.splitlines()) <= 1
            assert said.startswith(f"{path}:") or not said


def refusal(read: Callable[[Path, str], Sized], path: Path, format: str) -> str:
    try:
        assert len(read(path, format)) > 0
    except InputError as error:
        return str(error)
    return ""
