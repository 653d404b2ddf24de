"""Asking a running extender: what it says, and one line for whatever goes wrong."""

from __future__ import annotations

import json
import ssl
from pathlib import Path

import pytest
import trustme

from bayplan.extender.reaching import Server, brief_at
from bayplan.scheduler.errors import InputError
from bayplan.scheduler.explaining.brief import Advice, Brief, Count, Kind, Search, State, as_data

from .stub_pages import serving

BRIEF = Brief(
    Kind.POD, "team/p", State.WAITS, "9 GPUs", n_nodes=2, reasons=(Count("too few GPUs", 2),),
    nearest="a: 8 of 9", notes=("one", "two"), search=Search.DONE, advice=(Advice("add", "more"),),
)  # fmt: skip
PAGES: dict[str, tuple[int, str]] = {
    "/explain/team/p": (200, json.dumps({"pod": "team/p", "why": as_data(BRIEF), "text": "x"})),
    "/below/explain/team/p": (200, json.dumps({"why": as_data(BRIEF)})),
    "/explain/team/g/part%20a": (200, json.dumps({"why": as_data(BRIEF)})),
    "/explain/team/none": (404, '{"Error":"there is no pod or gang team/none, or it has ended"}'),
    "/explain/team/fails": (500, '{"Error":"internal error, see the log by id 12"}'),
    "/explain/team/old": (200, '{"pod":"team/old","text":"Pod team/old fits now"}'),
    "/explain/team/html": (404, "<html>"),
    "/explain/team/odd": (200, '{"why":{"kind":"pod","name":7}}'),
}


def test_what_it_says_comes_back_whole() -> None:
    with serving(PAGES) as port:
        url = f"http://127.0.0.1:{port}"
        assert brief_at(Server(url), "team/p") == BRIEF
        assert brief_at(Server(f"{url}/below/"), "team/p") == BRIEF
        assert brief_at(Server(url), "team/g/part a") == BRIEF


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("none", "there is no pod or gang team/none, or it has ended; write NAMESPACE/NAME"),
        ("fails", "status 500: internal error, see the log by id 12; see its log"),
        ("old", "status 200: it does not say why"),
        ("html", "no page of an extender"),
        ("odd", "no page of an extender (Expected `str`, got `int` - at `$.why.name`)"),
    ],
)
def test_what_is_no_answer_is_one_line(name: str, said: str) -> None:
    with serving(PAGES) as port, pytest.raises(InputError) as caught:
        brief_at(Server(f"http://127.0.0.1:{port}"), f"team/{name}")
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("127.0.0.1:9443", "--url is '127.0.0.1:9443'; write http://HOST:PORT"),
        ("ftp://h", "--url is 'ftp://h'; write http://HOST:PORT"),
        ("http://h:99999", "--url is 'http://h:99999': Port out of range 0-65535"),
    ],
)
def test_an_address_that_is_none(url: str, said: str) -> None:
    with pytest.raises(InputError, match=r"--url") as caught:
        brief_at(Server(url), "team/p")
    assert str(caught.value).startswith(said)


def test_nobody_there() -> None:
    with serving(PAGES) as port:
        pass
    with pytest.raises(InputError) as caught:
        brief_at(Server(f"http://127.0.0.1:{port}"), "team/p")
    assert str(caught.value) == (
        f"no answer from http://127.0.0.1:{port} (Connection refused);"
        " kubectl -n bayplan port-forward deployment/bayplan 9443, or name --url"
    )


def test_over_tls_both_sides_show_certificates(tmp_path: Path) -> None:
    authority = trustme.CA()
    issued, client = authority.issue_cert("bayplan.bayplan.svc"), authority.issue_cert("me")
    ca, cert, key = (tmp_path / name for name in ("ca", "cert", "key"))
    authority.cert_pem.write_to_path(ca)
    client.cert_chain_pems[0].write_to_path(cert)
    client.private_key_pem.write_to_path(key)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    issued.configure_cert(context)
    authority.configure_trust(context)
    context.verify_mode = ssl.CERT_REQUIRED
    with serving(PAGES, context) as port:
        url = f"https://127.0.0.1:{port}"
        assert brief_at(Server(url, ca, cert, key), "team/p") == BRIEF
        for less in (Server(url), Server(url, ca), Server(url, None, cert, key)):
            with pytest.raises(InputError, match="no answer from https"):
                brief_at(less, "team/p")


def test_files_that_are_no_certificates(tmp_path: Path) -> None:
    bad = tmp_path / "bad"
    with pytest.raises(InputError, match="no such file; check the path"):
        brief_at(Server("https://127.0.0.1:1", bad), "team/p")
    bad.write_text("no PEM")
    for server in (Server("https://h", bad), Server("https://h", None, bad)):
        with pytest.raises(InputError, match=r"the certificates cannot be used .*; write PEM"):
            brief_at(server, "team/p")
    with pytest.raises(InputError, match="certificates for http; write --url https"):
        brief_at(Server("http://h", bad), "team/p")
