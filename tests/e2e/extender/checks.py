"""What holds at the end of every test, whatever happened in it."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable

from bayplan.extender.live.owner import EARLY_S

from ..controlplane.client import Client, Object, wait_for
from ..controlplane.pods import node_of, phase
from .asking import VOLCANO_DEVICES, asks_of, gpushare_of, hami_of, koordinator_of
from .auditing import Audit, room_of
from .running import Extender

DRIFT = "the live state differs"
"""What the extender logs when a recompute finds another state."""

OF_UVLOOP = "Fatal error on SSL protocol"
"""What uvloop says of bytes that come for a request which was given up: nobody waits for them."""

REGISTER, VOLCANO_REGISTER = "hami.io/node-nvidia-register", "volcano.sh/node-vgpu-register"


def check(client: Client, extender: Extender, names: Iterable[str],
          audit: Audit | None = None) -> dict[str, Object]:  # fmt: skip
    """Check the shared promises and return the pods by name.

    Parameters
    ----------
    client
        The API server.
    extender
        Who placed the pods.
    names
        The pods that must be there.
    audit
        What a watch saw meanwhile.
    """
    pods = {each["metadata"]["name"]: each for each in client.list("Pod", "default")}
    lost = sorted(set(names) - set(pods))
    assert not lost, f"{len(lost)} pods are lost: {', '.join(lost[:9])}"
    nothing_is_given_twice(client, list(pods.values()))
    if audit is not None:
        assert not audit.overbooked, audit.overbooked[:5]
    _state_follows_from_what_is_there(client, extender)
    return pods


def nothing_is_given_twice(client: Client, pods: list[Object]) -> None:
    """Check that no node and no GPU is given to more pods than it has room for."""
    used: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for each in pods:
        if node_of(each) and phase(each) in ("Pending", "Running"):
            for resource, amount in asks_of(each).items():
                used[node_of(each)][resource] += amount
    for node, has in room_of(client).items():
        over = {r: (used[node][r], n) for r, n in has.items() if used[node][r] > n}
        assert over == {}, f"{node}: {over}"
    things = client.list("Node")
    _hami_gives_no_more_than_there_is(things, pods)
    _volcano_gives_no_more_than_there_is(things, pods)
    _no_node_gives_more_than_there_is(things, pods)


def _hami_gives_no_more_than_there_is(nodes: list[Object], pods: list[Object]) -> None:
    registers: dict[str, Object] = {}
    for thing in nodes:
        if text := thing["metadata"].get("annotations", {}).get(REGISTER):
            registers |= {gpu["id"]: gpu for gpu in json.loads(text)}
    for gpu, (n, mib, percent) in hami_of(pods).items():
        of = registers[gpu]
        assert (n <= of["count"], mib <= of["devmem"], percent <= of["devcore"]) == (True,) * 3, gpu


def _volcano_gives_no_more_than_there_is(nodes: list[Object], pods: list[Object]) -> None:
    most: dict[str, tuple[int, int]] = {}
    for thing in nodes:
        text = thing["metadata"].get("annotations", {}).get(VOLCANO_REGISTER, "")
        for row in text.split(":")[:-1]:
            uuid, split, mib, *_ = row.split(",")
            most[uuid] = int(split), int(mib)
    for gpu, (n, mib, percent) in hami_of(pods, VOLCANO_DEVICES).items():
        split, memory = most[gpu]
        assert (n <= split, mib <= memory, percent <= 100) == (True,) * 3, gpu


def _no_node_gives_more_than_there_is(nodes: list[Object], pods: list[Object]) -> None:
    """Check what gpushare and Koordinator give out: nodes show the sum of their GPUs alike."""
    gib, mib = {}, {}
    for thing in nodes:
        name, has = thing["metadata"]["name"], thing["status"]["allocatable"]
        if gpus := int(has.get("aliyun.com/gpu-count", 0)):
            gib[name] = int(has["aliyun.com/gpu-mem"]) // gpus
        if gpus := int(has.get("koordinator.sh/gpu-core", 0)) // 100:
            mib[name] = int(has["koordinator.sh/gpu-memory"]) // gpus >> 20
    for (node, index), used in gpushare_of(pods).items():
        assert used <= gib[node], f"{node}: {used} GiB of GPU {index}"
    for (node, minor), (_, used, percent) in koordinator_of(pods).items():
        assert (used <= mib[node], percent <= 100) == (True, True), f"{node}: GPU {minor}"


def _state_follows_from_what_is_there(client: Client, extender: Extender) -> None:
    """Wait until the extender has seen what is there, then for two recomputes without a word."""

    def differs() -> str:
        state, pods = extender.page("/state"), _alive(client)
        bound = [each for each in pods if node_of(each)]
        has = (state["nodes"], state["pods"], state["bound"], state["assumed"])
        wanted = (len(client.list("Node")), len(pods), len(bound), 0)
        return "" if has == wanted else f"nodes, pods, bound, assumed: {has} and not {wanted}"

    try:
        # A pod that a call has shown and that is gone by then counts for a while.
        wait_for("a state as the API server has it", lambda: not differs() or None, 2 * EARLY_S)
    except AssertionError as late:
        raise AssertionError(f"{late}: {differs()}") from None
    n = extender.metric("bayplan_state_recomputes_total")
    wait_for(
        "two recomputes",
        lambda: extender.metric("bayplan_state_recomputes_total") >= n + 2,
    )
    assert extender.metric("bayplan_state_drift_nodes") == 0
    log = extender.process.log.read_text(errors="replace")
    assert DRIFT not in log, next(line for line in log.splitlines() if DRIFT in line)
    failed = [line for line in log.splitlines() if "Traceback" in line and OF_UVLOOP not in line]
    assert not failed, failed[0][:3000]


def _alive(client: Client) -> list[Object]:
    return [each for each in client.list("Pod") if phase(each) in ("Pending", "Running")]
