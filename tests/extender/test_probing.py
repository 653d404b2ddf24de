"""A probe asks the extender of this machine, by what its configuration says."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest
import trustme

from bayplan.extender.probing import probe

from .stub_pages import serving

PAGES = {"/healthz": (200, "ok\n"), "/readyz": (503, "Node: not listed yet\n")}


def config(folder: Path, port: int, more: str = "") -> Path:
    file = folder / "extender.toml"
    file.write_text(f'[server]\nhost = "127.0.0.1"\nport = {port}\n{more}')
    return file


def test_the_exit_code_is_that_of_the_status(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with serving(PAGES) as port:
        file = config(tmp_path, port)
        assert probe("/healthz", file) == 0
        assert probe("readyz", file) == 1
    assert capsys.readouterr().out == "ok\nNode: not listed yet\n"


def test_nobody_there_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with serving(PAGES) as port:
        pass
    assert probe("/healthz", config(tmp_path, port)) == 1
    said = f"bayplan: no answer from 127.0.0.1 port {port} (Connection refused)\n"
    assert capsys.readouterr().err == said


def test_any_address_is_asked_on_loopback(tmp_path: Path) -> None:
    with serving(PAGES) as port:
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
    with serving(PAGES, context) as port:
        assert probe("/healthz", config(tmp_path, port, more)) == 0
