from __future__ import annotations

import pytest

from bayplan.scheduler.errors import StateError
from bayplan.scheduler.queues import GPU, ROOT, Queue, QueueTree, Usage

TREE = QueueTree([Queue("p", guaranteed={GPU: 4}), Queue("a", "p", {GPU: 2}), Queue("b")])


def test_use_counts_for_the_queue_and_all_that_it_is_in() -> None:
    usage = Usage(TREE, {"a": {GPU: 3, "cpu": 10}, "p": {GPU: 1}, "": {GPU: 5}})
    assert [usage.own(name, GPU) for name in ("", "p", "a", "b")] == [5, 1, 3, 0]
    assert [usage.used(name, GPU) for name in ("", "p", "a", "b")] == [9, 4, 3, 0]
    assert usage.used("p", "cpu") == 10
    assert usage.used("p", "memory") == 0
    assert usage.resources == ("cpu", GPU, "memory")


def test_queues_that_the_tree_does_not_have_count_for_the_cluster() -> None:
    usage = Usage(TREE)
    usage.add("x", {GPU: 2})
    usage.add(ROOT, {GPU: 1})
    assert (usage.own("x", GPU), usage.used("x", GPU), usage.own(ROOT, GPU)) == (2, 2, 1)
    assert (usage.used(ROOT, GPU), usage.strangers) == (3, ("x",))
    usage.remove("x", {GPU: 2})
    assert (usage.used(ROOT, GPU), usage.strangers) == (1, ())


def test_no_more_can_go_than_there_is() -> None:
    usage = Usage(TREE, {"a": {GPU: 3, "cpu": 1}})
    for queue, amounts in (("a", {"cpu": 1, GPU: 4}), ("p", {GPU: 1}), ("x", {GPU: 1})):
        with pytest.raises(StateError, match=f"queue {queue} uses . {GPU} itself"):
            usage.remove(queue, amounts)
    with pytest.raises(StateError, match="negative"):
        usage.add("a", {"cpu": 2, GPU: -1})
    with pytest.raises(StateError, match="negative"):
        usage.remove("a", {"cpu": 1, GPU: -1})
    assert (usage.own("a", "cpu"), usage.own("a", GPU)) == (1, 3), "a refusal left a trace"


def test_a_copy_goes_its_own_way() -> None:
    usage = Usage(TREE, {"a": {GPU: 3}, "x": {GPU: 1}})
    twin = usage.copy()
    twin.add("a", {GPU: 1})
    twin.remove("x", {GPU: 1})
    assert (usage.used("p", GPU), usage.own("x", GPU)) == (3, 1)
    assert (twin.used("p", GPU), twin.own("x", GPU)) == (4, 0)
