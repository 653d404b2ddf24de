"""The command lines of a control plane. Every server listens on the loopback interface alone."""

from __future__ import annotations

from pathlib import Path

from .certificates import Certificates

LOOPBACK = "127.0.0.1"
CONTROLLERS = (
    "namespace-controller",
    "serviceaccount-controller",
    "root-ca-certificate-publisher-controller",
    "garbage-collector-controller",
    "pod-garbage-collector-controller",
    "job-controller",
    "replicaset-controller",
    "deployment-controller",
    "disruption-controller",  # budgets count in preemption
    "node-lifecycle-controller",
    "taint-eviction-controller",
    "resourceclaim-controller",
)
LEASE_S = 160
"""How long a node's lease holds. KWOK renews it after a quarter: 25 writes a second for 1,000."""
GRACE_S = 200
"""How long after its last sign a node is taken for dead."""
QPS = 1000
"""Calls a second that a client may make. The default, 50, measures only itself."""


def etcd(binary: Path, data: Path, port: int, peers: int) -> list[str]:
    """Return the command of an etcd of one member. What it holds survives the process only."""
    client, peer = f"http://{LOOPBACK}:{port}", f"http://{LOOPBACK}:{peers}"
    return [
        str(binary),
        f"--data-dir={data}",
        f"--listen-client-urls={client}",
        f"--advertise-client-urls={client}",
        f"--listen-peer-urls={peer}",
        f"--initial-advertise-peer-urls={peer}",
        f"--initial-cluster=default={peer}",
        "--unsafe-no-fsync",  # a machine that fails takes the test with it
    ]


def apiserver(
    binary: Path,
    certificates: Certificates,
    port: int,
    etcd_port: int,
    gates: dict[str, bool],
    apis: dict[str, bool],
) -> list[str]:
    """Return the command of an API server with RBAC that signs service accounts' tokens."""
    return [
        str(binary),
        f"--etcd-servers=http://{LOOPBACK}:{etcd_port}",
        f"--bind-address={LOOPBACK}",
        f"--secure-port={port}",
        "--endpoint-reconciler-type=none",  # there is no address but loopback to publish
        f"--tls-cert-file={certificates.certificate('apiserver')}",
        f"--tls-private-key-file={certificates.key('apiserver')}",
        f"--client-ca-file={certificates.ca}",
        "--authorization-mode=RBAC",
        "--service-cluster-ip-range=10.96.0.0/16",
        "--service-account-issuer=https://kubernetes.default.svc",
        f"--service-account-key-file={certificates.certificate('service-accounts')}",
        f"--service-account-signing-key-file={certificates.key('service-accounts')}",
        *_switches("feature-gates", gates),
        *_switches("runtime-config", apis),
    ]


def controller_manager(
    binary: Path,
    certificates: Certificates,
    kubeconfig: Path,
    port: int,
    gates: dict[str, bool],
) -> list[str]:
    """Return the command of a controller manager that runs ``CONTROLLERS`` alone."""
    return [
        str(binary),
        *_component(kubeconfig, port),
        f"--kubeconfig={kubeconfig}",
        f"--cert-dir={certificates.folder / 'controller-manager'}",
        f"--controllers={','.join(CONTROLLERS)}",
        "--leader-elect=false",
        "--use-service-account-credentials",
        f"--root-ca-file={certificates.ca}",
        f"--service-account-private-key-file={certificates.key('service-accounts')}",
        f"--node-monitor-grace-period={GRACE_S}s",
        f"--kube-api-qps={QPS}",
        f"--kube-api-burst={QPS}",
        *_switches("feature-gates", gates),
    ]


def scheduler(
    binary: Path,
    certificates: Certificates,
    kubeconfig: Path,
    port: int,
    gates: dict[str, bool],
    config: Path,
) -> list[str]:
    """Return the command of a kube-scheduler with a configuration file."""
    return [
        str(binary),
        *_component(kubeconfig, port),
        f"--cert-dir={certificates.folder / config.stem}",
        f"--config={config}",
        *_switches("feature-gates", gates),
    ]


def kwok(binary: Path, kubeconfig: Path, stages: Path, port: int) -> list[str]:
    """Return the command of a KWOK that plays the kubelet of every node."""
    return [
        str(binary),
        f"--kubeconfig={kubeconfig}",
        f"--config={stages}",
        "--manage-all-nodes=true",
        f"--node-lease-duration-seconds={LEASE_S}",
        f"--node-ip={LOOPBACK}",
        f"--server-address={LOOPBACK}:{port}",
    ]


def _component(kubeconfig: Path, port: int) -> list[str]:
    """Return what a controller manager and a scheduler have in common."""
    return [
        f"--authentication-kubeconfig={kubeconfig}",
        f"--authorization-kubeconfig={kubeconfig}",
        f"--bind-address={LOOPBACK}",
        f"--secure-port={port}",
    ]


def _switches(flag: str, on: dict[str, bool]) -> list[str]:
    values = ",".join(f"{name}={str(value).lower()}" for name, value in sorted(on.items()))
    return [f"--{flag}={values}"] if on else []
