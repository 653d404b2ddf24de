"""The command ``bayplan why``: of a dump and of a running extender, exit codes, output."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from bayplan.scheduler.explaining.brief import Brief, Kind, State, as_data

from .support import Bayplan
from .test_plan import GANG, node, pod, write_dump

DUMP = ("--dump", "dump.json")
GATED: dict[str, Any] = {"schedulingGates": [{"name": "team/quota"}]}


@pytest.fixture
def cluster(folder: Path) -> None:
    """Two nodes of two GPUs, one of which is full; a pod, a gang and a pod of each kind wait."""
    write_dump(
        node("n1"),
        node("n2"),
        pod("runs", 2, "n1", priority=0),
        pod("big", 3, priority=9),
        pod("fits", 2),
        pod("gated", 1, **GATED),
        pod("odd", "1x"),
        *[pod(f"g-{k}", 2, priority=1, labels=GANG) for k in range(2)],
        *[pod(f"h-{k}", 1, "n2", labels={"scheduling.x-k8s.io/pod-group": "h"}) for k in (0, 1)],
    )


@pytest.mark.parametrize(
    ("name", "lines"),
    [
        ("big", [
            "Pod default/big waits: it asks for 3 GPUs, 1 CPU.",
            "2 nodes: too few GPUs, or each too small",
            "Nearest: n1: it has 2 GPUs of L4, too few or too small; enough CPU",
            "No change was found that would help.",
        ]),
        ("default/g", [
            "Gang default/g waits: 0 of 2 members find a place, 2 must start together.",
            "Each member asks for 2 GPUs, 1 CPU.",
            "The first without a place is default/g-0; by itself it fits no node.",
            "2 nodes: too few GPUs with enough free",
            "What would help, the gentlest first:",
            "  1. add 2 nodes like n1: 2 GPUs of L4, 8 CPU, 16 GiB",
            "  2. evict 3 pods of priority up to 0: default/h-0, default/h-1 and 1 more",
        ]),
        ("runs", [
            "Pod default/runs is on n1.",
            "1 node would take it now; by best-fit this is the first of them",
        ]),
        ("default/h", ["Gang default/h has started: 2 of 2 members are bound on 1 node: n2."]),
        ("gated", [
            "Pod default/gated waits: it asks for 1 GPU, 1 CPU.",
            "Scheduling gates of pod default/gated are not lifted: team/quota",
        ]),
    ],
)  # fmt: skip
def test_a_dump_says_why(cluster: None, bayplan: Bayplan, name: str, lines: list[str]) -> None:
    assert bayplan("why", name, *DUMP) == (0, "\n".join(lines) + "\n", "")


def test_what_cannot_be_read_of_a_pod_is_why_it_waits(cluster: None, bayplan: Bayplan) -> None:
    code, out, _ = bayplan("why", "odd", *DUMP)
    assert (code, out.splitlines()[0]) == (0, "Pod default/odd waits.")
    assert "'1x'" in out


def test_a_member_has_the_answer_of_its_gang(cluster: None, bayplan: Bayplan) -> None:
    assert bayplan("why", "g-1", *DUMP) == bayplan("why", "default/g", *DUMP)


def test_json_has_the_lines_and_what_they_are_made_of(cluster: None, bayplan: Bayplan) -> None:
    code, out, err = bayplan("why", "g", *DUMP, "--json")
    found: dict[str, Any] = json.loads(out)
    assert (code, err, found["schema"]) == (0, "", "bayplan.why/1")
    assert (found["kind"], found["name"], found["state"]) == ("gang", "default/g", "waits")
    assert (found["placed"], found["size"], found["least"], found["left"]) == (
        0, 2, 2, "default/g-0",
    )  # fmt: skip
    assert found["reasons"] == [{"text": "too few GPUs with enough free", "nodes": 2}]
    assert [each["kind"] for each in found["advice"]] == ["add", "evict"]
    assert "\n".join(found["lines"]) + "\n" == bayplan("why", "g", *DUMP)[1]


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (("bigg", *DUMP), "dump.json: there is no pod or gang default/bigg, or it has ended;"
                          " did you mean default/big?"),
        (("zzz/zzz", *DUMP), "there is no pod or gang zzz/zzz, or it has ended; write"),
        (("p", "--dump", "none.json"), "none.json: no such file"),
        (("/p", *DUMP), "'/p' is no pod or gang; write NAMESPACE/NAME"),
        (("a/", *DUMP), "'a/' is no pod or gang; write NAMESPACE/NAME"),
        (("p", *DUMP, "--url", "http://h"), "--dump beside a running extender; give one"),
        (("p", "--key", "k"), "--key without --certificate; name the certificate, too"),
        (("p", "--url", "h:1"), "--url is 'h:1'; write http://HOST:PORT"),
        (("p", "--url", "http://127.0.0.1:1"), "no answer from http://127.0.0.1:1 (Connection"),
        ((), "argument"),
    ],
)  # fmt: skip
def test_bad_input_is_one_line(
    cluster: None, refused: Callable[..., str], flags: tuple[str, ...], said: str
) -> None:
    assert said in refused("why", *flags)


BRIEF = Brief(Kind.POD, "team/p", State.WAITS, "9 GPUs", why="gang team/g is on its way")


class Page(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        there = self.path == "/explain/team/p"
        text = json.dumps({"why": as_data(BRIEF)} if there else {"Error": "there is no pod"})
        self.send_response(200 if there else 404)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def url() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Page)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_running_extender_says_why(bayplan: Bayplan, url: str) -> None:
    lines = ["Pod team/p waits: it asks for 9 GPUs.", "Gang team/g is on its way"]
    assert bayplan("why", "team/p", "--url", url) == (0, "\n".join(lines) + "\n", "")
    code, out, _ = bayplan("why", "team/p", "--url", url, "--json")
    assert (code, json.loads(out)) == (0, json.loads(json.dumps(as_data(BRIEF))))
    assert bayplan("why", "q", "--url", url)[0] == 2


def test_help_is_at_most_80_columns_wide(bayplan: Bayplan) -> None:
    code, out, err = bayplan("why", "--help")
    assert (code, err) == (0, "")
    assert max(map(len, out.splitlines())) <= 80


def test_a_running_extender_is_asked_without_what_it_does_not_need(url: str) -> None:
    program = (
        "import sys; from bayplan.cli import _run;"
        f"code = _run(['why', 'team/p', '--url', {url!r}]);"
        "print(code, {'simpy', 'rich.table', 'kubernetes', 'orjson'} & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == "0 set()"
