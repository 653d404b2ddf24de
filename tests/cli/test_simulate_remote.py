"""``bayplan simulate --remote``: a run that a service decides, on a real port."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import trustme

from bayplan.extender.http.settings import TlsSettings
from bayplan.extender.remote import Standing
from extender_things import bound, hami_node, node, pod
from rpc_serving import Serving, serving

from .support import Bayplan, listing, started

JOBS = (
    "name,arrival_s,work_s,gpu_count,pods\n"
    "one,0,10,1,1\ntwo,1,20,2,1\ngang,2,5,1,2\nlarge,3,1,9,1\ncpu,4,100,0,1\n"
)
RUN = ("simulate", "--cluster.file", "live.csv", "--jobs.file", "jobs.csv")


@pytest.fixture(autouse=True)
def _jobs(folder: Path) -> None:
    (folder / "jobs.csv").write_text(JOBS)


def exported(bayplan: Bayplan, at: Serving) -> tuple[str, ...]:
    """Write the live nodes into the scenario's file; return how the service is reached."""
    code, _, err = bayplan("remote", "snapshot", "--nodes", "live.csv", "--at", at.target)
    assert (code, err) == (0, "")
    return ("--remote", at.target)


def rooms(at: Serving) -> list[str]:
    with at.client() as client:
        return [each.uid for each in client.snapshot().pods if each.standing is Standing.COMMITTED]


def test_a_run_is_the_same_as_the_own_engine_makes_byte_by_byte(
    bayplan: Bayplan, folder: Path
) -> None:
    with serving(node("b", 2), node("a", 2)) as at:
        code, out, err = bayplan("remote", "snapshot", "--nodes", "live.csv", "--at", at.target)
        assert (code, out, err) == (0, "live.csv: 2 of 2 nodes\n", "")
        there = ("--remote", at.target)
        code, mine, err = bayplan(*RUN, "--run.log", "--out", "run")
        assert (code, err) == (0, "")
        (folder / "run").rename(folder / "here")
        code, said, err = bayplan(*RUN, "--run.log", "--out", "run", *there)
        assert (code, err) == (0, "")
        assert rooms(at) == []
        *lines, told = said.splitlines()
        assert lines == mine.splitlines()
        # One decision a start, two that find no room, one for the job that no node could hold.
        assert told.startswith(f"decided by {at.target}: ")
        assert bayplan(*RUN, "--quiet", *there) == (0, "", "")
    assert listing(folder / "run") == listing(folder / "here")
    for name in sorted(listing(folder / "run") - {"summary.json"}):
        assert (folder / "run" / name).read_bytes() == (folder / "here" / name).read_bytes(), name
    here, run = (json.loads((folder / n / "summary.json").read_text()) for n in ("here", "run"))
    assert run["settings"].pop("decided_by") == at.target
    assert run == here
    log = (folder / "run" / "log.csv").read_text().splitlines()
    assert "10.0,start,gang,b" in log


def test_shares_are_decided_where_something_hands_them_out(bayplan: Bayplan, folder: Path) -> None:
    (folder / "jobs.csv").write_text(
        "name,arrival_s,work_s,gpu_count,gpu_milli\n"
        + "".join(f"j{k},{k},{10 + k},1,{300 + 50 * (k % 4)}\n" for k in range(40))
    )
    shares = (*RUN, "--sharing.mode", "hami", "--run.log", "--out")
    with serving(hami_node("h"), hami_node("g")) as at:
        there = exported(bayplan, at)
        assert bayplan(*shares, "here")[0] == 0
        assert bayplan(*shares, "run", *there)[0] == 0
        assert rooms(at) == []
    for name in ("log.csv", "stints.parquet", "timeseries.parquet"):
        assert (folder / "run" / name).read_bytes() == (folder / "here" / name).read_bytes()


def refused_alone(folder: Path, *arguments: str) -> str:
    """Run what must be refused in a process of its own, where gRPC's core is told to be silent."""
    before = listing(folder)
    done = started(*arguments, cwd=folder)
    assert (done.returncode, done.stdout, listing(folder)) == (2, "", before)
    (line,) = done.stderr.splitlines()
    return line.removeprefix("bayplan: ")


