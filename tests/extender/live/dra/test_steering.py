"""Pods with claims go where devices are, keep most of them, and none is promised twice."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from bayplan.extender.live.owner import Owner, Ready
from bayplan.extender.live.recompute import differences, snapshot
from bayplan.extender.live.settings import Live
from dra_things import (
    GPU_CLASS,
    allocated,
    claim,
    claiming,
    device_classes,
    mig,
    partitionable,
    request,
    template,
    whole_gpus,
)
from extender_things import bound, listed, node, pod

Object = dict[str, Any]
SMALL = "gpu-0-mig-1g5gb-19-0"
TOO_FEW = "too few devices of {} are left that the claims select"


def owner_of(
    nodes: list[Object],
    slices: list[Object],
    *claims: Object,
    pods: tuple[Object, ...] = (),
    templates: tuple[Object, ...] = (),
    live: Live | None = None,
) -> Owner:
    owner = Owner(live or Live())
    listed(owner, "Node", nodes, 0.0)
    listed(owner, "Pod", pods, 0.0)
    listed(owner, "DeviceClass", device_classes(), 0.0)
    listed(owner, "ResourceSlice", slices, 0.0)
    listed(owner, "ResourceClaim", claims, 0.0)
    listed(owner, "ResourceClaimTemplate", templates, 0.0)
    return owner


def nodes(*names: str) -> list[Object]:
    return [node(name, 0) for name in names]


def holding(owner: Owner) -> dict[str, str]:
    return {uid: owner.mirror.cluster.pods[uid].placement.node for uid in owner.mirror.holds}


def test_until_claims_and_devices_are_known_pods_with_claims_are_refused_for_now() -> None:
    owner = Owner(Live())
    listed(owner, "Node", nodes("a"), 0.0)
    listed(owner, "Pod", [], 0.0)
    thing = claiming(pod("p", 0), "x")
    answer = owner.filter(thing, ["a"], 0.0, holds=True)
    assert answer.error == "claims and devices are not known yet"
    assert list(owner.prioritize(thing, ["a"], 0.0)) == [("a", 0)]
    assert owner.filter(pod("q", 0), ["a"], 0.0, holds=True).passed == ["a"]


def test_with_the_key_off_pods_with_claims_are_refused() -> None:
    owner = owner_of(nodes("a"), whole_gpus("a"), claim("x", request()), live=Live(dra=False))
    answer = owner.filter(claiming(pod("p", 0), "x"), ["a"], 0.0, holds=True)
    assert answer.unresolvable == {
        "a": "spec.resourceClaims: claims of devices are not looked at: set devices.dra = true"
    }


def test_each_reason_is_told_and_lasting_ones_apart() -> None:
    taint = {"key": "gpu.nvidia.com/xid", "value": "79", "effect": "NoExecute"}
    slices = [
        *whole_gpus("free", 2),
        *whole_gpus("used", 2),
        *whole_gpus("one", 1),
        *whole_gpus("sick", 2, taints={1: taint}),
        *partitionable("parts"),
    ]
    used = allocated(claim("r", request()), "used", "gpu-1")
    owner = owner_of(
        nodes("free", "used", "one", "sick", "parts", "none", "full"),
        slices + whole_gpus("full", 2),
        used,
        claim("x", request(count=2)),
        pods=(pod("big", 0, at="full", asks={"cpu": "96"}),),
    )
    names = ["free", "used", "one", "sick", "parts", "none", "full", "new"]
    answer = owner.filter(claiming(pod("p", 0), "x"), names, 0.0, holds=True)
    assert answer.passed == ["free"]
    few = f"the node has too few devices of {GPU_CLASS} that the claims select"
    assert answer.unresolvable == {
        "one": few,
        "parts": few,
        "sick": f"devices of {GPU_CLASS} are tainted: gpu.nvidia.com/xid=79:NoExecute",
        "none": "no devices are published for the node",
        "new": "no devices are published for the node",
    }
    assert answer.failed == {"used": TOO_FEW.format(GPU_CLASS), "full": "too little CPU free"}


def test_a_class_that_is_not_there_and_claims_that_are_not_are_told() -> None:
    owner = owner_of(nodes("a"), whole_gpus("a"), claim("x", request(class_="tpu.example")))
    answer = owner.filter(claiming(pod("p", 0), "x"), ["a"], 0.0, holds=True)
    assert answer.unresolvable == {"a": "there is no DeviceClass tpu.example"}
    answer = owner.filter(claiming(pod("q", 0), "y"), ["a"], 0.0, holds=True)
    assert answer.error == "there is no ResourceClaim default/y that can be read"
    late = claiming(pod("r", 0), templates=["t"])
    answer = owner.filter(late, ["a"], 0.0, holds=True)
    assert answer.error == "there is no ResourceClaimTemplate default/t that can be read"
    owner.changed("ResourceClaimTemplate", template("t", request()), 0.0)
    assert owner.filter(late, ["a"], 0.0, holds=True).passed == ["a"]


def test_a_part_goes_to_the_gpu_that_is_broken_already_and_a_whole_gpu_where_one_is_left() -> None:
    small = allocated(claim("r", mig("1g.5gb")), "b", SMALL)
    owner = owner_of(
        nodes("a", "b", "c"),
        [*partitionable("a"), *partitionable("b"), *whole_gpus("c", 4)],
        small,
        claim("x", mig("2g.10gb")),
        claim("w", request()),
        pods=(bound(claiming(pod("r", 0), "r"), "b"),),
    )
    part = claiming(pod("p", 0), "x")
    assert owner.filter(part, ["a", "b", "c"], 0.0, holds=True).passed == ["a", "b"]
    assert list(owner.prioritize(part, ["a", "b"], 0.0)) == [("a", 0), ("b", 10)]
    assert holding(owner) == {"default/p": "b"}
    # Of whole GPUs one that nobody can split is lost for less.
    whole = claiming(pod("q", 0), "w")
    assert owner.filter(whole, ["a", "b", "c"], 0.0, holds=True).passed == ["a", "c"]
    assert list(owner.prioritize(whole, ["a", "c"], 0.0)) == [("a", 0), ("c", 10)]


def test_whole_gpus_fill_the_node_that_has_fewest_left() -> None:
    used = [allocated(claim("r", request(count=3)), "b", "gpu-0", "gpu-1", "gpu-2")]
    slices = [*whole_gpus("a", 4), *whole_gpus("b", 4), *whole_gpus("c", 8)]
    owner = owner_of(nodes("a", "b", "c"), slices, *used, claim("x", request()))
    thing = claiming(pod("p", 0), "x")
    assert list(owner.prioritize(thing, ["a", "b", "c"], 0.0)) == [("a", 4), ("b", 10), ("c", 0)]


def test_the_choice_may_be_made_in_filter() -> None:
    used = [allocated(claim("r", request(count=3)), "b", "gpu-0", "gpu-1", "gpu-2")]
    owner = owner_of(
        nodes("a", "b"),
        [*whole_gpus("a", 4), *whole_gpus("b", 4)],
        *used,
        claim("x", request()),
        claim("y", request(count=9)),
        live=Live(at_filter=True),
    )
    thing = claiming(pod("p", 0), "x")
    assert owner.filter(thing, ["a", "b"], 0.0, holds=True).passed == ["b"]
    assert holding(owner) == {"default/p": "b"}
    answer = owner.filter(claiming(pod("q", 0), "y"), ["a", "b"], 0.0, holds=True)
    assert len(answer.unresolvable) == 2


def test_the_last_device_is_promised_once_until_the_claim_has_it_or_the_hold_is_over() -> None:
    owner = owner_of(nodes("a"), whole_gpus("a", 1), claim("x", request()), claim("y", request()))
    first, second = claiming(pod("p", 0), "x"), claiming(pod("q", 0), "y")
    for thing in (first, second):
        owner.changed("Pod", thing, 0.0)
    assert list(owner.prioritize(first, ["a"], 0.0)) == [("a", 10)]
    refused = {"a": TOO_FEW.format(GPU_CLASS)}
    assert owner.filter(second, ["a"], 1.0, holds=True).failed == refused
    assert owner.filter(first, ["a"], 1.0, holds=False).passed == ["a"]  # its own
    assert not owner.may_fit("default/q")
    owner.tick(60.0)
    assert owner.may_fit("default/q")
    assert owner.filter(second, ["a"], 61.0, holds=False).passed == ["a"]
    # Bound by us, seen bound, and only then allocated as far as the watches show.
    assert list(owner.prioritize(first, ["a"], 61.0)) == [("a", 10)]
    assert isinstance(owner.reserve("default/p", "a", 61.0), Ready)
    assert owner.filter(second, ["a"], 61.0, holds=True).failed == refused
    owner.changed("Pod", bound(first, "a"), 62.0)
    assert owner.filter(second, ["a"], 62.0, holds=True).failed == refused
    n = owner.mirror.n_released
    has = allocated(claim("x", request()), "a", "gpu-0")
    owner.changed("ResourceClaim", has, 63.0)
    assert owner.mirror.n_released == n  # nobody needs to ask again for that
    assert owner.filter(second, ["a"], 63.0, holds=True).failed == refused
    assert not {"default/p"} & owner.mirror.claiming.keys()
    owner.deleted("Pod", bound(first, "a"), 64.0)
    assert owner.filter(second, ["a"], 64.0, holds=True).failed == refused
    owner.deleted("ResourceClaim", has, 65.0)
    assert owner.mirror.n_released > n
    assert owner.may_fit("default/q")
    assert owner.filter(second, ["a"], 65.0, holds=True).passed == ["a"]
    assert differences(snapshot(owner.mirror), 65.0) == []


def test_a_claim_that_several_pods_use_binds_them_to_its_node() -> None:
    slices = [*whole_gpus("a", 1), *whole_gpus("b", 1)]
    owner = owner_of(nodes("a", "b"), slices, claim("x", request()))
    first, second = claiming(pod("p", 0), "x"), claiming(pod("q", 0), "x")
    for thing in (first, second):
        owner.changed("Pod", thing, 0.0)
    owner.prioritize(first, ["a", "b"], 0.0)
    (at,) = holding(owner).values()
    other = {"a": "b", "b": "a"}[at]
    elsewhere = {other: "a claim of the pod has its devices on another node"}
    answer = owner.filter(second, ["a", "b"], 0.0, holds=True)
    assert (answer.passed, answer.unresolvable) == ([at], elsewhere)
    owner.changed("ResourceClaim", allocated(claim("x", request()), at, "gpu-0"), 0.0)
    answer = owner.filter(second, ["a", "b"], 0.0, holds=True)
    assert (answer.passed, answer.unresolvable) == ([at], elsewhere)


def test_claims_made_of_a_template_count_before_and_after_they_are_there() -> None:
    owner = owner_of(nodes("a"), whole_gpus("a", 1), templates=(template("t", request()),))
    first, second = claiming(pod("p", 0), templates=["t"]), claiming(pod("q", 0), templates=["t"])
    owner.changed("Pod", first, 0.0)
    assert list(owner.prioritize(first, ["a"], 0.0)) == [("a", 10)]
    assert owner.filter(second, ["a"], 0.0, holds=True).failed
    made = {"resourceClaimStatuses": [{"name": "t", "resourceClaimName": "p-t-x"}]}
    owner.changed("ResourceClaim", claim("p-t-x", request()), 0.0)
    owner.changed("Pod", {**first, "status": first["status"] | made}, 0.0)
    assert owner.filter(second, ["a"], 0.0, holds=True).failed
    owner.tick(100.0)
    assert owner.filter(second, ["a"], 100.0, holds=True).passed == ["a"]


def test_what_cannot_be_judged_is_left_to_kube_scheduler() -> None:
    selector = "cel.bind(x, device.driver, x == 'gpu.nvidia.com')"
    owner = owner_of(
        nodes("a"), whole_gpus("a", 1), claim("x", request("g", GPU_CLASS, 1, selector))
    )
    assert owner.filter(claiming(pod("p", 0), "x"), ["a"], 0.0, holds=True).passed == ["a"]


@pytest.mark.parametrize("cel", ["cel.bind(x, 1, x == 1)", "device.driver == 'gpu.nvidia.com'"])
def test_whoever_asks_for_all_is_refused_only_where_it_is_certain_which_these_are(cel: str) -> None:
    every = request("g", GPU_CLASS, 1, cel, allocationMode="All")
    del every["exactly"]["count"]
    for ask in (every, {"name": "g", "firstAvailable": [{"name": "one", **every["exactly"]}]}):
        used = allocated(claim("r", request()), "a", "gpu-1")
        owner = owner_of(nodes("a"), whole_gpus("a", 2), used, claim("x", ask))
        passed = owner.filter(claiming(pod("p", 0), "x"), ["a"], 0.0, holds=True).passed
        assert passed == (["a"] if "bind" in cel else [])


def test_all_devices_that_a_node_may_use_by_its_labels_are_kube_schedulers_to_tell() -> None:
    """A device of another zone is used: on this node all may be free."""
    (far,) = whole_gpus("far", 1)
    del far["spec"]["nodeName"]
    far["spec"]["nodeSelector"] = {"nodeSelectorTerms": []}
    used = allocated(claim("r", request()), "far", "gpu-0")
    every = request(allocationMode="All")
    del every["exactly"]["count"]
    owner = owner_of(nodes("a"), [far, *whole_gpus("a", 1)], used, claim("x", every))
    assert owner.filter(claiming(pod("p", 0), "x"), ["a"], 0.0, holds=True).passed == ["a"]
    far["spec"]["allNodes"] = True
    del far["spec"]["nodeSelector"]
    owner.changed("ResourceSlice", far, 0.0)
    assert owner.filter(claiming(pod("p", 0), "x"), ["a"], 0.0, holds=True).passed == []


def test_gpus_are_the_drivers_while_it_replaces_their_pool() -> None:
    owner = owner_of([node("a")], whole_gpus("a", 8))
    cluster = owner.mirror.cluster
    assert cluster.nodes["a"].gpu_count == 0
    (half,) = whole_gpus("a", 4)
    half["spec"]["pool"] |= {"generation": 2, "resourceSliceCount": 2}
    owner.changed("ResourceSlice", half, 1.0)
    assert cluster.nodes["a"].gpu_count == 0
    owner.deleted("ResourceSlice", half, 2.0)
    assert cluster.nodes["a"].gpu_count == 8


def test_gpus_that_a_driver_publishes_are_not_those_of_the_device_plugin_as_well() -> None:
    owner = owner_of([node("a"), node("b")], whole_gpus("a"), claim("x", request()))
    view = owner.mirror.cluster.view
    idle = {n: view.idle_milli.item(owner.mirror.cluster.row(n)) for n in ("a", "b")}
    assert idle == {"a": 0, "b": 8000}
    plain = pod("p")
    assert owner.filter(plain, ["a", "b"], 0.0, holds=True).passed == ["b"]
    thing = claiming(pod("q", 0), "x")
    assert owner.filter(thing, ["a", "b"], 0.0, holds=True).passed == ["a"]
    assert differences(snapshot(owner.mirror), 0.0) == []
    (gone,) = whole_gpus("a")
    owner.deleted("ResourceSlice", gone, 1.0)
    assert owner.filter(plain, ["a", "b"], 1.0, holds=True).passed == ["a", "b"]
    assert differences(snapshot(owner.mirror), 1.0) == []


def test_nobody_is_evicted_where_devices_are_missing() -> None:
    busy = [pod(f"busy-{name}", 0, at=name, asks={"cpu": "96"}) for name in ("a", "b")]
    owner = owner_of(nodes("a", "b"), whole_gpus("b", 1), claim("x", request()), pods=tuple(busy))
    thing = claiming(pod("p", 0, spec={"priority": 10}), "x")
    victims = {n: ((each["metadata"]["uid"],), 0) for n, each in zip("ab", busy, strict=True)}
    assert owner.preempt(thing, victims, 0.0) == {"b": victims["b"]}
    assert owner.preempt(thing, {"a": victims["a"]}, 0.0) == {}


class Allocator(RuleBasedStateMachine):
    """kube-scheduler's allocator behind our filter: it gives out the first devices that match."""

    def __init__(self) -> None:
        super().__init__()
        slices = [*partitionable("a"), *partitionable("b", split=False), *whole_gpus("c", 2)]
        self.owner = owner_of(nodes("a", "b", "c"), slices)
        self.now_s, self.n = 0.0, 0
        self.waiting: dict[str, tuple[Object, Object]] = {}
        self.chosen: dict[str, str] = {}
        self.bound: dict[str, tuple[Object, Object, str]] = {}

    @rule(ask=st.sampled_from([request(), mig("1g.5gb", 2), mig("3g.20gb"), mig("2g.10gb")]))
    def come(self, ask: Object) -> None:
        name = f"p{self.n}"
        self.n += 1
        made, thing = claim(name, ask), claiming(pod(name, 0), name)
        self.owner.changed("ResourceClaim", made, self.now_s)
        self.owner.changed("Pod", thing, self.now_s)
        self.waiting[name] = made, thing

    @precondition(lambda self: self.waiting)
    @rule(data=st.data())
    def choose(self, data: st.DataObject) -> None:
        name = data.draw(st.sampled_from(sorted(self.waiting)))
        _, thing = self.waiting[name]
        self.chosen.pop(name, None)
        passed = self.owner.filter(thing, ["a", "b", "c"], self.now_s, holds=True).passed
        scores = dict(self.owner.prioritize(thing, passed, self.now_s)) if passed else {}
        best = [node for node, points in scores.items() if points == 10]
        assert len(best) == bool(passed)
        if best:
            self.chosen[name] = best[0]

    @precondition(lambda self: self.chosen)
    @rule(data=st.data())
    def allocate_and_bind(self, data: st.DataObject) -> None:
        name = data.draw(st.sampled_from(sorted(self.chosen)))
        at = self.chosen.pop(name)
        made, thing = self.waiting.pop(name)
        judge, inventory = self.owner.steering._judge, self.owner.steering.inventory
        wanted = (inventory.claims[f"default/{name}"].wanted,)
        picks = judge._allocated(at, inventory.room(at), wanted)
        assert picks is not None, "steered to a node whose devices are gone"
        devices = [inventory.stock(at).devices[pick.place].id.name for pick in picks]
        has = allocated(made, at, *devices)
        assert isinstance(self.owner.reserve(f"default/{name}", at, self.now_s), Ready)
        changes = [("ResourceClaim", has), ("Pod", bound(thing, at))]
        for kind, change in data.draw(st.permutations(changes)):
            self.owner.changed(kind, change, self.now_s)
        self.bound[name] = has, bound(thing, at), at

    @precondition(lambda self: self.bound)
    @rule(data=st.data())
    def leave(self, data: st.DataObject) -> None:
        name = data.draw(st.sampled_from(sorted(self.bound)))
        has, thing, _ = self.bound.pop(name)
        self.owner.deleted("Pod", thing, self.now_s)
        self.owner.deleted("ResourceClaim", has, self.now_s)

    @rule()
    def wait(self) -> None:
        self.now_s += 100.0
        self.owner.tick(self.now_s)
        self.chosen.clear()

    @invariant()
    def no_counter_is_overdrawn(self) -> None:
        for name in ("a", "b", "c"):
            assert min(self.owner.steering.inventory.room(name).left, default=0) >= 0

    @invariant()
    def all_promises_can_be_kept_together(self) -> None:
        inventory, judge = self.owner.steering.inventory, self.owner.steering._judge
        for node_ in ("a", "b", "c"):
            wanted = tuple(
                inventory.claims[f"default/{name}"].wanted
                for name, at in self.chosen.items()
                if at == node_
            )
            assert judge._allocated(node_, inventory.room(node_), wanted) is not None

    def teardown(self) -> None:
        assert differences(snapshot(self.owner.mirror), self.now_s) == []


