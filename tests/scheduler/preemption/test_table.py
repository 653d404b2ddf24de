"""The table of pods that follows a cluster, against one that is built anew."""

from __future__ import annotations

import gc
import weakref
from dataclasses import replace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from bayplan.scheduler.cluster import Cluster
from bayplan.scheduler.events import Bound, Checkpointed, Gone, NodeGone, NodeUp
from bayplan.scheduler.preemption.chunks import Chunks
from bayplan.scheduler.preemption.table import PodTable, pod_table
from victim_scenes import NODES, Scene, requests, scenes


def content(cluster: Cluster, table: PodTable) -> dict[str, Any]:
    """What a table says of every pod, wherever it keeps it."""
    names = {number: name for name, number in table.gangs.number.items()}
    queues = {number: name for name, number in table.queues.number.items()}
    limits = {number: name for name, number in table.limits.number.items()}
    found = {}
    for uid, place in table.place.items():
        row = cluster.row(cluster.pods[uid].placement.node)
        start, n = table.pods.start.item(row), table.pods.count.item(row)
        assert start <= place < start + n
        assert table.uids[place] == uid
        gang, cpu, memory, low, high, first, last, users = table.pods.table[place].tolist()
        links = table.links.table[first:last].tolist()
        found[uid] = {
            "host": (cpu, memory, users),
            "gang": names.get(gang),
            "parts": sorted(table.parts.table[low:high].tolist()),
            "links": sorted(
                (kind, str(limits[number]) if kind > 1 else number, amount)
                for kind, number, amount, _ in links
            ),
            "priority": table.priority.item(place),
            "queue": queues[table.queue.item(place)],
            "flags": (
                bool(table.live[place]),
                bool(table.preemptible[place]),
                bool(table.held[place]),
            ),
            "times": (table.start_s.item(place), table.safe_s.item(place)),
            "gpu": table.gpu_milli.item(place),
        }
    assert int(table.live.sum()) == len(found)
    members = {
        names[g]: sorted(table.uids[p] for p in places) for g, places in table.members.items()
    }
    return {"pods": found, "gangs": {name: uids for name, uids in members.items() if uids}}


def check(cluster: Cluster) -> None:
    anew = PodTable(cluster)
    anew.refresh()
    assert content(cluster, pod_table(cluster)) == content(cluster, anew)
    assert pod_table(cluster).place.keys() == cluster.pods.keys()


@given(scenes(), st.data())
def test_a_table_that_follows_is_as_one_built_anew(scene: Scene, data: st.DataObject) -> None:
    engine, cluster = scene.engine, scene.engine.cluster
    check(cluster)
    for step in range(data.draw(st.integers(1, 6))):
        with cluster.trial() as trial:
            for _ in range(data.draw(st.integers(1, 3))):
                change(data, scene, step)
                if data.draw(st.booleans()):
                    check(cluster)
            if data.draw(st.booleans()):
                trial.keep()
        check(cluster)
    check(cluster.copy())
    assert engine.cluster is cluster


def change(data: st.DataObject, scene: Scene, step: int) -> None:
    cluster = scene.engine.cluster
    uids = sorted(cluster.pods)
    what = data.draw(st.sampled_from(["bound", "gone", "checkpoint", "up", "down"]))
    if what == "bound":
        request = data.draw(requests(f"s{step}-{len(uids)}"))
        if request.uid in cluster.pods:
            return
        decision = scene.engine.decide(request, 50.0)
        if decision.placement is not None:
            cluster.apply(Bound(decision, 50.0))
    elif what == "up":
        name = f"up{len(cluster.nodes)}-{step}"
        if name not in cluster.nodes:
            cluster.apply(NodeUp(replace(data.draw(st.sampled_from(NODES)), name=name)))
    elif what == "down" and cluster.nodes:
        cluster.apply(NodeGone(data.draw(st.sampled_from(sorted(cluster.nodes)))))
    elif what in ("gone", "checkpoint") and uids:
        uid = data.draw(st.sampled_from(uids))
        cluster.apply(Gone(uid) if what == "gone" else Checkpointed(uid, 70.0 + step))


def test_a_table_does_not_keep_its_cluster() -> None:
    cluster = Cluster([NODES[0]])
    pod_table(cluster)
    gone = weakref.ref(cluster)
    del cluster
    gc.collect()
    assert gone() is None


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 9)), max_size=40))
def test_chunks_keep_the_rows_of_every_owner(puts: list[tuple[int, int]]) -> None:
    chunks, wanted = Chunks(2, 4), {owner: list[tuple[int, int]]() for owner in range(4)}
    for number, (owner, n) in enumerate(puts, 1):
        wanted[owner] = [(number, i) for i in range(n)]
        chunks.put(owner, wanted[owner])
    for owner, rows in wanted.items():
        start, n = chunks.start.item(owner), chunks.count.item(owner)
        assert chunks.table[start : start + n].tolist() == [list(row) for row in rows]
    assert int((chunks.table[:, 0] != 0).sum()) == sum(map(len, wanted.values()))
