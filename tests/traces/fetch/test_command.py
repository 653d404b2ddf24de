"""``bayplan traces fetch``, from the command line to a server on loopback."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from bayplan import cli
from bayplan.traces.fetch import command
from bayplan.traces.fetch.sources import SOURCES, RemoteFile, Source
from bayplan.traces.jobs import JOB_FORMATS
from bayplan.traces.series import SERIES_FORMATS

from .server import Files, Server

A, B = b"a,b\n1,2\n", b"c,d\n3,4\n"
Run = Callable[..., tuple[int, str, str]]


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


@pytest.fixture
def run(
    files: Files,
    server: Server,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> Run:
    """Run the command line, with one source of two files: one's checksum is published."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    files.content |= {"/a.csv": A, "/b.csv": B}
    source = Source(
        "two files",
        "CC0",
        "http://page.example",
        (RemoteFile(server.url("/a.csv"), len(A), digest(A)), RemoteFile(server.url("/b.csv"))),
        then="look at them",
    )
    monkeypatch.setitem(SOURCES, "two", source)

    def ran(*arguments: str) -> tuple[int, str, str]:
        capfd.readouterr()
        code = cli._run(["traces", "fetch", *arguments])
        out, err = capfd.readouterr()
        return code, out, err.replace(server.url(""), "http://server")

    return ran


def test_a_trace_is_downloaded_checked_and_recorded(run: Run) -> None:
    assert run("two") == (
        0,
        "two/a.csv: 8 bytes, checksum as published\n"
        "two/b.csv: 8 bytes, checksum now in SHA256SUMS\n"
        "two: licence CC0; http://page.example\n"
        "then, in two: look at them\n",
        "",
    )
    assert Path("two/a.csv").read_bytes() == A
    assert Path("two/SHA256SUMS").read_text() == f"{digest(A)}  a.csv\n{digest(B)}  b.csv\n"
    assert {path.name for path in Path("two").iterdir()} == {"a.csv", "b.csv", "SHA256SUMS"}


@pytest.mark.skipif(shutil.which("sha256sum") is None, reason="no sha256sum")
def test_the_record_is_one_that_sha256sum_checks(run: Run) -> None:
    run("two", "--to", "here")
    subprocess.run(["sha256sum", "-c", "--strict", "SHA256SUMS"], cwd="here", check=True)


def test_what_is_there_is_checked_and_not_downloaded_again(run: Run, files: Files) -> None:
    run("two")
    asked = len(files.asked)
    code, out, err = run("two")
    assert (code, err) == (0, "")
    assert out.splitlines()[:2] == [
        "two/a.csv: is there already, checksum as published",
        "two/b.csv: is there already, checksum as in SHA256SUMS",
    ]
    assert len(files.asked) == asked
    Path("two/a.csv").write_bytes(b"other")
    assert run("two") == (
        2,
        "",
        f"bayplan: two/a.csv: its checksum is not {digest(A)[:12]}..., as published;"
        " remove it to download it again\n",
    )
    assert Path("two/a.csv").read_bytes() == b"other"


def test_a_later_download_is_held_to_the_first(run: Run, files: Files) -> None:
    run("two")
    Path("two/b.csv").unlink()
    files.content["/b.csv"] = b"changed\n"
    code, out, err = run("two")
    assert (code, out) == (2, "two/a.csv: is there already, checksum as published\n")
    assert err == (
        f"bayplan: http://server/b.csv: the checksum of what was downloaded is not"
        f" {digest(B)[:12]}...; try again later; nothing was kept\n"
    )
    assert {path.name for path in Path("two").iterdir()} == {"a.csv", "SHA256SUMS"}


def test_what_fails_leaves_no_folder_behind(run: Run, files: Files) -> None:
    del files.content["/a.csv"]
    assert run("two") == (
        2,
        "",
        "bayplan: http://server/a.csv: HTTP 404, Not Found; it may have moved:"
        " see http://page.example\n",
    )
    assert list(Path().iterdir()) == []
    Path("mine").mkdir()
    assert run("two", "--to", "mine")[0] == 2
    assert Path("mine").is_dir()


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (("tow",), "there is no public trace 'tow'; did you mean 'two'?"),
        (("x",), "there is no public trace 'x'; bayplan traces fetch lists what there is"),
        (("--to", "x"), "--to without a trace; name one that is listed without --to"),
        (("two", "--to", "no/such"),
         "no/such: there is no folder no; make it with mkdir -p no"),
        (("two", "--to", "file"), "file: this is no folder; name another as --to"),
        (("two", "--to", "broken"),
         "broken/SHA256SUMS:2: this is no checksum and name;"
         " write it as sha256sum does, or remove the file"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_in_one_line(run: Run, arguments: tuple[str, ...], line: str) -> None:
    Path("file").write_text("")
    Path("broken").mkdir()
    Path("broken/SHA256SUMS").write_text(f"{digest(A)}  a.csv\nnonsense\n")
    assert run(*arguments) == (2, "", f"bayplan: {line}\n")


def test_a_full_disk_is_told_before_anything_comes(
    run: Run, files: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=7))
    assert run("two") == (
        2, "", "bayplan: two: a.csv has 8 B, and there is room for 7 B;"
        " name another folder as --to\n",
    )  # fmt: skip
    assert not files.asked


def test_a_person_sees_progress_and_it_goes_away(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    with command._shown("a.csv") as progress:
        progress(3, 8)
        progress(8, None)
    assert run("two")[0] == 0


def test_without_a_name_all_are_listed(run: Run) -> None:
    code, out, err = run()
    assert (code, err) == (0, "")
    assert [line.split()[0] for line in out.splitlines() if line[0] != " "] == ["name", *SOURCES]
    assert max(map(len, out.splitlines())) <= 80
    words = {line.split()[0]: line for line in out.splitlines()}
    assert "2 files  CC0" in words["two"]
    assert "~36.4 MB  CC-BY-4.0" in words["helios"]


def test_the_sources_are_well_formed() -> None:
    for name, source in SOURCES.items():
        assert name.isascii()
        assert source.licence
        assert source.page.startswith("https://")
        files = [file.name for file in source.files]
        assert len(set(files)) == len(files) > 0
        for file in source.files:
            assert file.url.startswith("https://")
            assert file.name
            assert len(file.sha256) in (0, 64)
            assert set(file.sha256) <= set("0123456789abcdef")


def test_what_is_read_can_be_fetched() -> None:
    own = {"canonical", "pods", "slurm", "kubernetes", "gavel"}  # gavel is a generator
    names = {each.name for each in JOB_FORMATS} | {each.name for each in SERIES_FORMATS}
    other = {"philly-json": "philly-full", "elasticflow": "itp"}
    assert {other.get(name, name) for name in names - own} <= set(SOURCES)
