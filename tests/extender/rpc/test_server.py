"""The service on a real port: what clients get, by which status, and who is served."""

from __future__ import annotations

import logging
import threading
from pathlib import Path
from typing import Any

import grpc
import pytest
import trustme
from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse
from grpc_health.v1.health_pb2_grpc import HealthStub
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import (
    ProtoReflectionDescriptorDatabase,
)
from prometheus_client import CollectorRegistry

from bayplan.extender.http.settings import TlsSettings
from bayplan.extender.remote import Client, Event, NotAllowed, Standing, Tls, Unreachable
from bayplan.extender.remote.errors import RemoteError
from bayplan.extender.remote.methods import METHODS, SERVICE
from bayplan.extender.remote.pb import bayplan_v1_pb2 as pb
from bayplan.extender.rpc.credentials import credentials_of
from bayplan.extender.rpc.server import RpcServer
from bayplan.extender.rpc.settings import RpcSettings
from bayplan.scheduler.engine import Engine
from bayplan.scheduler.errors import Conflict, Duplicate, InputError, InvalidRequest, Unknown
from bayplan.scheduler.gangs.types import Gang, Role
from bayplan.scheduler.types import DeviceRequest, GpuShare, Reason, Request, Topology, WholeGpus
from bayplan.scheduler.types import TopologyLevel as Level
from extender_things import hami_node, node, pod
from rpc_serving import Serving, eventually, serving


def asking(uid: str, gpus: int = 1, **more: Any) -> Request:
    return Request(uid, 1000, 1024, (DeviceRequest(WholeGpus(gpus)),), **more)


def test_a_decision_changes_nothing_and_is_committed_and_released() -> None:
    with serving(node("a"), node("b"), pods=(pod("p", 6, at="a"),)) as at, at.client() as client:
        decision = client.decide(asking("job", 2))
        assert decision.placement is not None
        assert decision.placement.node == "a"  # best-fit fills it
        assert decision.request == asking("job", 2)
        assert client.decide(asking("job", 2)) == decision._replace(now_s=decision.now_s)
        assert client.commit(decision, hold_s=30) == 1030.0
        assert client.commit(decision) is None
        after = client.decide(asking("next", 2))
        assert after.placement is not None
        assert after.placement.node == "b"
        answer = at.call(lambda: at.service.filter(pod("q", 2), ["a", "b"], holds=False))
        assert answer.passed == ["b"]
        assert client.release("job", "nobody") == ("job",)
        assert client.release("job") == ()
        again = client.decide(asking("next", 2))
        assert again.placement is not None
        assert again.placement.node == "a"


def test_what_fits_nowhere_has_reasons_and_an_explanation() -> None:
    with serving(node("a"), hami_node("h")) as at, at.client() as client:
        decision = client.decide(asking("job", 9))
        assert decision.placement is None
        assert decision.reasons == ((Reason.GPU_COUNT, 2),)
        assert "too few GPUs" in client.explain(asking("job", 9))
        share = Request("s", devices=(DeviceRequest(GpuShare(500, 1000)),))
        found = client.decide(share)
        assert found.placement is not None
        assert found.placement.node == "h"  # elsewhere the device plugin picks
        only = client.decide(share, nodes=["a"])
        assert only.reasons == ((Reason.EXCLUDED, 1), (Reason.GPU_ANONYMOUS, 1))


def test_explanations_are_of_pods_uids_and_requests() -> None:
    with serving(node("a"), pods=(pod("p", 2, at="a"), pod("w", 9))) as at, at.client() as client:
        client.commit(client.decide(asking("job")), hold_s=60)
        assert "on a" in client.explain("default/p")
        assert "too few GPUs" in client.explain("default/w")
        said = "job has room on a, committed for 0 s, and keeps it for 60 s more."
        assert client.explain("job") == said
        for unknown in ("default/x", "x"):
            with pytest.raises(Unknown):
                client.explain(unknown)


def test_a_gang_is_decided_and_committed_whole() -> None:
    with serving(node("a"), node("b")) as at, at.client() as client:
        gang = Gang(
            "g",
            (Role("workers", tuple(asking(f"w{k}", 4, gang="g") for k in range(3))),),
            (Topology(Level.NODE, required=False),),
        )
        plan = client.decide_gang(gang)
        nodes = sorted(each.placement.node for each in plan.decisions if each.placement)
        assert [each.request.uid for each in plan.decisions] == ["w0", "w1", "w2"]
        assert nodes in (["a", "a", "b"], ["a", "b", "b"])
        client.commit(*plan.decisions, unchanged=True)
        again = client.decide_gang(gang)
        assert sorted(again.bound) == ["w0", "w1", "w2"]
        larger = Gang("h", (Role("all", tuple(asking(f"h{k}", 3, gang="h") for k in range(2))),))
        refused = client.decide_gang(larger)
        assert (refused.decisions, refused.first_left) == ((), "h1")
        assert refused.why.startswith("1 of 2 members fit in the cluster; ")
        assert len(client.release("w0", "w1", "w2")) == 3


