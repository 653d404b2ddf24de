"""A server on loopback that does what the tests say: ranges or none, cuts, errors, changes."""

from __future__ import annotations

import re
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Files:
    """What is served, and how; ``asked`` are the (path, Range, If-Range) of all requests.

    ``cuts`` says after how many bytes the answer to each of the first requests ends, ``statuses``
    which status they have instead of an answer; None in either is an answer as it should be.
    """

    content: dict[str, bytes] = field(default_factory=dict)
    ranges: bool = True
    etag: str = '"one"'
    length: bool = True
    off_by: int = 0
    cuts: list[int | None] = field(default_factory=list)
    statuses: list[int | None] = field(default_factory=list)
    asked: list[tuple[str, str, str]] = field(default_factory=list)


class Handler(BaseHTTPRequestHandler):
    server: Server

    def log_message(self, *_: Any) -> None:
        pass

    def do_GET(self) -> None:
        files = self.server.files
        turn = len(files.asked)
        wanted, condition = self.headers.get("Range", ""), self.headers.get("If-Range", "")
        files.asked.append((self.path, wanted, condition))
        if turn < len(files.statuses) and (status := files.statuses[turn]):
            self.send_error(status)
            return
        if self.path not in files.content:
            self.send_error(404)
            return
        data = files.content[self.path]
        start = self.start_of(wanted, condition, len(data))
        if start is None:
            self.send_error(416)
            return
        self.send_response(206 if start else 200)
        if files.etag:
            self.send_header("ETag", files.etag)
        if start:
            said = start + files.off_by
            self.send_header("Content-Range", f"bytes {said}-{len(data) - 1}/{len(data)}")
        if files.length:
            self.send_header("Content-Length", str(len(data) - start))
        self.end_headers()
        end = files.cuts[turn] if turn < len(files.cuts) else None
        self.wfile.write(data[start:] if end is None else data[start : start + end])

    def start_of(self, wanted: str, condition: str, size: int) -> int | None:
        files = self.server.files
        match = re.fullmatch(r"bytes=(\d+)-", wanted)
        if not files.ranges or match is None or condition not in ("", files.etag):
            return 0
        return int(match[1]) if int(match[1]) < size else None


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, files: Files) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.files = files
        self.thread = threading.Thread(target=self.serve_forever, args=(0.01,))

    def handle_error(self, *_: Any) -> None:
        pass  # whoever asked has gone

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}{path}"

    def __enter__(self) -> Server:
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self.thread.join()
        self.server_close()
