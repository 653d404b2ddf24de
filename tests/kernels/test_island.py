from __future__ import annotations

from dataclasses import replace

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

import naive_island as naive
import strategies
from bayplan.kernels import fit, island
from bayplan.scheduler.islands import ANY
from bayplan.scheduler.types import Reason
from naive import PLAIN, Need, Node, Request, Slot, refit
from strategies import MORE, Cluster, call

UNTOUCHED = 7.0


def test_codes_have_the_numbers_of_their_reasons() -> None:
    assert (island.TOPOLOGY, island.ISLAND_FREE) == (Reason.TOPOLOGY, Reason.ISLAND_FREE)
    assert island.ANY == ANY


def check(cluster: Cluster, request: Request, sizes: list[int], number: int) -> None:
    rows = list(range(len(cluster.nodes)))
    before, _ = refit(cluster.nodes, rows, request)
    codes = np.array([before[row] for row in rows], np.int8)
    scores = np.full(len(rows), UNTOUCHED)
    fitting = np.full(len(rows), -1, np.int64)
    n = call(
        island.refit_islands,
        strategies.cluster_arguments(cluster),
        strategies.request_arguments(request, cluster),
        rows=strategies.ints(rows),
        number=number,
        island=strategies.ints(sizes),
        codes=codes,
        scores=scores,
        fitting=fitting,
    )
    expected, fits = naive.refit_islands(cluster.nodes, before, sizes, number, request)
    assert codes.tolist() == [expected[row] for row in rows]
    assert fitting[:n].tolist() == fits
    assert scores.tolist() == [UNTOUCHED if row in fits else -np.inf for row in rows]


@MORE
@given(strategies.gpu_questions(), st.integers(0, 4), st.integers(-1, 3))
def test_a_row_fits_where_one_island_has_room(
    question: tuple[Cluster, Request], size: int, number: int
) -> None:
    cluster, request = question
    if request.count:
        check(cluster, request, [size], number)


@given(st.data())
def test_other_reasons_that_come_first_stay(data: st.DataObject) -> None:
    cluster = data.draw(strategies.clusters())
    request = data.draw(strategies.requests(cluster))
    size = st.integers(0, 3)
    sizes = [data.draw(size) for _ in cluster.nodes]
    check(cluster, replace(request, count=max(1, request.count)), sizes, ANY)


def test_whole_gpus_of_two_islands_are_not_of_one() -> None:
    free, busy = Slot(1_000), Slot(0)
    node = Node(slots=(free, free, busy, free))
    cluster = Cluster((node,), (PLAIN,))
    for count, number, code in (
        (2, ANY, Reason.FITS),
        (2, 1, Reason.ISLAND_FREE),
        (3, ANY, Reason.TOPOLOGY),
    ):
        request = Request(count=count, needs=(Need(),))
        codes = naive.refit_islands((node,), {0: fit.FITS}, [2], number, request)[0]
        assert codes == {0: code}
        check(cluster, request, [2], number)
