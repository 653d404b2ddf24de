"""``make cluster``: a Kubernetes cluster to try the extender on, on loopback, until Ctrl-C.

The released components, nodes that KWOK plays (whole GPUs, time-sliced ones, HAMi's), and the
extender beside a kube-scheduler of its own. ``make pod`` and ``make pods`` ask it.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
import tempfile
from pathlib import Path

from .controlplane import build, modules
from .controlplane.cluster import add_nodes
from .controlplane.nodes import hami, plain, time_sliced
from .controlplane.plane import running
from .extender.running import Setup, extender

ROOT = Path(__file__).parents[2]
KUBECONFIG = ROOT / ".cache" / "kubeconfig"
"""Where `make pod` finds the cluster."""


def main() -> int:
    """Start all, say how it is reached, and end all at a signal."""
    folder = Path(tempfile.mkdtemp(prefix="bayplan-cluster-"))
    try:
        with running(build.binaries(modules.wanted()), folder / "plane") as plane:
            add_nodes(plane.client, plain("whole"), time_sliced("sliced", 4, gpus=2), hami("hami"))
            setup = Setup({"devices": {"hami": True}}, _profile())
            with extender(plane, "extender", setup) as ours:
                KUBECONFIG.parent.mkdir(parents=True, exist_ok=True)
                KUBECONFIG.touch(mode=0o600)
                KUBECONFIG.write_text(plane.kubeconfig("admin").read_text(encoding="utf-8"))
                print(f"Kubernetes {modules.wanted()}: {plane.server}")
                print("nodes: whole (8 GPUs), sliced (2 GPUs x 4), hami (8 GPUs)")
                print(f"extender: {ours.address}/state, /explain/default/NAME, /metrics")
                print(f"why does it wait: .venv/bin/bayplan why NAME --url {ours.address}")
                print(f"export KUBECONFIG={os.path.relpath(KUBECONFIG)}")
                print("Ctrl-C ends it.", flush=True)
                signal.pause()
    except KeyboardInterrupt:
        print("\nends", flush=True)
    finally:
        KUBECONFIG.unlink(missing_ok=True)
        shutil.rmtree(folder, ignore_errors=True)
    return 0


def _profile() -> dict[str, object]:
    """Return the profile of the manifests."""
    import yaml

    file = ROOT / "extender" / "deploy" / "base" / "scheduler.yaml"
    return {"profiles": yaml.safe_load(file.read_text(encoding="utf-8"))["profiles"]}


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # ends all, as Ctrl-C does
    sys.exit(main())
