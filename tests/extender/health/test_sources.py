"""Where metrics are fetched: over HTTP from a server of the test, and from files."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from urllib.parse import parse_qs

import pytest

from bayplan.extender.health.settings import Reading
from bayplan.extender.health.shown import Gpu, gather
from bayplan.extender.health.sources import Read, source_of
from health_things import exposition, gpu

XID = "DCGM_FI_DEV_XID_ERRORS"
SERIES = {"__name__": XID, "Hostname": "a", "UUID": "GPU-1", "gpu": "1"}


class Web:
    """Answers by path, and notes what it was asked."""

    def __init__(self) -> None:
        self.pages: dict[str, tuple[int, str]] = {}
        self.asked: list[tuple[str, str, str | None]] = []
        self.url = ""


@pytest.fixture
def web() -> Iterator[Web]:
    made = Web()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", "0"))).decode()
            made.asked.append((self.path, body, self.headers.get("Authorization")))
            status, text = made.pages.get(self.path, (404, ""))
            self.send_response(status)
            if status == 302:
                self.send_header("Location", text)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text.encode())

        do_POST = do_GET

        def log_message(self, format: str, *args: object) -> None: ...

    with _serving(Handler) as url:
        made.url = url
        yield made


@contextmanager
def _serving(handler: type[BaseHTTPRequestHandler]) -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()


def of(kind: str, url: str) -> Reading:
    return Reading(prometheus=url) if kind == "prometheus" else Reading(exporter=url)


def read(reading: Reading, *nodes: str, watched: tuple[str, ...] = ()) -> Read:
    source = source_of(reading)
    assert source is not None
    return source.read(nodes, watched)


def test_there_is_none_unless_one_is_named() -> None:
    assert source_of(Reading()) is None


def test_a_prometheus_server_is_asked_with_a_token_that_is_read_each_time(
    web: Web, tmp_path: Path
) -> None:
    token = tmp_path / "token"
    token.write_text("one\n")
    answer = {"resultType": "vector", "result": [{"metric": SERIES, "value": [1.5, "79"]}]}
    web.pages["/prom/api/v1/query"] = 200, json.dumps({"status": "success", "data": answer})
    source = source_of(Reading(prometheus=f"{web.url}/prom/", token=token))
    assert source is not None
    found = source.read(["a", "b"], ["a"])
    assert gather(found.samples, "Hostname") == {"a": {"GPU-1": Gpu(1, {79})}}
    assert not found.failed
    token.write_text("two")
    source.read(["a", "b"], [])
    queries = [parse_qs(body)["query"][0] for _, body, _ in web.asked]
    assert [query.endswith(("} > 0", 'Hostname=~"a"}')) for query in queries] == [True] * 3
    assert [sent for _, _, sent in web.asked] == ["Bearer one", "Bearer one", "Bearer two"]


def test_the_exporter_of_each_node_is_asked_and_tells_of_that_node(web: Web) -> None:
    for name in ("a", "b"):
        page = exposition(gpu("exporter-pod", 0, {XID: 79 if name == "b" else 0}, f"GPU-{name}"))
        web.pages[f"/{name}/metrics"] = 200, page
    for name in ("a", "b"):
        web.pages[f"/{name}/metrics?key=secret"] = web.pages[f"/{name}/metrics"]
    found = read(Reading(exporter=f"{web.url}/{{node}}/metrics?key=secret"), "a", "b", "c")
    assert gather(found.samples, "Hostname") == {
        "a": {"GPU-a": Gpu(0)},
        "b": {"GPU-b": Gpu(0, {79})},
    }
    assert found.failed == {f"{web.url}/c/metrics": "status 404"}


@pytest.mark.parametrize("kind", ["prometheus", "exporter"])
def test_once_closed_nobody_is_asked(web: Web, kind: str) -> None:
    source = source_of(of(kind, f"{web.url}/metrics"))
    assert source is not None
    source.close()
    assert list(source.read(["a"], ["a"]).failed.values()) == ["the extender is stopping"]
    assert web.asked == []


def test_one_exporter_tells_of_all_nodes_by_a_label(web: Web) -> None:
    web.pages["/metrics"] = 200, exposition(gpu("a", 0, {}), gpu("b", 0, {XID: 48}))
    found = read(Reading(exporter=f"{web.url}/metrics"), "a", "b")
    assert set(gather(found.samples, "Hostname")) == {"a", "b"}
    assert len(web.asked) == 1


@pytest.mark.parametrize("kind", ["prometheus", "exporter"])
@pytest.mark.parametrize(
    "page", [(500, "down"), (200, f'<html>\n{XID}{{"'), (302, "/elsewhere"), (401, "")]
)
def test_what_cannot_be_read_is_told_and_has_no_samples(
    web: Web, kind: str, page: tuple[int, str]
) -> None:
    path = "/metrics/api/v1/query" if kind == "prometheus" else "/metrics"
    web.pages[path] = page
    found = read(of(kind, f"{web.url}/metrics"), "a")
    assert found.samples == []
    (why,) = found.failed.values()
    assert page[0] == 200 or why == f"status {page[0]}"


def test_a_server_that_is_not_there_is_told() -> None:
    found = read(Reading(prometheus="http://127.0.0.1:1"))
    assert found.samples == []
    assert "refused" in found.failed["http://127.0.0.1:1/api/v1/query"]


def test_a_token_that_cannot_be_read_is_told(web: Web, tmp_path: Path) -> None:
    for kind in ("prometheus", "exporter"):
        found = read(replace(of(kind, web.url), token=tmp_path / "none"), "a")
        assert "No such file" in next(iter(found.failed.values()))
    assert web.asked == []


def test_a_folder_of_files_is_read_but_for_old_and_broken_ones(tmp_path: Path) -> None:
    for name, text in {
        "a.prom": exposition(gpu("a", 0, {XID: 79})),
        "b.prom": exposition(gpu("b", 0, {XID: 79})),
        "c.prom": f'{XID}{{gpu="0"}} many\n',
        "d.prom.tmp": exposition(gpu("d", 0, {XID: 79})),
    }.items():
        (tmp_path / name).write_text(text)
    os.utime(tmp_path / "b.prom", (0, 0))
    found = read(Reading(file=tmp_path))
    assert set(gather(found.samples, "Hostname")) == {"a"}
    assert found.failed.pop(str(tmp_path / "b.prom")) == "it was not written for 300 s"
    assert set(found.failed) == {str(tmp_path / "c.prom")}
    assert set(gather(read(Reading(file=tmp_path / "a.prom")).samples, "Hostname")) == {"a"}


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    found = read(Reading(file=tmp_path / "none.prom"))
    assert found.samples == []
    assert "No such file" in found.failed[str(tmp_path / "none.prom")]
