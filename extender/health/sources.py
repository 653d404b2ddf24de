"""Fetches metrics: from a Prometheus server, from the exporter of each node, or from files.

Everything here blocks, and runs in a thread.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple, Protocol
from urllib.parse import quote, urlencode

import urllib3

from bayplan.extender.health.exposition import read_exposition
from bayplan.extender.health.prometheus import PATH, queries, read_answer
from bayplan.extender.health.settings import Reading
from bayplan.extender.health.shown import Sample

NODE = "{node}"
TIMEOUT_S = 10.0
THREADS = 8
MOST_BYTES = 64 << 20
OK = 200


class Read(NamedTuple):
    """What was read, and what could not be: its name, and why."""

    samples: list[Sample]
    failed: dict[str, str]


class Source(Protocol):
    """A place where metrics are."""

    def read(self, nodes: Collection[str], watched: Collection[str]) -> Read:
        """Return the samples of nodes, all of those that are watched."""

    def close(self) -> None:
        """Let a read that is under way in a thread end soon: the process waits for its threads."""


def source_of(reading: Reading) -> Source | None:
    """Return the place that is configured; None where there is none.

    Parameters
    ----------
    reading
        Where metrics are read.
    """
    if reading.prometheus:
        return _Prometheus(reading)
    if reading.exporter:
        return _Exporters(reading)
    return None if reading.file is None else _Files(reading.file, reading.stale_s)


class _Http:
    """Gets bodies, with a token and certificates that are read anew each time."""

    def __init__(self, reading: Reading) -> None:
        ca = None if reading.ca is None else str(reading.ca)
        self._token = reading.token
        self._pool = urllib3.PoolManager(num_pools=THREADS, maxsize=THREADS, ca_certs=ca)
        self._closed = False

    def close(self) -> None:
        """Send no more requests."""
        self._closed = True

    def headers(self) -> dict[str, str]:
        """Return what each request says, read once a round: tokens are renewed."""
        if self._token is None:
            return {}
        return {"Authorization": f"Bearer {self._token.read_text(encoding='utf-8').strip()}"}

    def body(self, url: str, headers: Mapping[str, str], query: str = "") -> bytes:
        """Return the body of an answer; a ``query`` is sent as a form.

        Raises
        ------
        ValueError
            There is none that can be used.
        """
        if self._closed:
            raise ValueError("the extender is stopping")
        form = urlencode({"query": query}) if query else None
        kind = {"Content-Type": "application/x-www-form-urlencoded"} if query else {}
        try:
            reply = self._pool.request(
                "POST" if query else "GET", url, body=form, headers={**headers, **kind},
                redirect=False, retries=False, timeout=TIMEOUT_S, preload_content=False,
            )  # fmt: skip
            try:
                data = reply.read(MOST_BYTES + 1)
            finally:
                reply.close()  # what was not read is not waited for
        except urllib3.exceptions.HTTPError as error:
            raise ValueError(str(error)) from None
        if reply.status != OK:
            raise ValueError(f"status {reply.status}")
        if len(data) > MOST_BYTES:
            raise ValueError(f"more than {MOST_BYTES >> 20} MiB")
        return bytes(data)


class _Prometheus:
    def __init__(self, reading: Reading) -> None:
        self._url, self._label = reading.prometheus.rstrip("/") + PATH, reading.node_label
        self._http = _Http(reading)

    def read(self, nodes: Collection[str], watched: Collection[str]) -> Read:
        samples: list[Sample] = []
        try:
            headers = self._http.headers()
            for query in queries(self._label, watched):
                samples += read_answer(self._http.body(self._url, headers, query))
        except (ValueError, OSError) as error:
            return Read([], {self._url: str(error)})
        return Read(samples, {})

    def close(self) -> None:
        self._http.close()


class _Exporters:
    def __init__(self, reading: Reading) -> None:
        self._url, self._label = reading.exporter, reading.node_label
        self._http = _Http(reading)

    def read(self, nodes: Collection[str], watched: Collection[str]) -> Read:
        by_url = {self._url.replace(NODE, quote(name, safe="")): name for name in sorted(nodes)}
        if NODE not in self._url:
            by_url = {self._url: ""}
        try:
            headers = self._http.headers()
        except (ValueError, OSError) as error:
            return Read([], {self._url: str(error)})

        def one(url: str) -> list[Sample] | str:
            try:
                return read_exposition(self._http.body(url, headers).decode(errors="replace"))
            except ValueError as error:
                return str(error)

        with ThreadPoolExecutor(THREADS) as pool:
            answers = dict(zip(by_url, pool.map(one, by_url), strict=True))
        # Without a query: whatever is in it does not belong in a log.
        failed = {
            url.partition("?")[0]: why for url, why in answers.items() if isinstance(why, str)
        }
        samples = [
            each._replace(labels={**each.labels, self._label: name}) if name else each
            for url, name in by_url.items()
            if not isinstance(found := answers[url], str)
            for each in found
        ]
        return Read(samples, failed)

    def close(self) -> None:
        self._http.close()


class _Files:
    def __init__(self, path: Path, stale_s: float) -> None:
        self._path, self._stale_s = path, stale_s

    def read(self, nodes: Collection[str], watched: Collection[str]) -> Read:
        samples: list[Sample] = []
        failed: dict[str, str] = {}
        try:
            for file in self._files():
                try:
                    age_s = time.time() - file.stat().st_mtime
                    if age_s > self._stale_s:
                        raise ValueError(f"it was not written for {self._stale_s:g} s")
                    samples += read_exposition(file.read_text(encoding="utf-8", errors="replace"))
                except (ValueError, OSError) as error:
                    failed[str(file)] = str(error)
        except OSError as error:
            failed[str(self._path)] = str(error)
        return Read(samples, failed)

    def close(self) -> None: ...

    def _files(self) -> Iterator[Path]:
        if not self._path.is_dir():
            yield self._path
            return
        yield from sorted(each for each in self._path.iterdir() if each.suffix == ".prom")
