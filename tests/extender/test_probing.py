"""A probe asks the extender of this machine, by what its configuration says."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import trustme

from bayplan.extender.probing import probe


class Page(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        status, text = (200, "ok\n") if self.path == "/healthz" else (503, "Node: not listed yet\n")
        self.send_response(status)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, format: str, *args: object) -> None:
        pass


@contextmanager
def serving(context: ssl.SSLContext | None = None) -> Iterator[int]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Page)
    if context is not None:
        server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def config(folder: Path, port: int, more: str = "") -> Path:
    file = folder / "extender.toml"
    file.write_text(f'[server]\nhost = "127.0.0.1"\nport = {port}\n{more}')
    return file


def test_the_exit_code_is_that_of_the_status(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with serving() as port:
        file = config(tmp_path, port)
        assert probe("/healthz", file) == 0
        assert probe("readyz", file) == 1
    assert capsys.readouterr().out == "ok\nNode: not listed yet\n"


def test_nobody_there_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with serving() as port:
        pass
    assert probe("/healthz", config(tmp_path, port)) == 1
    said = f"bayplan: no answer from 127.0.0.1 port {port} (Connection refused)\n"
    assert capsys.readouterr().err == said


def test_any_address_is_asked_on_loopback(tmp_path: Path) -> None:
    with serving() as port:
        file = config(tmp_path, port)
        file.write_text(file.read_text().replace("127.0.0.1", "0.0.0.0"))
        assert probe("/healthz", file) == 0


@pytest.mark.parametrize("asks", [False, True], ids=["tls", "client certificates"])
def test_over_tls_it_shows_the_certificate_that_the_server_has(asks: bool, tmp_path: Path) -> None:
    authority = trustme.CA()
    issued = authority.issue_cert("bayplan.bayplan.svc")
    for path, pem in (
        ("crt", issued.cert_chain_pems[0]),
        ("key", issued.private_key_pem),
        ("ca", authority.cert_pem),
    ):
        pem.write_to_path(tmp_path / path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    issued.configure_cert(context)
    if asks:
        authority.configure_trust(context)
        context.verify_mode = ssl.CERT_REQUIRED
    more = f'[tls]\ncertificate = "{tmp_path}/crt"\nkey = "{tmp_path}/key"\n'
    more += f'client_ca = "{tmp_path}/ca"\n' if asks else ""
    with serving(context) as port:
        assert probe("/healthz", config(tmp_path, port, more)) == 0
