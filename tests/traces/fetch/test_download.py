from __future__ import annotations

import hashlib
import random
import socket
from pathlib import Path

import pytest

from bayplan.scheduler.errors import InputError
from bayplan.traces.fetch.download import LFS, Tries, download
from bayplan.traces.fetch.sources import RemoteFile

from .server import Files, Server

DATA = random.Random(5).randbytes(700_000)
SUM = hashlib.sha256(DATA).hexdigest()
QUICK = Tries(number=3, pause_s=0, timeout_s=5)


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "trace.csv"


@pytest.fixture
def file(files: Files, server: Server) -> RemoteFile:
    files.content["/trace.csv"] = DATA
    return RemoteFile(server.url("/trace.csv"), len(DATA), SUM)


def names(target: Path) -> set[str]:
    return {path.name for path in target.parent.iterdir()}


def problem(file: RemoteFile, target: Path, expected: str = SUM) -> str:
    with pytest.raises(InputError) as error:
        download(file, target, expected, tries=QUICK)
    return str(error.value).replace(file.url, "URL")


def test_a_file_comes_whole_with_its_checksum(file: RemoteFile, target: Path, files: Files) -> None:
    told: list[tuple[int, int | None]] = []
    found = download(
        file, target, SUM, progress=lambda have, size: told.append((have, size)), tries=QUICK
    )
    assert found == SUM
    assert target.read_bytes() == DATA
    assert names(target) == {"trace.csv"}
    assert files.asked == [("/trace.csv", "", "")]
    assert told[0] == (0, len(DATA))
    assert told[-1] == (len(DATA), len(DATA))
    assert told == sorted(told)


@pytest.mark.parametrize("expected", [SUM, ""])
def test_a_download_that_is_cut_short_goes_on_where_it_ended(
    file: RemoteFile, target: Path, files: Files, expected: str
) -> None:
    files.cuts = [300_000, 200_000]
    assert download(file, target, expected, tries=QUICK) == SUM
    assert target.read_bytes() == DATA
    assert files.asked == [
        ("/trace.csv", "", ""),
        ("/trace.csv", "bytes=300000-", '"one"'),
        ("/trace.csv", "bytes=500000-", '"one"'),
    ]


def test_a_later_call_goes_on_where_an_earlier_one_gave_up(
    file: RemoteFile, target: Path, files: Files
) -> None:
    files.cuts = [100, 100, 100]
    line = problem(file, target)
    assert line == (
        "URL: the connection ended after 300 of 700,000 bytes, 3 times; run it again to go on"
    )
    assert names(target) == {".trace.csv.part", ".trace.csv.tag"}
    assert download(file, target, SUM, tries=QUICK) == SUM
    assert files.asked[-1][1] == "bytes=300-"
    assert target.read_bytes() == DATA
    assert names(target) == {"trace.csv"}


def test_without_ranges_it_begins_anew(file: RemoteFile, target: Path, files: Files) -> None:
    files.ranges, files.cuts = False, [300_000]
    assert download(file, target, SUM, tries=QUICK) == SUM
    assert target.read_bytes() == DATA


def test_a_file_that_changed_between_tries_is_taken_anew(
    file: RemoteFile, target: Path, files: Files
) -> None:
    unknown = RemoteFile(file.url)
    files.cuts = [300_000, 0, 0]
    problem(unknown, target, "")
    changed = DATA[::-1]
    files.content["/trace.csv"], files.etag = changed, '"two"'
    assert download(unknown, target, "", tries=QUICK) == hashlib.sha256(changed).hexdigest()
    assert target.read_bytes() == changed


def test_bytes_that_nothing_vouches_for_are_not_gone_on_from(
    file: RemoteFile, target: Path, files: Files
) -> None:
    files.etag = ""
    files.cuts = [300_000]
    assert download(RemoteFile(file.url), target, "", tries=QUICK) == SUM
    assert [asked[1] for asked in files.asked] == ["", ""]
    # A checksum vouches for them.
    target.unlink()
    files.cuts, files.asked = [300_000], []
    assert download(file, target, SUM, tries=QUICK) == SUM
    assert [asked[1] for asked in files.asked] == ["", "bytes=300000-"]


