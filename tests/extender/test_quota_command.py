"""``bayplan quota``: 80 columns of what is free, asked of a running extender."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bayplan.extender.quota_command import ask, show, tables
from bayplan.scheduler.errors import InputError
from bayplan.traces.console import as_text
from extender_serving import Running, running

NO_FILES = (None, None, None)
PAGE: dict[str, Any] = {
    "namespace": "vision",
    "models": [
        {"model": "A100-80GB", "nodes": 12, "total": 96000, "free": 13500, "whole": 13,
         "largest": 4}
    ],
    "slices": [
        {"model": "A100-80GB", "slice": "nvidia.com/mig-1g.10gb", "total": 14, "free": 3}
    ],
    "queues": [
        {"queue": "research", "parent": "", "guaranteed": 60000, "limit": 80000, "used": 71500,
         "yours": 31500, "waiting": 0, "room": 8500},
        {"queue": "vision", "parent": "research", "guaranteed": 40000, "limit": None,
         "used": 31500, "yours": 31500, "waiting": 12, "room": 8500},
    ],
}  # fmt: skip


TABLES = """\
 GPUs        nodes   total   free   whole   most on a node
 ─────────────────────────────────────────────────────────
 A100-80GB      12      96   13.5      13                4


 slices of   resource                 total   free
 ─────────────────────────────────────────────────
 A100-80GB   nvidia.com/mig-1g.10gb      14      3


 queue, in GPUs   guaranteed   limit   used   used by vision   waiting   left
 ────────────────────────────────────────────────────────────────────────────
 research                 60      80   71.5             31.5         0    8.5
 vision                   40       -   31.5             31.5        12    8.5"""


@pytest.fixture(scope="module")
def served() -> Iterator[Running]:
    with running() as found:
        yield found


def test_amounts_are_in_gpus_and_what_there_is_none_of_is_a_dash() -> None:
    assert as_text(tables(PAGE)).strip("\n") == TABLES


def test_long_names_are_folded_into_80_columns() -> None:
    long = json.loads(json.dumps(PAGE).replace("vision", "vision-" * 9).replace("A100", "A" * 90))
    text = as_text(tables(long))
    assert max(map(len, text.splitlines())) <= 80
    assert "71.5" in text
    assert "most on a node" in text


def test_no_gpus_are_said_so() -> None:
    empty = {"namespace": "", "models": [], "slices": [], "queues": []}
    assert as_text(tables(empty)) == "No node has GPUs."


def test_the_page_of_the_namespace_is_asked_for(
    served: Running, capsys: pytest.CaptureFixture[str]
) -> None:
    address = f"http://127.0.0.1:{served.server.port}"
    assert show("vision", address, NO_FILES, as_json=True) == 0
    assert json.loads(capsys.readouterr().out) == {"namespace": "vision"}
    assert json.loads(ask("", address, NO_FILES)) == {"namespace": ""}
    assert served.verbs.asked[-2:] == [("quota", "vision"), ("quota", "")]


def test_a_server_without_the_page_is_none_of_ours(served: Running) -> None:
    address = f"http://127.0.0.1:{served.server.port}"
    with pytest.raises(InputError, match=r"has no page of quotas \(status 404\)"):
        ask("a/b", address, NO_FILES)


def test_an_answer_that_is_no_page_of_quotas_is_said_so(served: Running) -> None:
    address = f"http://127.0.0.1:{served.server.port}"
    with pytest.raises(InputError, match="answers with no page of quotas"):
        show("vision", address, NO_FILES, as_json=False)


@pytest.mark.parametrize("address", ["localhost:9443", "ftp://a", "http://", "http://a/quota"])
def test_what_is_no_address_is_said_so(address: str) -> None:
    with pytest.raises(InputError, match=r"--url is .*; write it as http://HOST:PORT"):
        show("", address, NO_FILES, as_json=False)


def test_where_nobody_answers_the_way_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no extender answers at .*kubectl port-forward"):
        show("", "http://127.0.0.1:1", NO_FILES, as_json=False)
    with pytest.raises(InputError, match="none: certificates cannot be used"):
        show("", "https://127.0.0.1:1", (tmp_path / "none", None, None), as_json=False)
