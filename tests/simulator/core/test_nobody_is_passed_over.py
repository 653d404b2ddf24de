"""Whoever fits is started: what is known of classes, and of rows that were freed, spares questions.

The oracle knows nothing: at each pass it asks the engine for every job that waits, in order.
"""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from bayplan.scheduler.sharing import Exclusive, Hami, Mig, Mps, Sharing, TimeSlicing
from bayplan.scheduler.types import Node
from bayplan.simulator.core.floor import Floor
from bayplan.simulator.core.parts import Parts
from bayplan.simulator.core.results import Outcome
from bayplan.simulator.core.settings import OutOfMemory, Settings
from bayplan.simulator.core.simulation import Simulation

from .scenes import Scene
from .support import job, node, table

SHARINGS: tuple[tuple[Sharing, ...], ...] = (
    (),
    (Exclusive(),),
    (Mps(clients=2),),
    (Mps(replicas=4),),
    (Mps(chunk_sm=8),),
    (Mps(capacity_milli=2_000),),
    (TimeSlicing(replicas=3),),
    (TimeSlicing(replicas=6, check_memory=False),),
    (Hami(vgpus=3),),
    (Mig(),),
    (Mig(((0, "3g.40gb"), (4, "2g.20gb"), (6, "1g.10gb"))),),
    (Mig(((0, "3g.40gb"), (4, "3g.40gb")), Mps(clients=3)),),
)
MODELS = ("A100-80GB", "A100-80GB", "H100-80GB", "T4")
ORDERINGS = ("fifo", "sjf", "smallest-first", "edf", "las", "drf", "fair-share", "finish-time")


class Ask:
    """Asks for everybody, every time."""

    settled = False

    def __init__(self, *, strict: bool) -> None:
        self._strict = strict

    def is_idle(self, floor: Floor) -> bool:
        return False

    def run(self, floor: Floor) -> None:
        for each in floor.waiting.in_order(floor.now_s).tolist():
            if not floor.try_start(each) and self._strict:
                return


@st.composite
def nodes(draw: st.DrawFn) -> list[Node]:
    modes = draw(st.lists(st.sampled_from(SHARINGS), min_size=1, max_size=2))
    found = []
    for k in range(draw(st.integers(1, 3))):
        sharing = modes[k % len(modes)]
        is_mig = any(isinstance(each, Mig) for each in sharing)
        model = draw(st.sampled_from(MODELS[:2] if is_mig else MODELS))
        found.append(
            node(
                f"n{k}",
                draw(st.sampled_from((1, 1, 2, 4))),
                *sharing,
                gpu_model=model,
                gpu_memory_mib=16_384 if model == "T4" else 81_920,
                cpu_milli=draw(st.sampled_from((4_000, 16_000))),
                memory_mib=draw(st.sampled_from((8_000, 64_000))),
            )
        )
    return found


@st.composite
def shapes(draw: st.DrawFn, *, has_mig: bool) -> dict[str, Any]:
    """What a pod asks for; few shapes, so that jobs are of one class."""
    count = draw(st.sampled_from((1, 1, 1, 1, 2, 0)))
    profiles = ("", "1g.10gb", "2g.20gb", "3g.40gb")
    profile = draw(st.sampled_from(profiles)) if has_mig and count else ""
    whole = bool(profile) or not count or draw(st.integers(0, 3)) == 0
    milli = draw(st.sampled_from((1, 100, 140, 143, 250, 500, 571, 900)))
    return {
        "cpu_milli": draw(st.sampled_from((0, 0, 1_000, 2_500))),
        "memory_mib": draw(st.sampled_from((0, 0, 3_000, 7_000))),
        "gpu_count": count,
        "gpu_milli": 1_000 if whole else milli,
        "gpu_memory_mib": draw(st.sampled_from((0, 9_000, 30_000, 60_000)))
        if count and not profile
        else 0,
        "mig_profile": profile,
        "gpu_models": draw(st.sampled_from(("", "", "", "A100-80GB", "T4|H100-80GB"))),
        "pods": draw(st.sampled_from((1, 1, 1, 1, 2, 3))),
    }


@st.composite
def scenes(draw: st.DrawFn) -> Scene:
    cluster = draw(nodes())
    has_mig = any(isinstance(sharing, Mig) for each in cluster for sharing in each.sharing)
    kinds = draw(st.lists(shapes(has_mig=has_mig), min_size=1, max_size=6))
    rows = []
    for k in range(draw(st.integers(1, 24))):
        common: dict[str, Any] = {
            "work_s": float(draw(st.integers(1, 12))),
            "arrival_s": float(draw(st.integers(0, 20))),
            "queue": draw(st.sampled_from("ab")),
            "priority": draw(st.integers(0, 1)),
        }
        names = ("-w", "-d") if draw(st.integers(0, 7)) == 0 else ("",)
        rows += [
            job(
                f"j{k:02}{name}",
                **common,
                gang=f"j{k:02}" if name else "",
                **draw(st.sampled_from(kinds)),
            )
            for name in names
        ]
    return Scene(
        tuple(cluster),
        tuple(rows),
        Settings(
            placement=draw(st.sampled_from(("best-fit", "worst-fit", "random"))),
            ordering=draw(st.sampled_from(ORDERINGS)),
            strict=draw(st.booleans()),
            out_of_memory=OutOfMemory(retries=2, backoff_s=1.5, most_backoff_s=2.0),
            log=True,
        ),
    )


def outcome(scene: Scene, parts: Parts) -> Outcome:
    return Simulation(scene.nodes, table(scene.jobs), scene.settings, parts).run()


@given(scenes())
def test_nobody_who_fits_is_passed_over(scene: Scene) -> None:
    asked = outcome(scene, Parts(preemption=Ask(strict=scene.settings.strict)))
    assert outcome(scene, Parts()).log == asked.log
