"""A simulation whose decisions a service takes is the one that its own engine makes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bayplan.extender.remote import Standing, decider
from bayplan.extender.remote.decider import HOLD_S, RemoteDecider
from bayplan.extender.remote.errors import RemoteError
from bayplan.extender.remote.nodes import free_nodes, is_open
from bayplan.scheduler.constraints.types import Taint
from bayplan.scheduler.errors import Conflict
from bayplan.scheduler.gangs.types import Gang, Role
from bayplan.scheduler.sharing import Hami
from bayplan.scheduler.types import DeviceRequest, Node, Request, WholeGpus
from bayplan.simulator.core.parts import Parts
from bayplan.simulator.core.results import Outcome
from bayplan.simulator.core.settings import Settings
from bayplan.simulator.core.simulation import Simulation
from bayplan.traces import node_table, nodes_from
from bayplan.traces.jobs import JobTable
from extender_things import hami_node, node, pod
from rpc_serving import serving

Object = dict[str, Any]
WHOLE = ("first-fit", "best-fit", "worst-fit", "dot-product", "gpu-packing", "pwr")
SHARES = ("first-fit", "best-fit", "worst-fit", "gpu-clustering")


@dataclass(frozen=True)
class Case:
    """A live cluster, what is to run there, and how."""

    things: Sequence[Object]
    names: Sequence[str]
    jobs: Mapping[str, Sequence[Any]]
    settings: Settings


def nodes_here(state: Any, names: Sequence[str], *sharing: Hami) -> list[Node]:
    """Return the nodes of a scenario that was written from what is there."""
    there = [each for each in free_nodes(state) if each.name in names]
    return [replace(each, sharing=sharing) for each in nodes_from(node_table(there))]


def both(case: Case, *sharing: Hami) -> tuple[Outcome, Outcome]:
    """Run a case here and there."""
    with serving(*case.things, placement=case.settings.placement) as at, at.client() as client:
        here = nodes_here(client.snapshot(), case.names, *sharing)
        local = Simulation(here, JobTable.of(**case.jobs), case.settings).run()
        with RemoteDecider(client, at.target) as decides:
            decides.choose_among(case.names)
            parts = Parts(decider=decides)
            remote = Simulation(here, JobTable.of(**case.jobs), case.settings, parts).run()
        assert client.snapshot().pods == ()
    return local, remote


def same(local: Outcome, remote: Outcome) -> None:
    assert remote.log == local.log
    assert remote.rejections == local.rejections
    np.testing.assert_equal(asdict(remote.totals), asdict(local.totals))
    for what in ("jobs", "series"):
        for field in fields(getattr(local, what)):
            mine, other = (getattr(getattr(o, what), field.name) for o in (local, remote))
            np.testing.assert_array_equal(other, mine, err_msg=field.name)


@st.composite
def jobs(draw: st.DrawFn, *, shares: bool) -> dict[str, list[Any]]:
    n = draw(st.integers(1, 14))
    columns: dict[str, list[Any]] = {"name": [f"j{k}" for k in draw(st.permutations(range(n)))]}
    columns["arrival_s"] = sorted(draw(st.integers(0, 60)) for _ in range(n))
    columns["work_s"] = [draw(st.integers(1, 40)) for _ in range(n)]
    columns["gpu_count"] = [draw(st.sampled_from((0, 1, 1, 2, 3))) for _ in range(n)]
    columns["pods"] = [draw(st.sampled_from((1, 1, 2, 4))) for _ in range(n)]
    columns["cpu_milli"] = [draw(st.sampled_from((0, 1000, 30_000))) for _ in range(n)]
    columns["priority"] = [draw(st.integers(0, 2)) for _ in range(n)]
    columns["cancel_s"] = [draw(st.sampled_from((np.nan, np.nan, 70.0))) for _ in range(n)]
    columns["gang"] = [draw(st.sampled_from(("", "", "", "g"))) for _ in range(n)]
    for k in [k for k in range(n) if columns["gang"][k]][1:]:  # roles of one job
        first = columns["gang"].index("g")
        for name in ("arrival_s", "work_s", "priority", "cancel_s"):
            columns[name][k] = columns[name][first]
    if shares:
        milli = [draw(st.sampled_from((200, 500, 1000))) for _ in range(n)]
        columns["gpu_milli"] = [
            m if count else 0 for m, count in zip(milli, columns["gpu_count"], strict=True)
        ]
    return columns


@st.composite
def cases(draw: st.DrawFn, *, shares: bool) -> Case:
    names = draw(st.permutations([f"n{k}" for k in range(draw(st.integers(1, 4)))]))
    counts = [draw(st.sampled_from((1, 2, 4) if shares else (0, 1, 2, 4))) for _ in names]
    make = hami_node if shares else node
    things = [make(name, count) for name, count in zip(names, counts, strict=True)]
    if draw(st.booleans()):  # nodes that are not of the scenario
        other = node("aside", 8)
        other["spec"]["taints"] = [{"key": "control-plane", "effect": "NoSchedule"}]
        things.insert(draw(st.integers(0, len(things))), other)
    run = Settings(
        placement=draw(st.sampled_from(SHARES if shares else WHOLE)),
        ordering=draw(st.sampled_from(("fifo", "sjf", "priority"))),
        strict=draw(st.booleans()),
        log=True,
        stints=1000,
    )
    backfill = draw(st.sampled_from(("", "", "conservative")))
    if backfill:
        run = replace(run, backfill=backfill, strict=False)
    return Case(things, names, draw(jobs(shares=shares)), run)


@settings(max_examples=40)
@given(cases(shares=False))
def test_whole_gpus_that_a_device_plugin_picks_are_given_out_as_by_the_own_engine(
    case: Case,
) -> None:
    same(*both(case))


@settings(max_examples=20)
@given(cases(shares=True))
def test_shares_are_given_out_as_by_the_own_engine(case: Case) -> None:
    same(*both(case, Hami()))


def test_a_run_goes_as_worked_out_by_hand() -> None:
    """Two nodes of two GPUs, the later name first; the gang waits until there are two free."""
    table: dict[str, list[Any]] = {
        "name": ["one", "two", "gang", "large", "back"],
        "arrival_s": [0.0, 1.0, 2.0, 3.0, 4.0],
        "work_s": [10.0, 20.0, 5.0, 1.0, 1.0],
        "gpu_count": [1, 2, 1, 3, 1],
        "pods": [1, 1, 2, 1, 1],
    }
    run = Settings(placement="first-fit", strict=True, log=True)
    local, remote = both(Case([node("b", 2), node("a", 2)], ["b", "a"], table, run))
    assert [tuple(each) for each in remote.log] == [
        (0.0, "reject", "large", ""),
        (0.0, "arrive", "one", ""),
        (0.0, "start", "one", "b"),
        (1.0, "arrive", "two", ""),
        (1.0, "start", "two", "a"),
        (2.0, "arrive", "gang", ""),
        (4.0, "arrive", "back", ""),
        (10.0, "finish", "one", ""),
        (10.0, "start", "gang", "b"),
        (15.0, "finish", "gang", ""),
        (15.0, "start", "back", "b"),
        (16.0, "finish", "back", ""),
        (21.0, "finish", "two", ""),
    ]
    assert remote.rejections == (("large", "too few GPUs, or each too small"),)
    same(local, remote)


def test_a_gang_of_equals_is_put_where_the_own_engine_puts_it() -> None:
    """Node by node, as nothing keeps it off any: one by one worst-fit would spread it."""
    table: dict[str, list[Any]] = {"name": ["g"], "work_s": [5], "gpu_count": [1], "pods": [4]}
    tainted = node("t", 8)
    tainted["spec"]["taints"] = [{"key": "k", "effect": "NoSchedule"}]
    run = Settings(placement="worst-fit", log=True)
    local, remote = both(Case([tainted, node("a", 4), node("b", 4)], ["a", "b"], table, run))
    assert [each.detail for each in remote.log if each.what == "start"] == ["a"]
    same(local, remote)


# --- room --------------------------------------------------------------------------------------


def asking(uid: str, gpus: int = 1) -> Request:
    return Request(uid, 1000, 1024, (DeviceRequest(WholeGpus(gpus)),))


def test_room_is_under_names_of_the_run_and_given_back_at_its_end() -> None:
    with serving(node("a")) as at, at.client() as client:
        with RemoteDecider(client, at.target) as first, RemoteDecider(client, at.target) as other:
            for decides in (first, other):
                decision = decides.decide(asking("job", 2), 7.0)
                assert (decision.request, decision.now_s) == (asking("job", 2), 7.0)
                decides.commit([decision])
            pods = client.snapshot().pods
            assert len({each.uid for each in pods}) == 2
            assert {each.uid.partition("/")[2] for each in pods} == {"job"}
            assert {each.standing for each in pods} == {Standing.COMMITTED}
            assert {each.until_s for each in pods} == {1000.0 + HOLD_S}
        assert client.snapshot().pods == ()


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, ValueError])
def test_room_is_given_back_when_the_run_breaks_off(error: type[BaseException]) -> None:
    with serving(node("a")) as at, at.client() as client:

        def run() -> None:
            with RemoteDecider(client, at.target) as decides:
                decides.commit([decides.decide(asking("job", 2), 0.0)])
                assert len(client.snapshot().pods) == 1
                raise error

        with pytest.raises(error):
            run()
        assert client.snapshot().pods == ()


@pytest.mark.parametrize("name", ["commit", "release"])
def test_room_is_given_back_when_a_call_was_broken_off_and_the_run_ends_all_the_same(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving(node("a")) as at, at.client() as client:
        called = getattr(client, name)

        def broken(*arguments: Any, **more: Any) -> None:
            called(*arguments, **more)
            monkeypatch.undo()
            raise KeyboardInterrupt

        with RemoteDecider(client, at.target) as decides:
            for uid in ("first", "job"):
                decision = decides.decide(asking(uid, 2), 0.0)
                if uid == "job":
                    monkeypatch.setattr(client, name, broken)
                with suppress(KeyboardInterrupt):
                    decides.commit([decision])
            with suppress(KeyboardInterrupt):
                decides.release(["job"])
        assert client.snapshot().pods == ()


def test_room_is_kept_while_the_run_goes_on_and_no_longer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now_s = [0.0]
    monkeypatch.setattr(decider, "monotonic", lambda: now_s[0])
    with serving(node("a"), most_hold_s=300.0) as at, at.client() as client:
        decides = RemoteDecider(client, at.target)

        def go_on(seconds: float) -> None:
            now_s[0] += seconds
            at.now_s[0] += seconds
            at.call(lambda: at.service.owner.tick(at.now_s[0]))

        def until_s() -> list[float | None]:
            return [each.until_s for each in client.snapshot().pods]

        decides.commit([decides.decide(asking("job", 2), 0.0)])
        assert until_s() == [1300.0]  # the service has a shorter limit
        go_on(99.0)
        decides.decide(asking("next"), 0.0)
        assert until_s() == [1300.0]
        go_on(1.0)
        decides.decide(asking("next"), 0.0)
        assert until_s() == [1400.0]
        go_on(299.0)
        assert until_s() == [1400.0]
        go_on(1.0)  # nobody has been asked for anything: the run is dead
        assert until_s() == []


def test_a_gang_that_does_not_fit_is_told_of_by_its_own_names() -> None:
    members = tuple(asking(f"g/{k}", 3)._replace(gang="g") for k in range(2))
    with (
        serving(node("a", 4)) as at,
        at.client() as client,
        RemoteDecider(client, at.target) as decides,
    ):
        plan = decides.decide_gang(Gang("g", (Role("0", members),)), 5.0)
    assert (plan.decisions, plan.missing, plan.first_left, plan.now_s) == ((), 1, "g/1", 5.0)
    why = "1 of 2 members fit in the cluster; g/1 does not: 1 × too few GPUs with enough free"
    assert plan.why == why


def test_room_that_something_else_has_taken_meanwhile_is_told() -> None:
    with serving(node("a")) as at, at.client() as client:
        with RemoteDecider(client, at.target) as decides:
            decision = decides.decide(asking("job", 5), 0.0)
            client.commit(client.decide(asking("other", 5)))
            with pytest.raises(Conflict, match="something else changes the cluster") as said:
                decides.commit([decision])
            assert "run-" not in str(said.value)
        assert [each.uid for each in client.snapshot().pods] == ["other"]


def test_room_that_was_lost_is_told() -> None:
    with serving(node("a")) as at, at.client() as client:
        with RemoteDecider(client, at.target) as decides:
            decides.commit([decides.decide(asking("job", 5), 0.0)])
            client.release(*(each.uid for each in client.snapshot().pods))
            with pytest.raises(RemoteError, match=": job has lost its room: the service was star"):
                decides.release(["job"])
        assert client.snapshot().pods == ()


# --- nodes -------------------------------------------------------------------------------------


def test_nodes_have_what_is_free_in_the_order_of_ties() -> None:
    tainted = node("t")
    tainted["spec"]["taints"] = [{"key": "k", "value": "v", "effect": "NoExecute"}]
    things = (
        node("z", 2),
        hami_node("h", 2, split=4),
        tainted,
        node("c", 0),
        node("x", cordoned=True),
    )
    with serving(*things, pods=(pod("p", 1, at="z"),)) as at, at.client() as client:
        share = DeviceRequest(WholeGpus(1))
        client.commit(client.decide(Request("one", devices=(share,)), nodes=["h"]))
        state = client.snapshot()
    assert state.placement == "best-fit"
    z, h, t, c, x = free_nodes(state)
    assert [each.name for each in (z, h, t, c, x)] == ["z", "h", "t", "c", "x"]
    assert (z.cpu_milli, z.memory_mib, z.gpu_count) == (95_000, 767 << 10, 2)
    assert (z.gpu_model, z.gpu_memory_mib, z.anonymous_gpus) == ("A100-80GB", 81_920, True)
    assert (z.unhealthy, z.sharing) == ((0,), ())
    assert (h.sharing, h.anonymous_gpus, h.unhealthy) == ((Hami(4, 1000),), False, (0,))
    assert t.taints == (Taint("k", "v", t.taints[0].effect),)
    assert (c.gpu_count, c.gpu_model, c.gpu_memory_mib) == (0, "", 0)
    assert [is_open(each) for each in (z, h, t, c, x)] == [True, True, False, True, False]
