from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from bayplan.scheduler.errors import InputError
from bayplan.simulator.replay.settings import Experiment, parse_seeds

from .support import mixed, node_table, pod_table

EXAMPLE = "give whole numbers and ranges, such as 42-51 or 1,2,7-9"


@pytest.mark.parametrize(
    ("text", "seeds"),
    [
        ("42", [42]),
        ("0", [0]),
        ("42-44", [42, 43, 44]),
        ("5-5", [5]),
        ("1,2,7-9", [1, 2, 7, 8, 9]),
        (" 9 , 1-2 ", [9, 1, 2]),
        ("999999999999999999", [10**18 - 1]),
    ],
)
def test_seeds_are_read_in_the_order_given(text: str, seeds: list[int]) -> None:
    assert parse_seeds(text) == seeds


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "'' is no seed"),
        ("x", "'x' is no seed"),
        ("1,,2", "'' is no seed"),
        ("1,", "'' is no seed"),
        ("-1", "'-1' is no seed"),
        ("1-", "'1-' is no seed"),
        ("1-2-3", "'1-2-3' is no seed"),
        ("1.5", "'1.5' is no seed"),
        ("1 - 2", "'1 - 2' is no seed"),
        ("\u0663", "'\u0663' is no seed"),
        ("1000000000000000000", "'1000000000000000000' is no seed"),
        ("3-1", "'3-1' runs backwards"),
        ("1,2,1", "seed 1 stands there twice"),
        ("5-9,7", "seed 7 stands there twice"),
        ("0-10000", "more than 10000 seeds"),
    ],
)
def test_what_is_wrong_with_seeds_is_said_with_an_example(text: str, problem: str) -> None:
    with pytest.raises(InputError) as error:
        parse_seeds(text)
    assert str(error.value) == f"--seeds {text!r}: {problem}; {EXAMPLE}"


def test_ten_thousand_seeds_are_read_in_order() -> None:
    assert parse_seeds("0-9999") == list(range(10_000))


@pytest.mark.parametrize("load", [0.01, 1.0, 100.0])
def test_loads_that_make_sense_are_taken(load: float) -> None:
    assert mixed(load=load).load == load


@pytest.mark.parametrize("load", [0.0, -1.0, 0.0099, 100.1, math.inf, -math.inf, math.nan])
def test_other_loads_are_refused(load: float) -> None:
    with pytest.raises(InputError) as error:
        mixed(load=load)
    assert str(error.value) == f"--load {load}; give a number from 0.01 to 100.0, such as 1.3"


def test_the_capacity_is_a_thousand_for_every_gpu() -> None:
    assert mixed().capacity_milli == 9_000


def test_a_cluster_without_gpus_and_a_trace_without_gpu_pods_are_refused() -> None:
    with pytest.raises(InputError, match=r"^--nodes: no node has a GPU; replay needs a cluster"):
        Experiment(node_table([0, 0]), pod_table([(1, 1, 1)]))
    with pytest.raises(InputError, match=r"^--pods: no pod asks for a GPU; replay needs a trace"):
        Experiment(node_table([1]), pod_table([(1, 0, 0)]))


def test_a_trace_of_nothing_but_mig_instances_is_an_experiment_too() -> None:
    pods = replace(pod_table([(1, 1, 125)] * 2), mig_profile=("1g.10gb",) * 2)
    assert Experiment(node_table([1]), pods).expected_pods > 2


def test_a_load_that_takes_millions_of_pods_to_reach_is_refused() -> None:
    pods = pod_table([(1, 1, 1), *[(1, 0, 0)] * 999])
    assert Experiment(node_table([4]), pods, load=1.0).expected_pods == 4_000_000
    with pytest.raises(InputError, match=r"^--load 2\.0: some 8e\+06 pods would have to arrive; "):
        Experiment(node_table([4]), pods, load=2.0)
    given = {1: np.arange(1000, dtype=np.int64)}
    assert Experiment(node_table([4]), pods, load=2.0, arrivals=given).load == 2.0
