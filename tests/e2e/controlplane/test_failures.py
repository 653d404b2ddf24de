"""Components die as in a crash and come back; and in the end nothing is left of any of them."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from .client import Client, wait_for
from .cluster import add_nodes, all_in, gpus_used, pods_by_name, run
from .nodes import plain
from .plane import Plane, Settings, running
from .pods import node_of, phase, pod

pytestmark = pytest.mark.controlplane


def test_an_api_server_comes_back_with_what_it_had(plane: Plane, client: Client) -> None:
    add_nodes(client, plain("a"), plain("b"))
    before = run(client, pod("kept", 8))
    server = plane.servers["kube-apiserver"]
    address, pid = plane.server, server.pid
    server.kill()
    try:
        with pytest.raises(Exception, match="Connection refused"):
            client.get("Pod", "kept")
    finally:
        server.start()
    assert (plane.server, client.server) == (address, address)
    assert server.pid != pid
    after = pods_by_name(client)
    assert after["kept"]["metadata"]["uid"] == before["kept"]["metadata"]["uid"]
    assert node_of(after["kept"]) == node_of(before["kept"])
    # Scheduler and KWOK have found the new one: a further pod is bound and runs.
    placed = run(client, pod("new", 8))
    assert gpus_used(placed | after) == {"a": 8, "b": 8}


def test_pods_wait_for_a_scheduler_that_died(plane: Plane, client: Client) -> None:
    add_nodes(client, plain("a"))
    server = plane.servers["kube-scheduler"]
    server.kill()
    try:
        client.create(pod("waits", 8))
        assert not server.alive()
        assert (phase(client.get("Pod", "waits")), node_of(client.get("Pod", "waits"))) == (
            "Pending", "",
        )  # fmt: skip
    finally:
        server.start()
    wait_for("its successor", lambda: all_in(client, "Running", "waits"))


def test_etcd_comes_back_with_its_data(plane: Plane, client: Client) -> None:
    add_nodes(client, plain("a"))
    run(client, pod("kept", 8))
    server = plane.servers["etcd"]
    server.kill()
    server.start()
    wait_for("etcd behind the API server", lambda: _answers(client))
    assert list(pods_by_name(client)) == ["kept"]


def _answers(client: Client) -> bool:
    from kubernetes.client import ApiException

    try:
        return bool(client.call("GET", "readyz"))
    except ApiException:
        return False


SETTINGS = Settings(
    gates={"SchedulerAsyncPreemption": False},
    apis={"internal.apiserver.k8s.io/v1alpha1": True},
    scheduler={"profiles": [{"schedulerName": "ours"}]},
)


def test_a_plane_has_its_settings_listens_on_loopback_and_leaves_nothing(
    binaries: dict[str, Path], tmp_path: Path
) -> None:
    with running(binaries, tmp_path / "plane", SETTINGS) as plane:
        enabled = plane.client.call("GET", "metrics")
        assert (
            'kubernetes_feature_enabled{name="SchedulerAsyncPreemption",stage="BETA"} 0' in enabled
        )
        assert plane.client.call("GET", "apis/internal.apiserver.k8s.io")["versions"]
        add_nodes(plane.client, plain("a"))
        run(plane.client, pod("x", 1, scheduler="ours"))
        pids = {name: server.pid for name, server in plane.servers.items()}
        ports = {name: _listening(pid) for name, pid in pids.items()}
        assert all(ports.values()), f"one listens nowhere: {ports}"
        assert {host for found in ports.values() for host, _ in found} == {"127.0.0.1"}
    assert not any(Path(f"/proc/{pid}").exists() for pid in pids.values())
    for host, port in set().union(*ports.values()):
        with socket.socket() as probe:
            assert probe.connect_ex((host, port)) != 0


def _listening(pid: int) -> set[tuple[str, int]]:
    """Return the addresses where a process listens, IPv6 ones as they stand in proc_net_tcp(5)."""
    sockets = {os.readlink(each) for each in Path(f"/proc/{pid}/fd").iterdir() if each.is_symlink()}
    found = set()
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/{pid}/net/{table}").read_text().splitlines()[1:]:
            local, state, inode = (line.split()[i] for i in (1, 3, 9))
            if state == "0A" and f"socket:[{inode}]" in sockets:
                host, port = local.split(":")
                dotted = socket.inet_ntoa(bytes.fromhex(host)[::-1]) if table == "tcp" else host
                found.add((dotted, int(port, 16)))
    return found
