"""Images of nodes and pods, as kube-scheduler's ImageLocality reads them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bayplan.traces.kubernetes import read_dump
from bayplan.traces.kubernetes.images import images_of, images_on

from .support import node, pod, written

MIB = 1 << 20


def test_an_image_has_its_size_under_each_of_its_names() -> None:
    status = {
        "images": [
            {"names": ["b@sha256:1", "b:2"], "sizeBytes": 5 * MIB + MIB // 2},
            {"names": ["a:1"], "sizeBytes": MIB // 2 - 1},
            {"names": ["b:2"], "sizeBytes": 9 * MIB},
        ]
    }
    assert images_on(status) == (("a:1", 0), ("b:2", 6), ("b@sha256:1", 6))


@pytest.mark.parametrize(
    "image",
    [
        {"names": ["a"]},
        {"sizeBytes": 5},
        {"names": "a", "sizeBytes": 5},
        {"names": None, "sizeBytes": 5},
        {"names": ["a"], "sizeBytes": -1},
        {"names": ["a"], "sizeBytes": "5"},
        {"names": ["a"], "sizeBytes": True},
        "a",
    ],
)
def test_what_cannot_be_read_counts_as_absent(image: Any) -> None:
    assert images_on({"images": [image]}) == ()


def test_a_name_without_a_tag_is_the_latest() -> None:
    names = ["a", "h:5000/a", "h:5000/a:1", "a@sha256:9f", "a:1"]
    spec = {"initContainers": [{"image": "i"}], "containers": [{"image": n} for n in names] + [{}]}
    assert images_of(spec) == (
        "i:latest", "a:latest", "h:5000/a:latest", "h:5000/a:1", "a@sha256:9f", "a:1", ""
    )  # fmt: skip


def test_a_dump_has_images_for_who_asks(tmp_path: Path) -> None:
    things = [
        node("n", images=[{"names": ["a:1"], "sizeBytes": 7 * MIB}]),
        pod("waits", spec={"containers": [{"name": "c", "image": "a:1"}]}),
        pod("runs", "n", spec={"containers": [{"name": "c", "image": "a:1"}]}),
    ]
    path = written(tmp_path, *things)
    dump = read_dump([path], images=True)
    assert dump.nodes[0].images == (("a:1", 7),)
    assert [each.images for each in dump.pending] == [("a:1",)]
    assert [each.request.images for each in dump.bound] == [()]
    plain = read_dump([path])
    assert (plain.nodes[0].images, plain.pending[0].images) == ((), ())
