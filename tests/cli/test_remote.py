"""The commands of ``bayplan remote``, against a service on a real port."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from extender_things import node, pod
from rpc_serving import serving

from .support import Bayplan

WORDS = (
    ("remote",),
    *(("remote", n) for n in ("decide", "preempt", "release", "explain", "snapshot", "watch")),
)


@pytest.mark.parametrize("words", WORDS, ids=" ".join)
def test_help_is_at_most_80_columns_wide(words: tuple[str, ...], bayplan: Bayplan) -> None:
    code, out, err = bayplan(*words, "--help")
    assert (code, err) == (0, "")
    assert max(map(len, out.splitlines())) <= 80


def test_room_is_taken_shown_and_given_back(bayplan: Bayplan) -> None:
    with serving(node("a"), pods=(pod("p", 5, at="a"),)) as at:
        to = ("--at", at.target)
        asks = ("--uid", "job", "--gpus", "2", "--cpu-milli", "1500", "--memory-mib", "2048")
        said = "job goes to a: 2 × a GPU\n"
        assert bayplan("remote", "decide", *asks, *to) == (0, said, "")
        committed = bayplan("remote", "decide", *asks, "--commit", "--hold-s", "60", *to)
        assert committed == (0, said, "")
        assert bayplan("remote", "explain", "job", *to)[:2] == (
            0,
            "job has room on a, committed for 0 s, and keeps it for 60 s more.\n",
        )
        assert bayplan("remote", "snapshot", *to)[1].splitlines() == [
            "node  GPUs idle  partly  of  model      CPU free  GiB free",
            "a             1       0   8  A100-80GB      93.5     765.0",
            "1 nodes; pods: 1 bound, 0 held, 1 committed",
            "job is committed on a for 60 s more",
        ]
        refused = bayplan("remote", "decide", "--gpus", "2", *to)
        assert refused == (1, "asked fits nowhere\n  1 × too few GPUs with enough free\n", "")
        code, out, _ = bayplan("remote", "release", "job", "other", *to)
        assert (code, out) == (1, "job is released\nother has no room\n")


def test_json_has_what_was_decided(bayplan: Bayplan) -> None:
    with serving(node("a"), pods=(pod("p", 5, at="a"),)) as at:
        to = ("--at", at.target, "--json")
        found = json.loads(bayplan("remote", "decide", "--gpus", "1", *to)[1])
        grant = {"slot": {"gpu": -1, "start": 0, "size": 0, "profile": ""},
                 "milli": 1000, "memory_mib": 81920}  # fmt: skip
        assert found["placement"] == {"node": "a", "grants": [[grant]], "chosen": [0]}
        assert (found["uid"], found["reasons"], found["committed"]) == ("asked", [], False)
        state = json.loads(bayplan("remote", "snapshot", *to)[1])
        assert [each["name"] for each in state["nodes"]] == ["a"]
        assert state["pods"][0]["standing"] == "bound"
        nobody = json.loads(bayplan("remote", "preempt", "--gpus", "4", *to)[1])
        assert (nobody["nodes"], bool(nobody["why"])) == ([], True)


def test_what_is_wrong_is_a_line(bayplan: Bayplan, tmp_path: Path) -> None:
    code, out, err = bayplan("remote", "decide", "--at", "127.0.0.1:1")
    assert (code, out, len(err.splitlines())) == (2, "", 1)
    assert err.startswith("bayplan: 127.0.0.1:1: failed to connect")
    absent = tmp_path / "ca.pem"
    assert bayplan("remote", "snapshot", "--ca", str(absent)) == (
        2,
        "",
        f"bayplan: {absent}: cannot be read (No such file or directory)\n",
    )
    assert bayplan("remote", "snapshot", "--key", "k") == (
        2,
        "",
        "bayplan: certificates without --ca; name what the server's is signed by\n",
    )
    with serving(node("a")) as at:
        assert bayplan("remote", "explain", "a/b", "--at", at.target) == (
            2,
            "",
            "bayplan: there is no pod a/b; give namespace/name\n",
        )


def test_grpc_is_loaded_only_where_it_is_used() -> None:
    code = (
        "import sys\nfrom bayplan.cli import _run\n_run(['extender', 'config'])\n"
        "from bayplan.extender import serve\n"
        "print({'grpc', 'google.protobuf'} & set(sys.modules), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr == "set()\n"