def gang_of(n: int) -> Gang:
    members = tuple(asking(f"w{k}", 0, gang="g")._replace(devices=()) for k in range(n))
    return Gang("g", (Role("all", members),))


def test_a_large_gang_is_decided_beside_the_calls(monkeypatch: pytest.MonkeyPatch) -> None:
    begun, go, plans = threading.Event(), threading.Event(), list[Any]()
    decide = Engine.decide_gang

    def slowly(*what: Any, **more: Any) -> Any:
        begun.set()
        assert go.wait(20)
        return decide(*what, **more)

    monkeypatch.setattr(Engine, "decide_gang", slowly)
    with serving(node("a")) as at, at.client() as one, at.client() as other:
        asks = threading.Thread(target=lambda: plans.append(one.decide_gang(gang_of(17))))
        asks.start()
        assert begun.wait(20)
        assert other.decide(asking("job")).placement is not None
        assert plans == []
        go.set()
        asks.join(20)
        assert len(plans[0].decisions) == 17
        one.commit(*plans[0].decisions, unchanged=True)  # it rests on the live versions


def test_a_gang_has_so_many_members_at_most() -> None:
    with serving(node("a"), most_members=3) as at, at.client() as client:
        assert len(client.decide_gang(gang_of(3)).decisions) == 3
        said = r"gang g has 4 members; grpc\.most_members is 3"
        with pytest.raises(InvalidRequest, match=said):
            client.decide_gang(gang_of(4))
        with pytest.raises(InvalidRequest, match=said):
            client.preempt_gang(gang_of(4))


def test_victims_are_named_and_nobody_is_evicted() -> None:
    runs = pod("low", 8, at="a", spec={"priority": 1})
    with serving(node("a"), pods=(runs,)) as at, at.client() as client:
        found = client.preempt(asking("job", 4, priority=100))
        assert [(each.node, each.uids) for each in found.nodes] == [("a", ("default/low",))]
        nobody = client.preempt(asking("job", 4, priority=0))
        assert (nobody.nodes, bool(nobody.why)) == ((), True)
        gang = Gang("g", (Role("r", (asking("w", 8, gang="g", priority=100),)),))
        for_gang = client.preempt_gang(gang)
        assert for_gang.uids == ("default/low",)
        assert for_gang.plan is not None
        assert len(for_gang.plan.decisions) == 1
        client.commit(client.decide(asking("cpu", 0)._replace(devices=())))
        assert [each.uid for each in client.snapshot().pods] == ["cpu", "default/low"]


def test_a_snapshot_has_all_nodes_and_pods() -> None:
    nodes = [node(f"n{k:03}", 1) for k in range(450)]
    pods = (pod("runs", 1, at="n007"),)
    with serving(*nodes, pods=pods) as at, at.client() as client:
        client.commit(client.decide(asking("job"), nodes=["n009"]), hold_s=5)
        state = client.snapshot()
        assert [each.name for each in state.nodes] == [f"n{k:03}" for k in range(450)]
        used = {each.name for each in state.nodes if each.slots[0].free_milli < 1000}
        assert used == {"n007", "n009"}
        first = state.nodes[7]
        assert (first.cpu_milli, first.free_cpu_milli) == (96_000, 95_000)
        assert first.gpu_model == "A100-80GB"
        runs, job = state.pods
        assert (runs.uid, runs.standing, runs.until_s) == ("default/runs", Standing.BOUND, None)
        assert (job.uid, job.standing, job.until_s) == ("job", Standing.COMMITTED, 1005.0)


def test_versions_grow_over_restarts() -> None:
    def version() -> int:
        with serving(node("a")) as at, at.client() as client:
            ((_, found),) = client.decide(asking("job")).rests_on
            assert client.snapshot().nodes[0].version == found
            return found

    assert version() < version()


