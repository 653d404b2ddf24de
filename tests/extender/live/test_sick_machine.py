"""Random lives of a cluster whose GPUs fall ill, are withdrawn, and get well again."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import strategies as st
from hypothesis.stateful import rule

from bayplan.extender.health.entries import QUARANTINED, Entry, read_entries, write_entries
from bayplan.extender.health.settings import Judging

from .test_machine import NODES, SETTINGS, Cluster, asked, at, gpus_of


class SickCluster(Cluster):
    """As ``Cluster``; a node that is put anew is well."""

    settings = replace(SETTINGS, health=Judging())

    @rule(name=st.sampled_from(NODES), n=st.integers(0, 3), n_back=st.integers(0, 2))
    def fall_ill(self, name: str, n: int, n_back: int) -> None:
        """Some GPUs are quarantined, and the device plugin keeps some back."""
        if name not in self.nodes:
            return
        thing = self.nodes[name]
        status = thing["status"]
        left = max(0, int(status["capacity"].get("nvidia.com/gpu", 0)) - n_back)
        if self.gpus_on(name) > left:
            self.crowded.add(name)
        entries = [Entry(f"GPU-{name}-{k}", k, "xid-79", "then") for k in range(n)]
        said = {QUARANTINED: text} if (text := write_entries(entries)) else {}
        self.nodes[name] = {
            **thing,
            "metadata": {**thing["metadata"], "annotations": said},
            "status": {
                **status,
                "allocatable": {**status["allocatable"], "nvidia.com/gpu": str(left)},
            },
        }
        self.say("changed", "Node", self.nodes[name])

    def bind(self, name: str, where: str, works: bool) -> None:
        comes = name in self.pods and asked(self.pods[name]) > 0 and not at(self.pods[name])
        closed = comes and not self.late_nodes() and self.may_give_a_sick_gpu(where)
        super().bind(name, where, works)
        assert not (closed and at(self.pods[name])), "somebody new may have a sick GPU"

    def may_give_a_sick_gpu(self, where: str) -> bool:
        thing = self.nodes.get(where)
        if thing is None:
            return False
        sick = read_entries(thing["metadata"]["annotations"].get(QUARANTINED, ""))
        kept_back = int(thing["status"]["capacity"].get("nvidia.com/gpu", 0)) - gpus_of(thing)
        return len(sick) > kept_back


TestSickCluster = SickCluster.TestCase