# --- what is refused ---------------------------------------------------------------------------

Refused = Callable[..., str]


@pytest.mark.parametrize(
    ("key", "value", "fix"),
    [
        ("policy.backfill", "easy", "set it to none or conservative"),
        ("policy.preemption", "priority", "set it to none"),
        ("policy.preemption", "repack", "set it to none"),
        ("policy.elasticity", "equal-share", "set it to none"),
        ("stragglers.detector", "progress", "set it to none"),
        ("cluster.changes", "changes.csv", "leave it out"),
    ],
)
def test_what_a_service_cannot_do_is_refused(
    bayplan: Bayplan, refused: Refused, folder: Path, key: str, value: str, fix: str
) -> None:
    (folder / "changes.csv").write_text("time_s,node,what\n1,a,drain\n")
    with serving(node("a", 2)) as at:
        there = exported(bayplan, at)
        said = refused(*RUN, f"--{key}", value, "--out", "run", *there)
        assert said == f"{key}: {at.target} does not do this; {fix}"
        assert rooms(at) == []


def test_nodes_that_fail_are_refused(bayplan: Bayplan, refused: Refused, folder: Path) -> None:
    (folder / "c.toml").write_text('[[nodes]]\nname = "a"\ngpus = 2\nmtbf_h = 5\nmttr_h = 1\n')
    with serving(node("a", 2)) as at:
        run = ("simulate", "--cluster.file", "c.toml", *RUN[3:])
        said = refused(*run, "--remote", at.target)
        where = f"cluster.file: its nodes fail, or come and go, and those of {at.target} stay"
        assert said == f"{where}; leave that out"


def test_policies_must_be_one_that_draws_nothing(bayplan: Bayplan, refused: Refused) -> None:
    with serving(node("a", 2), placement="worst-fit") as at:
        there = exported(bayplan, at)
        said = refused(*RUN, *there)
        what = f"policy.placement: it is best-fit, and worst-fit at {at.target}"
        assert said == f"{what}; set it to worst-fit"
        assert bayplan(*RUN, "--policy.placement", "worst-fit", *there)[0] == 0
    with serving(node("a", 2), placement="random") as at:
        said = refused(*RUN, "--policy.placement", "random", "--remote", at.target)
        assert said.startswith("policy.placement: random draws by names of pods, which are others")
    with serving(node("a", 2), placement="image-locality") as at:
        said = refused(*RUN, "--policy.placement", "image-locality", "--remote", at.target)
        assert said.startswith("policy.placement: image-locality goes by images, which are not")


def tainted(name: str) -> dict[str, Any]:
    made = node(name, 2)
    made["spec"]["taints"] = [{"key": "team", "value": "x", "effect": "NoSchedule"}]
    return made


CHANGES: dict[str, list[Any]] = {
    "there is no node a at AT": [node("x", 2), node("b", 2)],
    "node a has 96,000 milli-CPU, and 95,000 are free at AT": [node("a", 2), node("b", 2), "p"],
    "node a has 2 GPUs, and 4 are free at AT": [node("a", 4), node("b", 2)],
    "node a has A100-80GB GPUs, and H100-80GB-SXM at AT": [
        node(
            "a",
            2,
            labels={
                "nvidia.com/gpu.product": "NVIDIA-H100-80GB-HBM3",
                "nvidia.com/gpu.memory": "81920",
            },
        ),
        node("b", 2),
    ],
    "node a takes no new pods at AT": [node("a", 2, cordoned=True), node("b", 2)],
    "node a has the taint team at AT": [tainted("a"), node("b", 2)],
    "of equal nodes b comes before a at AT, and behind it here": [node("b", 2), node("a", 2)],
}


@pytest.mark.parametrize("problem", CHANGES)
def test_other_nodes_are_refused(bayplan: Bayplan, refused: Refused, problem: str) -> None:
    with serving(node("a", 2), node("b", 2)) as at:
        exported(bayplan, at)
    things = [each for each in CHANGES[problem] if each != "p"]
    pods = (bound(pod("p", 0, asks={"cpu": "1"}), "a"),) if "p" in CHANGES[problem] else ()
    with serving(*things, pods=pods) as at:
        said = refused(*RUN, "--out", "run", "--remote", at.target)
        fix = "`bayplan remote snapshot --nodes FILE` writes what is there"
        assert said == f"cluster.file: {problem.replace('AT', at.target)}; {fix}"