TestAllocator = Allocator.TestCase
TestAllocator.settings = settings(max_examples=40, stateful_step_count=30)


def test_a_pod_whose_gpus_are_a_claim_by_now_has_them_once() -> None:
    """kube-scheduler makes a claim of ``nvidia.com/gpu`` where a class has that name (KEP-5004)."""
    made = {"requestMappings": [{"containerName": "main", "resourceName": "nvidia.com/gpu",
            "requestName": "container-0-request-0"}], "resourceClaimName": "p-x"}  # fmt: skip
    thing = pod("p", 2, at="a")
    thing["status"]["extendedResourceClaimStatus"] = made
    has = allocated(claim("p-x", request(count=2)), "a", "gpu-0", "gpu-1")
    owner = owner_of(nodes("a"), whole_gpus("a", 3), has, claim("x", request()), pods=(thing,))
    assert owner.mirror.crowded() == []
    assert owner.filter(claiming(pod("q", 0), "x"), ["a"], 0.0, holds=True).passed == ["a"]
    owner.changed("ResourceClaim", claim("y", request(count=2)), 0.0)
    assert owner.filter(claiming(pod("r", 0), "y"), ["a"], 0.0, holds=True).failed == {
        "a": TOO_FEW.format(GPU_CLASS)
    }
    assert differences(snapshot(owner.mirror), 0.0) == []


def test_nothing_is_remembered_of_nodes_that_are_gone() -> None:
    (everywhere,) = whole_gpus("far", 1)
    del everywhere["spec"]["nodeName"]
    everywhere["spec"]["allNodes"] = True
    owner = owner_of(nodes("a", "b"), [everywhere], claim("x", request()))
    assert owner.filter(claiming(pod("p", 0), "x"), ["a", "b"], 0.0, holds=True).passed
    inventory = owner.steering.inventory
    assert inventory._rooms.keys() == inventory._stocks.keys() == {"a", "b"}
    owner.deleted("Node", node("b", 0), 1.0)
    assert inventory._rooms.keys() == inventory._stocks.keys() == {"a"}