def test_wrong_bytes_of_an_earlier_try_cost_a_new_start_and_no_more(
    file: RemoteFile, target: Path, files: Files
) -> None:
    target.with_name(".trace.csv.part").write_bytes(b"x" * 300_000)
    assert download(file, target, SUM, tries=QUICK) == SUM
    assert [asked[1] for asked in files.asked] == ["bytes=300000-", ""]
    target.unlink()
    for junk in (b"x" * len(DATA), b"x" * (len(DATA) + 5)):  # as long as the file, and longer
        target.with_name(".trace.csv.part").write_bytes(junk)
        assert download(file, target, SUM, tries=QUICK) == SUM
        assert target.read_bytes() == DATA
        target.unlink()
    assert names(target) == set()


def test_a_wrong_checksum_leaves_nothing(file: RemoteFile, target: Path, files: Files) -> None:
    files.content["/trace.csv"] = DATA[::-1]
    assert problem(file, target) == (
        f"URL: the checksum of what was downloaded is not {SUM[:12]}...;"
        " try again later; nothing was kept"
    )
    assert names(target) == set()


def test_another_size_is_told_before_it_is_downloaded(
    file: RemoteFile, target: Path, files: Files
) -> None:
    files.content["/trace.csv"] = DATA[:-1]
    assert problem(file, target) == (
        "URL: the server has 699,999 bytes of it, not 700,000; it has changed: see its page"
    )
    assert names(target) == set()


def test_a_length_that_is_not_told_is_the_one_that_is_known(
    file: RemoteFile, target: Path, files: Files
) -> None:
    files.length, files.cuts = False, [300_000]
    assert download(file, target, SUM, tries=QUICK) == SUM
    assert len(files.asked) == 2


def test_another_part_than_was_asked_for_is_not_written(
    file: RemoteFile, target: Path, files: Files
) -> None:
    files.cuts, files.off_by = [300_000], 1
    assert problem(file, target) == (
        "URL: the server sent another part than it was asked for, 3 times; run it again to go on"
    )
    assert not target.exists()


def test_a_file_that_is_not_there_is_asked_for_once(
    server: Server, files: Files, target: Path
) -> None:
    missing = RemoteFile(server.url("/gone.csv"))
    assert problem(missing, target, "") == (
        "URL: HTTP 404, Not Found; it may have moved: see its page"
    )
    assert len(files.asked) == 1
    assert names(target) == set()


def test_a_busy_server_is_asked_again(file: RemoteFile, target: Path, files: Files) -> None:
    files.statuses = [503, 429]
    assert download(file, target, SUM, tries=QUICK) == SUM
    files.statuses, files.asked = [500] * 3, []
    target.unlink()
    assert problem(file, target) == (
        "URL: HTTP 500, Internal Server Error, 3 times; run it again to go on"
    )
    assert names(target) == set()


def test_a_pointer_to_large_storage_is_no_file(server: Server, files: Files, target: Path) -> None:
    files.content["/data.gz"] = LFS + b"v1\noid sha256:00\nsize 7\n"
    assert problem(RemoteFile(server.url("/data.gz")), target, "") == (
        "URL: a Git LFS pointer came in place of the file;"
        " its publisher keeps the file elsewhere: see its page"
    )
    assert not target.exists()


def test_offline_is_told_at_once(target: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    line = problem(RemoteFile(f"http://127.0.0.1:{port}/x.csv"), target, "")
    assert line == f"URL: 127.0.0.1:{port} cannot be reached; go online, or set HTTPS_PROXY"
    line = problem(RemoteFile("http://nowhere.invalid/x.csv"), target, "")
    assert line == "URL: nowhere.invalid cannot be reached; go online, or set HTTPS_PROXY"
    assert names(target) == set()


def test_a_server_that_says_nothing_is_given_up_on(target: Path) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/x.csv"
        with pytest.raises(InputError, match="nothing came in time, 2 times"):
            download(RemoteFile(url), target, "", tries=Tries(2, 0, 0.05))


def test_a_folder_that_cannot_be_written_is_told(
    file: RemoteFile, target: Path, files: Files
) -> None:
    with pytest.raises(InputError) as error:
        download(file, target.parent / "none" / "trace.csv", SUM, tries=QUICK)
    assert "cannot be written: No such file or directory" in str(error.value)
    assert len(files.asked) == 1