def test_gpus_that_are_shared_in_another_way_are_refused(
    bayplan: Bayplan, refused: Refused
) -> None:
    with serving(hami_node("h", split=4)) as at:
        there = exported(bayplan, at)
        for mode, here in (
            ("none", "nothing"),
            ("hami", "hami(vgpus=10, capacity_milli=1000)"),
            ("exclusive", "exclusive()"),
        ):
            said = refused(*RUN, "--sharing.mode", mode, *there)
            assert said == (
                f"sharing.mode: GPU 0 of node h is shared by {here}, and by"
                f" hami(vgpus=4, capacity_milli=1000) at {at.target}; set it to how they are shared"
                " there"
            )


def test_gpus_that_others_have_are_refused_and_cpu_is_not(
    bayplan: Bayplan, refused: Refused
) -> None:
    small = bound(pod("small", 0, asks={"cpu": "1"}), "a")
    large = bound(pod("large", 1), "a")
    with serving(node("a", 2), node("b", 2), pods=(small,)) as at:
        assert bayplan(*RUN, *exported(bayplan, at))[0] == 0
    with serving(node("a", 2), node("b", 2), pods=(large,)) as at:
        said = refused(*RUN, *exported(bayplan, at))
        assert said.startswith(f"cluster.file: GPU 0 of node a is not free at {at.target}; ")


def test_nodes_of_a_cluster_that_the_scenario_does_not_name_are_left_alone(
    bayplan: Bayplan, folder: Path
) -> None:
    (folder / "jobs.csv").write_text("name,arrival_s,work_s,gpu_count\nx,0,1,2\ny,0,1,2\n")
    with serving(tainted("t"), node("a", 2), node("b", 2)) as at:
        there = exported(bayplan, at)
        rows = (folder / "live.csv").read_text().splitlines()
        assert [row.partition(",")[0] for row in rows] == ["name", "a", "b"]
        (folder / "live.csv").write_text("\n".join([rows[0], rows[2]]) + "\n")
        assert bayplan(*RUN, "--run.log", "--out", "run", *there)[0] == 0
    log = (folder / "run" / "log.csv").read_text().splitlines()
    assert [each for each in log if ",start," in each] == ["0.0,start,x,b", "1.0,start,y,b"]


def test_parts_of_gpus_that_a_device_plugin_picks_are_refused(
    bayplan: Bayplan, refused: Refused, folder: Path
) -> None:
    (folder / "jobs.csv").write_text("name,work_s,gpu_count,gpu_milli\nx,1,1,1000\ny,1,1,500\n")
    with serving(node("a", 2)) as at:
        said = refused(*RUN, *exported(bayplan, at))
        assert said == (
            f"jobs.file: job y asks for a part of a GPU, and at {at.target} the device plugin of"
            " node a hands out whole ones; leave such jobs out"
        )


def test_a_service_that_is_not_there_is_a_line(
    bayplan: Bayplan, refused: Refused, folder: Path
) -> None:
    with serving(node("a", 2)) as at:
        exported(bayplan, at)
    said = refused(*RUN, "--out", "run", "--remote", "127.0.0.1:1")
    assert said.startswith("127.0.0.1:1: failed to connect")
    said = refused(*RUN, "--out", "run", "--remote", "no-such-host.invalid:9444")
    assert said.startswith("no-such-host.invalid:9444: ")
    said = refused(*RUN, "--ca", "ca.pem")
    assert said == "certificates without --remote; name host and port of the service"
    said = refused(*RUN, "--remote", "127.0.0.1:1", "--key", "k.pem")
    assert said == "certificates without --ca; name what the server's is signed by"


