"""Gangs of PodGroups: the API's own, and those of scheduler-plugins."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from time import monotonic, sleep

import pytest

from ..controlplane import modules
from ..controlplane.client import Client, Object, wait_for
from ..controlplane.cluster import add_nodes, clear, events
from ..controlplane.nodes import plain
from ..controlplane.plane import Plane, Settings, running
from ..controlplane.pods import node_of
from .asking import gang_of, ours
from .auditing import audited
from .checks import check
from .kinds import POD_GROUPS, defined, make
from .running import Extender, Setup, extender

pytestmark = pytest.mark.controlplane

N_MEMBERS, GPUS = 4, 4
"""A gang fills two nodes of eight GPUs."""
NATIVE = ("scheduling.k8s.io", "v1beta1", "PodGroup", "podgroups")
ON = Settings(gates={"GenericWorkload": True}, apis={"scheduling.k8s.io/v1beta1": True})
"""PodGroups of the API itself are off by default in 1.37, and so is kube-scheduler's part."""
SETUP = Setup({"gangs": {"hold_s": 20.0}}, timeout_s=10.0)


@dataclass(frozen=True, slots=True)
class Place:
    """Where pods are placed, and by which PodGroups they start together."""

    client: Client
    extender: Extender
    native: bool

    def gang(self, name: str) -> list[Object]:
        """Make a PodGroup, and return its pods."""
        if self.native:
            make(self.client, NATIVE, name, {"schedulingPolicy": {"gang": {"minCount": N_MEMBERS}}})
            more: Object = {"schedulingGroup": {"podGroupName": name}}
        else:
            make(self.client, POD_GROUPS, name, {"minMember": N_MEMBERS})
            more = {"labels": {"scheduling.x-k8s.io/pod-group": name}}
        return [ours(f"{name}-{k}", GPUS, **more) for k in range(N_MEMBERS)]

    def bound(self, name: str) -> int:
        """Return how many pods of a gang are bound."""
        pods = self.client.list("Pod", "default")
        return sum(gang_of(each) == name and bool(node_of(each)) for each in pods)


@pytest.fixture(scope="module", params=["native", "scheduler-plugins"])
def place(
    request: pytest.FixtureRequest,
    binaries: dict[str, Path],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Place]:
    if request.param == "native":
        version = modules.wanted()
        if tuple(map(int, version.split("."))) < (1, 37):
            pytest.skip(f"Kubernetes {version} has no PodGroups of {'/'.join(NATIVE[:2])}")
        with (
            running(binaries, tmp_path_factory.mktemp("native") / "plane", ON) as own,
            extender(own, "native", SETUP) as started,
        ):
            yield Place(own.client, started, native=True)
        return
    plane: Plane = request.getfixturevalue("plane")
    with (
        defined(plane.client, POD_GROUPS),
        extender(plane, "scheduler-plugins", SETUP) as started,
    ):
        yield Place(plane.client, started, native=False)


@pytest.fixture(autouse=True)
def emptied(place: Place) -> Iterator[None]:
    yield
    clear(place.client)
    place.client.delete_all("Event", "default")


def test_a_gang_with_room_starts_whole(place: Place) -> None:
    add_nodes(place.client, plain("a"), plain("b"))
    pods = place.gang("fits")
    with audited(place.extender.plane, {"fits": N_MEMBERS}) as audit:
        place.client.create_all(pods[:-1])
        if not place.native:  # there kube-scheduler itself waits before it asks
            told = wait_for("its event", lambda: events(place.client, "fits-0", "BayplanPending"))
            assert " of 4 pods exist" in told[-1]["message"]
        sleep(2)
        assert place.bound("fits") == 0
        place.client.create(pods[-1])
        wait_for("all", lambda: place.bound("fits") == N_MEMBERS, 30.0)
        check(place.client, place.extender, [each["metadata"]["name"] for each in pods], audit)
        assert audit.in_part_s(monotonic()) == {}


def test_a_gang_without_room_starts_not_at_all(place: Place) -> None:
    add_nodes(place.client, plain("a"))
    pods = place.gang("large")
    with audited(place.extender.plane, {"large": N_MEMBERS}) as audit:
        place.client.create_all(pods)
        told = wait_for(
            "its event",
            lambda: [
                told
                for each in pods
                for told in events(place.client, each["metadata"]["name"], "BayplanPending")
            ],
        )
        assert "default/large" in told[-1]["message"]
        sleep(3)
        assert audit.n_bound == 0
        check(place.client, place.extender, [each["metadata"]["name"] for each in pods], audit)


def test_of_two_gangs_that_race_one_starts_and_the_other_when_it_has_ended(place: Place) -> None:
    add_nodes(place.client, plain("a"), plain("b"))
    names = ["one", "other"]
    mixed = [each for pair in zip(*map(place.gang, names), strict=True) for each in pair]
    with audited(place.extender.plane, dict.fromkeys(names, N_MEMBERS)) as audit:
        place.client.create_all(mixed)
        wait_for("one", lambda: any(place.bound(name) == N_MEMBERS for name in names), 45.0)
        sleep(2)
        first, second = sorted(names, key=place.bound, reverse=True)
        assert (place.bound(first), place.bound(second)) == (N_MEMBERS, 0)
        for each in mixed:
            if each["metadata"]["name"].startswith(f"{first}-"):
                place.client.delete("Pod", each["metadata"]["name"])
        wait_for("the other", lambda: place.bound(second) == N_MEMBERS, 45.0)
        check(place.client, place.extender, [f"{second}-{k}" for k in range(N_MEMBERS)], audit)
        assert audit.in_part_s(monotonic()) == {}