def test_each_refusal_has_its_status() -> None:
    with serving(node("a")) as at, at.client() as client:
        decision = client.decide(asking("job", 5))
        client.commit(decision)
        other = decision._replace(request=asking("other", 5))
        with pytest.raises(Conflict, match="it no longer fits"):
            client.commit(other)
        with pytest.raises(Duplicate, match="job has other room, on a; release it first"):
            client.commit(decision._replace(request=asking("job", 5, priority=3)))
        with pytest.raises(InvalidRequest, match="there is no node x; ask among those"):
            client.decide(asking("job"), nodes=["x"])
        with pytest.raises(InvalidRequest, match="has no placement"):
            client.commit(decision._replace(placement=None))
        with pytest.raises(InvalidRequest):
            client.decide(Request("job", devices=(DeviceRequest(GpuShare(2000)),)))
        name = "bayplan_rpc_calls_total"
        assert at.metric(name, method="Commit", code="ABORTED") == 1
        assert at.metric(name, method="Commit", code="ALREADY_EXISTS") == 1
        assert at.metric(name, method="Decide", code="INVALID_ARGUMENT") == 2
        assert at.metric(name, method="Decide", code="OK") == 1


def health_of(channel: grpc.Channel, name: str) -> Any:
    stub: Any = HealthStub(channel)
    return stub.Check(HealthCheckRequest(service=name), timeout=10).status


def test_until_the_cluster_is_known_nobody_is_answered_and_health_says_so() -> None:
    with serving(node("a"), warm=False) as at, at.client() as client:
        with pytest.raises(Unreachable, match="kernels are being compiled"):
            client.decide(asking("job"))
        with at.channel() as channel:

            def says(status: Any) -> bool:
                return all(health_of(channel, name) == status for name in ("", SERVICE))

            eventually(lambda: says(HealthCheckResponse.NOT_SERVING))
            at.service.warm = True
            eventually(lambda: says(HealthCheckResponse.SERVING))
        assert client.decide(asking("job")).placement is not None


def test_reflection_has_the_service() -> None:
    with serving(node("a")) as at, at.channel() as channel:
        database = ProtoReflectionDescriptorDatabase(channel)
        services = {SERVICE, "grpc.health.v1.Health", "grpc.reflection.v1alpha.ServerReflection"}
        assert set(database.get_services()) == services
        file = database.FindFileContainingSymbol(SERVICE)
        assert [each.name for each in file.service[0].method] == list(METHODS)


def heard_by(client: Client, events: list[Event]) -> threading.Thread:
    def listen() -> None:
        try:
            events.extend(client.watch())
        except RemoteError:
            return

    thread = threading.Thread(target=listen, daemon=True)
    thread.start()
    return thread


def test_a_watch_is_told_of_pods_and_of_clients() -> None:
    waits, placed = pod("waits", 9), pod("placed", 2)
    events: list[Event] = []
    with serving(node("a"), node("b"), pods=(waits, placed)) as at, at.client() as client:
        thread = heard_by(client, events)
        eventually(lambda: at.call(lambda: len(at.server._feed)))
        verbs = at.server.verbs
        at.call(lambda: verbs.filter(waits, ["a", "b"], holds=False))  # a dry run
        at.call(lambda: verbs.filter(waits, ["a", "b"], holds=True))
        at.call(lambda: verbs.prioritize(placed, ["a", "b"]))
        decision = client.decide(asking("job", 8), nodes=["b"])
        client.commit(decision, hold_s=10)
        at.now_s[0] += 10
        at.call(lambda: at.service.owner.tick(at.now_s[0]))
        eventually(lambda: len(events) == 4)
        client.commit(decision, hold_s=10)
        at.call(lambda: at.service.deleted("Node", node("b")))
        eventually(lambda: len(events) == 6)
    thread.join(10)
    assert not thread.is_alive()  # the server ended the watch
    found = [(each.kind, each.uid, each.node) for each in events]
    assert found == [
        ("waits", "default/waits", ""),
        ("chosen", "default/placed", "a"),
        ("room_committed", "job", "b"),
        ("room_expired", "job", "b"),
        ("room_committed", "job", "b"),
        ("room_lost", "job", "b"),
    ]
    assert events[0].why == "2 nodes: too few GPUs, or each too small"


def test_there_are_only_so_many_watches() -> None:
    with serving(node("a"), most_watches=1) as at, at.client() as client:
        events: list[Event] = []
        heard_by(client, events)
        eventually(lambda: at.call(lambda: len(at.server._feed)))
        with pytest.raises(Unreachable, match="there are 1 watches already"):
            next(client.watch())


def test_a_watch_that_is_given_up_is_forgotten() -> None:
    with serving(node("a")) as at:
        with at.client() as client:
            heard_by(client, [])
            eventually(lambda: at.call(lambda: len(at.server._feed)))
        eventually(lambda: at.call(lambda: len(at.server._feed)) == 0)


