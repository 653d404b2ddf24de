from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import numpy as np
import pytest

from bayplan.scheduler.errors import InputError
from bayplan.traces import synth_settings
from bayplan.traces.canonical import csv_text
from bayplan.traces.info import class_counts, gpu_demand_milli
from bayplan.traces.schema import NodeTable, PodTable
from bayplan.traces.synth import synthesize
from bayplan.traces.synth_nodes import NODE_CLASSES, class_sizes
from bayplan.traces.synth_settings import SynthSettings

SEEDS = range(1, 6)
LARGE = SynthSettings(nodes=2000)


def texts(settings: SynthSettings) -> tuple[str, str]:
    nodes, pods = synthesize(settings)
    return csv_text(nodes), csv_text(pods)


def test_equal_settings_give_equal_bytes_and_seeds_differ() -> None:
    assert texts(SynthSettings(nodes=50)) == texts(SynthSettings(nodes=50))
    assert texts(SynthSettings(nodes=50))[1] != texts(SynthSettings(nodes=50, seed=2))[1]


@pytest.mark.parametrize("seed", SEEDS)
def test_classes_shapes_and_load_are_as_stated(seed: int) -> None:
    nodes, pods = synthesize(replace(LARGE, seed=seed))
    counts = np.array(list(class_counts(pods).values())) / len(pods)
    np.testing.assert_allclose(counts, [0.13, 0.38, 0.47, 0.02], atol=0.015)
    shapes = {*zip(pods.cpu_milli, pods.memory_mib, pods.gpu_count, pods.gpu_milli, strict=True)}
    assert 100 <= len(shapes) <= 200
    bound = sum(map(bool, pods.gpu_models)) / int((pods.gpu_count > 0).sum())
    assert bound == pytest.approx(0.1, abs=0.02)
    load = gpu_demand_milli(pods) / (1000 * nodes.gpu_count.sum())
    assert 0.98 <= load < 0.98 + 8 / nodes.gpu_count.sum()


@pytest.mark.parametrize("load", [0.01, 0.5, 1.3, 3.0])
def test_the_load_is_reached_by_the_last_pod(load: float) -> None:
    nodes, pods = synthesize(SynthSettings(nodes=40, load=load))
    target = load * 1000 * int(nodes.gpu_count.sum())
    last = int(pods.gpu_count[-1] * pods.gpu_milli[-1])
    assert gpu_demand_milli(pods) - last < target <= gpu_demand_milli(pods)


@pytest.mark.parametrize("seed", SEEDS)
def test_every_pod_fits_on_an_empty_node(seed: int) -> None:
    nodes, pods = synthesize(SynthSettings(seed=seed))
    for row in range(len(pods)):
        assert fits(nodes, pods, row).any()


def fits(nodes: NodeTable, pods: PodTable, row: int) -> Any:
    room = nodes.cpu_milli >= pods.cpu_milli[row]
    room &= nodes.memory_mib >= pods.memory_mib[row]
    room &= nodes.gpu_count >= pods.gpu_count[row]
    if pods.gpu_models[row]:
        room &= np.isin(nodes.gpu_model, pods.gpu_models[row].split("|"))
    return room


def test_arrivals_follow_the_day() -> None:
    _, pods = synthesize(replace(LARGE, span_s=10 * 86_400.0))
    assert (np.diff(pods.arrival_s) >= 0).all()
    assert pods.arrival_s[-1] == pytest.approx(10 * 86_400, rel=0.05)
    hour = (pods.arrival_s % 86_400) // 3600
    busy, quiet = ((hour >= 12) & (hour < 18)).sum(), (hour < 6).sum()
    # Mean of 1 + 0.6 cos over six hours around the peak: 1.54; around the trough: 0.46.
    assert busy / quiet == pytest.approx(1.54 / 0.46, rel=0.15)


def test_durations_are_lognormal_and_bounded() -> None:
    _, pods = synthesize(LARGE)
    one = pods.duration_s[(pods.gpu_count == 1) & (pods.gpu_milli == 1000)]
    assert np.median(one) == pytest.approx(14_400, rel=0.1)
    assert np.log(one).std() == pytest.approx(1.4, abs=0.1)
    assert pods.duration_s.min() >= 60
    assert pods.duration_s.max() <= 14 * 86_400
    assert (pods.duration_s == np.round(pods.duration_s)).all()


def test_queues_users_and_priorities() -> None:
    _, pods = synthesize(SynthSettings(queues=("a", "b"), users=3))
    assert set(pods.queue) == {"a", "b"}
    assert set(pods.user) == {f"{queue}-{user:02d}" for queue in "ab" for user in range(3)}
    assert all(user.startswith(queue) for user, queue in zip(pods.user, pods.queue, strict=True))
    assert set(pods.priority.tolist()) == {0, 100, 1000}


def test_the_cluster_is_mixed_and_not_random() -> None:
    nodes, _ = synthesize(SynthSettings())
    other, _ = synthesize(SynthSettings(seed=2))
    assert csv_text(nodes) == csv_text(other)
    assert set(nodes.gpu_count.tolist()) == {1, 2, 4, 8}
    assert sum(each.fraction for each in NODE_CLASSES) == pytest.approx(1)
    assert class_sizes(300) == [30, 60, 39, 51, 42, 24, 18, 36]
    assert all(sum(class_sizes(count)) == count for count in range(1, 200))
    domains = {*zip(nodes.rack, nodes.block, nodes.zone, strict=True)}
    assert len({rack for rack, _, _ in domains}) == len(domains)


@pytest.mark.parametrize("nodes", [1, 2, 3])
def test_tiny_clusters_work(nodes: int) -> None:
    table, pods = synthesize(SynthSettings(nodes=nodes))
    assert len(table) == nodes
    assert len(pods) > 0


def test_extreme_mixes_work() -> None:
    _, pods = synthesize(SynthSettings(nodes=20, cpu_only=0, share=1, several=0, bound=1))
    assert class_counts(pods)["share of a GPU"] == len(pods)
    _, pods = synthesize(SynthSettings(nodes=20, cpu_only=0.9, share=0.1, several=0))
    assert class_counts(pods)["one GPU"] == 0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"nodes": 0}, "synthetic trace: nodes is 0; it may be 1 to 100000"),
        ({"seed": -1}, "synthetic trace: seed is -1; it may be 0 to 2^63 - 1"),
        ({"load": float("nan")}, "synthetic trace: load is nan; "
         "it may be above 0 and up to 100"),
        ({"share": 1.5}, "synthetic trace: share is 1.5; it may be 0 to 1"),
        ({"share": 0.9}, "synthetic trace: cpu_only + share + several is 1.05; "
         "it may be at most 1"),
        ({"queues": ()}, "synthetic trace: queues is (); it may be one or more names"),
        ({"span_s": 1.0}, "synthetic trace: span_s is 1.0; it may be 60 to 1e9 seconds"),
    ],
)  # fmt: skip
def test_settings_that_make_no_sense_are_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError) as error:
        SynthSettings(**change)
    assert str(error.value) == message


def test_every_setting_is_explained_with_its_default() -> None:
    source = synth_settings.__file__
    with open(source, encoding="utf-8") as stream:
        text = stream.read()
    for each in fields(SynthSettings):
        assert f"    {each.name}: " in text
    assert text.count("Default ") == len(fields(SynthSettings))