def test_only_clients_with_a_certificate_are_served(bayplan: Bayplan, folder: Path) -> None:
    own, strange = trustme.CA(), trustme.CA()
    own.cert_pem.write_to_path(str(folder / "ca.pem"))
    for name, ca in (("server", own), ("client", own), ("stranger", strange)):
        made = ca.issue_cert("localhost", "127.0.0.1", common_name=name)
        made.cert_chain_pems[0].write_to_path(str(folder / f"{name}.pem"))
        made.private_key_pem.write_to_path(str(folder / f"{name}.key"))
    tls = TlsSettings(folder / "server.pem", folder / "server.key", folder / "ca.pem")
    with serving(node("a", 2)) as at:
        exported(bayplan, at)
    with serving(node("a", 2), tls=tls) as at:

        def to(name: str) -> tuple[str, ...]:
            return ("--remote", at.target, "--ca", "ca.pem", "--certificate", f"{name}.pem",
                    "--key", f"{name}.key")  # fmt: skip

        assert refused_alone(folder, *RUN, *to("stranger")).startswith(f"{at.target}: ")
        assert bayplan(*RUN, "--quiet", *to("client")) == (0, "", "")


# --- what happens meanwhile --------------------------------------------------------------------


def many(folder: Path, n: int = 400) -> None:
    """Write jobs that take turns on a GPU, so that there are as many decisions and passes."""
    rows = "".join(f"j{k},{k},1.5,1\n" for k in range(n))
    (folder / "jobs.csv").write_text("name,arrival_s,work_s,gpu_count\n" + rows)


def meanwhile(
    at: Serving, monkeypatch: pytest.MonkeyPatch, number: int, happens: Callable[[], object]
) -> None:
    """Let something happen on the service's loop when it is asked for a decision of a number."""
    engine, asked = at.service.owner.engine, []
    decide = engine.decide

    def counted(*arguments: Any, **more: Any) -> Any:
        asked.append(1)
        if len(asked) == number:
            happens()
        return decide(*arguments, **more)

    monkeypatch.setattr(engine, "decide", counted)


def test_a_service_that_goes_away_in_the_middle_is_a_line(
    bayplan: Bayplan, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    many(folder)
    with serving(node("a", 1)) as at:
        there = exported(bayplan, at)
        tasks = []

        def stop() -> None:
            tasks.append(at.loop.create_task(at.server._server.stop(0)))

        meanwhile(at, monkeypatch, 20, stop)
        said = refused_alone(folder, *RUN, "--out", "run", *there)
        assert said.startswith(f"{at.target}: ")
        assert tasks


def test_room_that_is_lost_in_the_middle_is_a_line(
    bayplan: Bayplan, refused: Refused, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    many(folder)
    with serving(node("a", 2)) as at:
        there = exported(bayplan, at)
        servicer = at.server._servicer

        def lose() -> None:
            for uid, room in list(servicer.rooms._rooms.items()):
                servicer.rooms.release([uid], at.now_s[0], room.client)

        meanwhile(at, monkeypatch, 20, lose)
        said = refused(*RUN, "--out", "run", *there)
        assert said.startswith(f"{at.target}: j")
        assert " has lost its room: the service was started anew, or others run in its" in said
        assert rooms(at) == []


def test_pods_that_leave_room_in_the_middle_are_a_line(
    bayplan: Bayplan, refused: Refused, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A node gets more than the run knows of: what it then decides cannot be."""
    many(folder)
    with serving(node("a", 1), placement="worst-fit") as at:
        there = (*exported(bayplan, at), "--policy.placement", "worst-fit")
        # Not within the call: on a real loop a decision is not interrupted.
        grows = partial(at.service.changed, "Node", node("b", 4))
        meanwhile(at, monkeypatch, 20, lambda: asyncio.get_running_loop().call_soon(grows))
        said = refused(*RUN, "--out", "run", *there)
        assert said.startswith("j")
        assert "something else has changed the cluster meanwhile" in said
        assert rooms(at) == []


def test_ctrl_c_gives_all_room_back_and_writes_what_was_done(
    bayplan: Bayplan, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    many(folder)
    with serving(node("a", 1)) as at:
        there = exported(bayplan, at)
        meanwhile(at, monkeypatch, 20, lambda: os.kill(os.getpid(), signal.SIGINT))
        code, _, err = bayplan(*RUN, "--out", "run", *there)
        assert code == 1
        assert err.startswith("bayplan: interrupted at ")
        assert rooms(at) == []
    summary = json.loads((folder / "run" / "summary.json").read_text())
    assert summary["settings"]["complete"] is False
