from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from bayplan.scheduler.errors import InputError
from bayplan.traces.files import read_text, write_text


def problem(path: str | Path) -> str:
    with pytest.raises(InputError) as error:
        read_text(path)
    return str(error.value)


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_gzip_is_known_by_its_first_bytes_and_not_by_its_name() -> None:
    Path("a.csv").write_bytes(gzip.compress(b"x,y\n"))
    Path("b.csv.gz").write_bytes(b"x,y\n")
    assert read_text("a.csv") == read_text("b.csv.gz") == "x,y\n"


def test_a_byte_order_mark_is_dropped() -> None:
    Path("a.csv").write_bytes(b"\xef\xbb\xbfx")
    assert read_text("a.csv") == "x"


def test_a_missing_file_suggests_the_nearest() -> None:
    Path("pods.csv").touch()
    assert problem("pod.csv") == "pod.csv: no such file; did you mean pods.csv?"
    assert problem("zzz") == "zzz: no such file; check the path"
    assert problem("no/pods.csv") == "no/pods.csv: no such file; there is no folder no"


def test_a_folder_is_no_file() -> None:
    Path("d").mkdir()
    assert problem("d") == "d: this is a folder; name a file in it"


def test_a_file_without_permission_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    # The tests may run as root, whom no permission stops.
    def refuse(self: Path) -> bytes:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "read_bytes", refuse)
    assert problem("a.csv") == "a.csv: no permission to read it; allow it with chmod +r"


@pytest.mark.parametrize("path", ["a\0b", "x" * 5000, "file/below"])
def test_a_path_that_cannot_be_is_one_line(path: str) -> None:
    Path("file").touch()
    message = problem(path)
    assert message.endswith("; check the path")
    assert len(message.splitlines()) == 1


def test_a_path_with_a_line_end_is_quoted() -> None:
    assert problem("a\nb").startswith(r"'a\nb': no such file")


def test_bytes_that_are_not_utf8_are_named_by_row_and_position() -> None:
    Path("a.csv").write_bytes(b"name\na,\xe9\n")
    assert problem("a.csv") == (
        "a.csv:2: byte 0xe9 at position 3 of the line is not UTF-8; save the file as UTF-8"
    )


def test_gzip_cut_short_and_damaged() -> None:
    whole = gzip.compress(b"name,cpu\n" * 100)
    Path("cut.csv.gz").write_bytes(whole[:-9])
    Path("bad.csv.gz").write_bytes(whole[:12] + bytes(8) + whole[20:])
    Path("crc.csv.gz").write_bytes(whole[:-8] + bytes(8))
    fix = "copy or download the file again"
    assert problem("cut.csv.gz") == f"cut.csv.gz: the gzip data is cut short; {fix}"
    assert problem("bad.csv.gz") == f"bad.csv.gz: the gzip data is damaged; {fix}"
    assert problem("crc.csv.gz") == f"crc.csv.gz: the gzip data is damaged; {fix}"


def test_what_is_written_is_what_is_read() -> None:
    for name in ("a.csv", "a.csv.gz"):
        write_text(name, "a\r\n\u00e9\n")
        write_text(name, "b\r\n\u00e9\n")
        assert read_text(name) == "b\r\n\u00e9\n"
    assert sorted(path.name for path in Path().iterdir()) == ["a.csv", "a.csv.gz"]


def test_gzip_bytes_depend_on_the_text_only() -> None:
    write_text("a.gz", "text")
    write_text("b.gz", "text")
    assert Path("a.gz").read_bytes() == Path("b.gz").read_bytes()
    assert Path("a.gz").read_bytes()[3:8] == bytes(5)  # no flags, no time


def write_problem(path: str, text: str = "x") -> str:
    with pytest.raises(InputError) as error:
        write_text(path, text)
    return str(error.value)


def test_a_folder_that_cannot_be_written_says_what_to_do(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    Path("d").mkdir()
    Path("f").touch()
    assert write_problem("d") == "d: this is a folder; name a file in it"
    assert write_problem("no/a") == "no/a: there is no folder no; make it with mkdir -p no"
    assert write_problem("f/a") == "f/a: f is not a folder; name another folder"
    assert write_problem("a\0b").endswith("; check the path")
    assert write_problem("").startswith("'': this is a folder")

    def refuse(self: Path, mode: str) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    assert write_problem("d/a") == (
        "d/a: no permission to write into d; name a folder that you may write into"
    )


def test_a_write_that_fails_leaves_the_old_file(monkeypatch: pytest.MonkeyPatch) -> None:
    write_text("a.csv", "old")

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    assert write_problem("a.csv", "new") == (
        "a.csv: cannot be used: No space left on device; check the path"
    )
    assert [path.name for path in Path().iterdir()] == ["a.csv"]
    assert read_text("a.csv") == "old"


def test_text_that_utf8_does_not_have_is_refused() -> None:
    assert write_problem("a.csv", "a\ud800") == (
        r"a.csv: character '\ud800' cannot be written as UTF-8; replace it in the names"
    )
    assert not Path("a.csv").exists()
