from __future__ import annotations

import json
import tomllib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bayplan.scheduler.errors import InputError
from bayplan.scheduler.queues import GPU, ROOT, Queue, QueueTree, read_queues

from .support import guarantee_of, reserve_of, rest_of, trees


@given(trees())
def test_rows_are_what_the_queues_say(tree: QueueTree) -> None:
    assert tree.names[0] == ROOT
    assert sorted(tree.names[1:]) == sorted(tree.queues)
    for i, name in enumerate(tree.names):
        assert tree.index[name] == i
        assert i == 0 or tree.parents[i] < i
        assert [tree.names[c] for c in tree.children[i]] == sorted(
            q.name for q in tree.queues.values() if q.parent == name
        )
        if GPU in tree.guaranteed:
            assert tree.guaranteed[GPU][i] == guarantee_of(tree, name)
            assert tree.rest[GPU][i] == rest_of(tree, name) >= 0
            assert tree.reserves[GPU][i] == reserve_of(tree, name) >= 0
        else:
            assert guarantee_of(tree, name) == 0


@given(trees(), st.randoms(use_true_random=False))
def test_the_order_in_which_queues_are_given_does_not_matter(tree: QueueTree, random: Any) -> None:
    queues = list(tree.queues.values())
    random.shuffle(queues)
    other = QueueTree(queues)
    assert other.names == tree.names
    assert other.guaranteed == tree.guaranteed
    assert other.reserves == tree.reserves
    assert other.limits == tree.limits


def test_a_guarantee_of_gpus_is_at_least_that_by_model() -> None:
    tree = QueueTree(
        [
            Queue("models", guaranteed={"gpu:A": 2000, "gpu:B": 1000}),
            Queue("more", guaranteed={"gpu:A": 2000, "gpu": 5000}),
            Queue("group"),
            Queue("member", "group", guaranteed={"gpu": 700}),
        ]
    )
    at = tree.index
    assert tree.guaranteed["gpu"][at["models"]] == 3000
    assert tree.guaranteed["gpu"][at["more"]] == 5000
    assert tree.guaranteed["gpu"][at["group"]] == 700
    assert tree.guaranteed["gpu"][0] == 8700
    assert tree.guaranteed["gpu:A"][0] == 4000
    assert tree.resources == ("gpu", "gpu:A", "gpu:B")


def test_values_are_summed_up_the_tree() -> None:
    tree = QueueTree([Queue("p"), Queue("a", "p"), Queue("b", "p")])
    assert tree.subtree_sums({"a": 1.5, "b": 2.0, "p": 0.25, "": 1}) == {
        "": 4.75, "p": 3.75, "a": 1.5, "b": 2.0,
    }  # fmt: skip
    assert tree.path("a") == ("a", "p", "")


