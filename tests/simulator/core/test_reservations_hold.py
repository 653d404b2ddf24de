"""EASY keeps its word: with exact estimates nobody starts after the start reserved for it."""

from __future__ import annotations

import math
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from bayplan.scheduler.sharing import Exclusive
from bayplan.scheduler.types import Node
from bayplan.simulator.core.floor import Floor
from bayplan.simulator.core.parts import Parts
from bayplan.simulator.core.passes.easy import Easy, Shadow
from bayplan.simulator.core.settings import Interruptions, Locality, Settings
from bayplan.simulator.core.simulation import Simulation
from bayplan.simulator.core.speeds import Speeds

from .scenes import Scene
from .support import job, node, table

MODELS = ("A100-80GB", "A100-80GB", "H100-80GB", "T4")
SPEEDS = Speeds(by_type={("", "H100-80GB"): 2.0, ("", "T4"): 0.37})


class Promising(Easy):
    """Writes down the first start that the first of the queue is promised."""

    def __init__(self) -> None:
        self.promised: dict[int, float] = {}

    def run(self, floor: Floor) -> None:
        super().run(floor)
        waiting = floor.waiting.in_order(floor.now_s).tolist()
        if not waiting or waiting[0] in self.promised:
            return
        shadow = Shadow(floor, waiting[0])
        shadow._look_ahead()
        self.promised[waiting[0]] = shadow.at_s


@st.composite
def nodes(draw: st.DrawFn) -> list[Node]:
    return [
        node(
            f"n{k}",
            draw(st.sampled_from((1, 2, 4))),
            Exclusive(),
            gpu_model=draw(st.sampled_from(MODELS)),
            cpu_milli=draw(st.sampled_from((3_000, 16_000))),
            labels=(("bayplan.io/rack", draw(st.sampled_from("xy"))),),
        )
        for k in range(draw(st.integers(1, 4)))
    ]


@st.composite
def jobs(draw: st.DrawFn, number: int) -> list[dict[str, Any]]:
    """A job, or the two rows of a gang."""
    common: dict[str, Any] = {
        "work_s": draw(st.sampled_from((1.0, 2.0, 3.7, 9.0, 20.0))),
        "arrival_s": float(draw(st.integers(0, 12))),
    }
    name = f"j{number:02}"
    gang = name if draw(st.integers(0, 7)) == 0 else ""
    return [
        job(
            f"{name}{role}",
            **common,
            gang=gang,
            gpu_count=draw(st.sampled_from((1, 1, 2, 4, 0))),
            pods=draw(st.sampled_from((1, 1, 1, 2, 3))),
            cpu_milli=draw(st.sampled_from((0, 500, 1_500))),
            gpu_models=draw(st.sampled_from(("", "", "", "", "A100-80GB", "T4|H100-80GB"))),
        )
        for role in (("-w", "-d") if gang else ("",))
    ]


@st.composite
def scenes(draw: st.DrawFn) -> Scene:
    rows = [row for k in range(draw(st.integers(2, 16))) for row in draw(jobs(k))]
    return Scene(
        tuple(draw(nodes())),
        tuple(rows),
        Settings(
            placement=draw(st.sampled_from(("best-fit", "worst-fit"))),
            speeds=SPEEDS,
            locality=Locality(0.8, 0.5),
            interruptions=Interruptions(restart_s=3.0),
            log=True,
        ),
    )


@given(scenes())
def test_nobody_starts_after_its_reservation(scene: Scene) -> None:
    easy = Promising()
    simulation = Simulation(scene.nodes, table(scene.jobs), scene.settings, Parts(preemption=easy))
    simulation.run()
    for each, promised_s in easy.promised.items():
        assert math.isfinite(promised_s)
        started_s = simulation.book.start_s.item(each)
        assert started_s <= promised_s * (1.0 + 1e-9), simulation.book.uid[each]