def test_a_port_that_is_taken_is_one_line() -> None:
    with serving(node("a")) as at:

        def second() -> str:
            try:
                RpcServer(at.service, RpcSettings(port=at.server.port), CollectorRegistry())
            except InputError as error:
                return str(error)
            return ""

        assert at.call(second) == (
            f"cannot listen on 127.0.0.1 port {at.server.port} for gRPC;"
            " give another grpc.host or grpc.port"
        )


def test_nobody_at_the_port_is_one_line() -> None:
    with serving(node("a")) as at:
        target = at.target
    with Client(target) as client, pytest.raises(Unreachable, match=target):
        client.decide(asking("job"))


# --- certificates --------------------------------------------------------------------------


class Files:
    """Certificates of a server and of clients, as files."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ca, self.strange = trustme.CA(), trustme.CA()
        self.ca.cert_pem.write_to_path(str(folder / "ca.pem"))
        self.certify("server", self.ca, "localhost", "127.0.0.1")

    def certify(self, name: str, ca: trustme.CA, *names: str, common: str | None = None) -> None:
        made = ca.issue_cert(*names, common_name=common)
        made.private_key_pem.write_to_path(str(self.folder / f"{name}.key"))
        made.cert_chain_pems[0].write_to_path(str(self.folder / f"{name}.pem"))

    def server(self) -> TlsSettings:
        at = self.folder
        return TlsSettings(at / "server.pem", at / "server.key", at / "ca.pem")

    def client(self, name: str) -> Tls:
        at = self.folder
        return Tls(at / "ca.pem", at / f"{name}.pem", at / f"{name}.key")


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(tmp_path)


def outcome(at: Serving, tls: Tls | None) -> str:
    with at.client(tls=tls, timeout_s=5.0) as client:
        try:
            client.decide(asking("job"))
        except RemoteError as error:
            return type(error).__name__
        return "served"


def test_only_clients_with_a_certificate_and_an_allowed_name_are_served(files: Files) -> None:
    files.certify("slurm", files.ca, "slurm.example")
    files.certify("common", files.ca, "x.example", common="simulator")
    files.certify("other", files.ca, "other.example")
    files.certify("stranger", files.strange, "slurm.example")
    allowed = frozenset({"slurm.example", "simulator"})
    with serving(node("a"), tls=files.server(), clients=allowed) as at:
        assert outcome(at, files.client("slurm")) == "served"
        assert outcome(at, files.client("common")) == "served"
        assert outcome(at, files.client("other")) == "NotAllowed"
        assert outcome(at, files.client("stranger")) == "Unreachable"
        assert outcome(at, Tls(files.folder / "ca.pem")) == "Unreachable"
        assert outcome(at, None) == "Unreachable"
        assert at.metric("bayplan_rpc_calls_total", method="Decide", code="OK") == 2


def test_who_is_not_named_gets_no_health_and_no_reflection_and_no_stream(files: Files) -> None:
    files.certify("other", files.ca, "other.example")
    at_other = files.client("other")
    with serving(node("a"), tls=files.server(), clients=frozenset({"slurm"})) as at:
        with at.client(tls=at_other) as client:
            for call in (client.snapshot, lambda: next(client.watch())):
                with pytest.raises(NotAllowed, match=r"not among grpc\.clients"):
                    call()
        credentials = grpc.ssl_channel_credentials(
            *(
                file.read_bytes()
                for file in (at_other.ca, at_other.key, at_other.certificate)
                if file
            )
        )
        with grpc.secure_channel(at.target, credentials) as channel:
            with pytest.raises(grpc.RpcError) as found:
                health_of(channel, "")
            assert found.value.code() is grpc.StatusCode.PERMISSION_DENIED
            with pytest.raises(grpc.RpcError):
                ProtoReflectionDescriptorDatabase(channel).get_services()


def test_without_names_any_client_of_the_ca_is_served_and_named(
    files: Files, caplog: pytest.LogCaptureFixture
) -> None:
    files.certify("slurm", files.ca, "slurm.example")
    caplog.set_level(logging.INFO)
    with serving(node("a"), tls=files.server()) as at:
        with at.client(tls=files.client("slurm")) as client:
            client.commit(client.decide(asking("job")))
            assert "committed by slurm.example for" in client.explain("job")
        assert outcome(at, Tls(files.folder / "ca.pem")) == "Unreachable"
    (line,) = [each for each in caplog.records if each.message == "room committed"]
    assert (line.uid, line.client) == ("job", "slurm.example")  # type: ignore[attr-defined]


def test_a_client_releases_what_it_has_committed_and_an_admin_cleans_up(files: Files) -> None:
    for name in ("slurm", "simulator", "operator"):
        files.certify(name, files.ca, f"{name}.example")
    admins = frozenset({"operator.example"})
    with (
        serving(node("a"), tls=files.server(), admins=admins) as at,
        at.client(tls=files.client("slurm")) as slurm,
        at.client(tls=files.client("simulator")) as simulator,
        at.client(tls=files.client("operator")) as operator,
    ):
        decision = slurm.decide(asking("job"))
        slurm.commit(decision)
        said = r"job is slurm\.example's, which alone may commit it again or release it"
        with pytest.raises(NotAllowed, match=said):
            simulator.release("job")
        with pytest.raises(NotAllowed, match=said):
            simulator.commit(decision)
        assert slurm.release("job") == ("job",)
        slurm.commit(decision)
        assert operator.release("job") == ("job",)
        for method in ("Release", "Commit"):
            denied = {"method": method, "code": "PERMISSION_DENIED"}
            assert at.metric("bayplan_rpc_calls_total", **denied) == 1


def test_certificates_that_change_are_taken_and_broken_ones_are_not(
    files: Files, caplog: pytest.LogCaptureFixture
) -> None:
    files.certify("slurm", files.ca, "slurm.example")
    with serving(node("a"), tls=files.server()) as at:
        assert outcome(at, files.client("slurm")) == "served"
        (files.folder / "server.pem").write_text("half")
        assert outcome(at, files.client("slurm")) == "served"
        assert "new certificates cannot be used; the old ones stay" in caplog.messages
        files.strange.cert_pem.write_to_path(str(files.folder / "ca.pem"))
        files.certify("server", files.strange, "localhost", "127.0.0.1")
        files.certify("new", files.strange, "new.example")
        assert outcome(at, files.client("new")) == "served"
        assert outcome(at, files.client("slurm")) == "Unreachable"  # trusted no longer


def test_certificates_that_cannot_be_used_are_one_line(files: Files) -> None:
    (files.folder / "server.key").write_text("no key")
    with pytest.raises(InputError, match=r"server\.pem, .*ca\.pem: the certificates cannot be"):
        credentials_of(files.server())


# --- secrets -------------------------------------------------------------------------------

TOKEN = "planted-4f1c0e6a"


def test_no_secret_of_a_call_is_in_the_log(
    files: Files, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """In metadata, in what is asked, and in a key: calls that go well, and that fail inside."""
    caplog.set_level(logging.DEBUG)
    files.certify("slurm", files.ca, "slurm.example")
    key = (files.folder / "slurm.key").read_text()
    request = pb.Request(uid="job", node_labels={"secret": TOKEN}, queue=TOKEN)
    metadata = (("authorization", f"Bearer {TOKEN}"),)
    with serving(node("a"), tls=files.server(), clients=frozenset({"slurm.example"})) as at:
        tls = files.client("slurm")
        credentials = grpc.ssl_channel_credentials(
            *(file.read_bytes() for file in (tls.ca, tls.key, tls.certificate) if file)
        )
        with grpc.secure_channel(at.target, credentials) as channel:

            def call(name: str, asked: Any) -> grpc.StatusCode:
                method = METHODS[name]
                ask = channel.unary_unary(
                    method.path, method.asked.SerializeToString, method.answered.FromString
                )
                try:
                    ask(asked, metadata=metadata, timeout=10)
                except grpc.RpcError as error:
                    return error.code()
                return grpc.StatusCode.OK

            asked = pb.DecideRequest(request=request)
            assert call("Decide", asked) is grpc.StatusCode.OK
            commit = pb.CommitRequest(decisions=[pb.Decision(request=request)])
            assert call("Commit", commit) is grpc.StatusCode.INVALID_ARGUMENT

            def fails(*arguments: Any, **more: Any) -> Any:
                raise RuntimeError("out of order")

            monkeypatch.setattr(at.service.owner.engine, "decide", fails)
            assert call("Decide", asked) is grpc.StatusCode.INTERNAL
            monkeypatch.undo()
        outcome(at, Tls(files.folder / "ca.pem"))
    lines = caplog.text + "".join(str(vars(each)) for each in caplog.records)
    said = "".join([lines, *capfd.readouterr()])
    assert "Decide failed" in caplog.messages
    assert "out of order" in caplog.text
    assert TOKEN not in said
    assert key.splitlines()[1] not in said