@pytest.mark.parametrize(
    ("queues", "message"),
    [
        ([Queue("")], "a queue has no name; name it"),
        ([Queue("a"), Queue("a")], "queue a is given twice; rename one of them"),
        (
            [Queue("a", "b")],
            "queue a: there is no queue b to be its parent; add queue b, or leave the parent out",
        ),
        (
            [Queue("a", "b"), Queue("b", "c"), Queue("c", "b")],
            "queue b is its own ancestor: b in c in b; give one of them another parent",
        ),
        (
            [Queue("a", guaranteed={"gpu": -1})],
            "queue a: guaranteed of gpu is -1, not from 0 to 1000000000000; leave it out for none",
        ),
        (
            [Queue("a", limit={"cpu": 1.5})],  # type: ignore[dict-item]
            "queue a: limit of cpu is 1.5, not a whole number;"
            " give milli-GPU (1000 a GPU), millicores or MiB",
        ),
        (
            [Queue("p", guaranteed={"gpu": 3}), *(Queue(n, "p", {"gpu": 2}) for n in "ab")],
            "queue p: guaranteed 3 gpu, but the queues in it are guaranteed 4 together;"
            " raise it to 4, or lower theirs",
        ),
        (
            [Queue("a", guaranteed={"gpu": 1, "gpu:A": 2})],
            "queue a: guaranteed 1 gpu, but 2 by GPU model;"
            " raise it to 2, or lower those of the models",
        ),
        (
            [Queue("a", guaranteed={"gpu": 2}, limit={"gpu": 1})],
            "queue a: limit of 1 gpu is below its guarantee of 2;"
            " raise it to 2, or change the guarantee",
        ),
        (
            [Queue("p", limit={"gpu": 1}), Queue("a", "p", {"gpu": 2})],
            "queue p: limit of 1 gpu is below its guarantee of 2;"
            " raise it to 2, or change the guarantee",
        ),
        (
            [Queue("a", guaranteed={"gpu": 2}, lending_limit={"gpu": 3})],
            "queue a: lending limit of 3 gpu is above its guarantee of 2;"
            " lower it to 2, or change the guarantee",
        ),
        (
            [Queue("a", lending_limit={"cpu": 3})],
            "queue a: lending limit of 3 cpu is above its guarantee of 0;"
            " lower it to 0, or change the guarantee",
        ),
        (
            [Queue("a", weight=-1.0)],
            "queue a: weight -1.0 is neither 0 nor from 1e-6 to 1e6; give 1 for an equal part",
        ),
        (
            [Queue("a", weight=float("nan"))],
            "queue a: weight nan is neither 0 nor from 1e-6 to 1e6; give 1 for an equal part",
        ),
    ],
)
def test_what_cannot_be_is_refused_with_one_line(queues: list[Queue], message: str) -> None:
    with pytest.raises(InputError) as caught:
        QueueTree(queues)
    assert str(caught.value) == message


def test_files_are_read() -> None:
    data = tomllib.loads(
        """
[queues.research]
guaranteed = { gpu = 8000, "gpu:A100-80GB" = 4000 }
limit = { gpu = 16000 }
weight = 2
lending_limit = { gpu = 4000 }
[queues.vision]
parent = "research"
"""
    )
    expected = {
        "research": Queue(
            "research", "", {"gpu": 8000, "gpu:A100-80GB": 4000}, {"gpu": 16000}, 2.0, {"gpu": 4000}
        ),
        "vision": Queue("vision", "research"),
    }
    assert dict(read_queues(data).queues) == expected
    assert dict(read_queues(json.loads(json.dumps(data))).queues) == expected
    assert dict(read_queues({}).queues) == {}


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"queue": {}}, "'queue' is not known here; put queues under [queues.NAME]"),
        ({"queues": []}, "queues is [], not a table; write [queues.NAME]"),
        ({"queues": {"a": 3}}, "queue a is 3, not a table; write [queues.a]"),
        (
            {"queues": {"a": {"quota": {}}}},
            "queue a: there is no field 'quota'; known are parent, guaranteed, limit,"
            " lending_limit, weight",
        ),
        ({"queues": {"a": {"parent": 3}}}, "queue a: parent is 3; give the name of a queue"),
        ({"queues": {"a": {"weight": "2"}}}, "queue a: weight is '2'; give a number"),
        (
            {"queues": {"a": {"weight": 10**309}}},
            f"queue a: weight {10**309} is neither 0 nor from 1e-6 to 1e6;"
            " give 1 for an equal part",
        ),
        (
            {"queues": {"a": {"limit": 8}}},
            "queue a: limit is 8, not a table; write limit = { gpu = 8000 }",
        ),
        (
            {"queues": {"a": {"limit": {"gpu": True}}}},
            "queue a: limit of gpu is True, not a whole number;"
            " give milli-GPU (1000 a GPU), millicores or MiB",
        ),
    ],
)
def test_another_shape_is_refused_with_one_line(data: Any, message: str) -> None:
    with pytest.raises(InputError) as caught:
        read_queues(data)
    assert str(caught.value) == message
