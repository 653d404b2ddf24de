from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import naive
import strategies
from bayplan.kernels import fit
from bayplan.scheduler.mig.tables import MAX_COUNT, SEAT_SHIFT
from bayplan.scheduler.needs import NEVER, Need, as_table
from bayplan.scheduler.types import GPU_MILLI, Reason
from naive import Request
from strategies import MORE, Cluster, call, mask

UNTOUCHED_CODE = 99
UNTOUCHED_SCORE = 7.0
AMOUNT = st.one_of(st.integers(0, 2_000), st.sampled_from([0, 1, 999, 1_000, 81_920]))


@pytest.mark.parametrize("reason", [r for r in Reason if hasattr(fit, r.name)])
def test_a_code_has_the_number_of_its_reason(reason: Reason) -> None:
    assert getattr(fit, reason.name) == reason


def test_every_other_reason_is_found_by_the_engine_or_said_of_a_kind() -> None:
    by_the_engine = {"CLAIM_NODE", "TOPOLOGY", "MIXED_DEVICES", "ISLAND_FREE"}
    by_kind = {"GPU_ANONYMOUS", "ISOLATION", "PROFILE", "MIG_SPAN"}
    by_constraints = {"TAINT", "NODE_AFFINITY", "SPREAD_LABEL", "POD_AFFINITY"}
    by_constraints |= {"TOPOLOGY_SPREAD", "POD_ANTI_AFFINITY"}
    others = by_the_engine | by_kind | by_constraints
    assert {r.name for r in Reason if not hasattr(fit, r.name)} == others
    assert fit.WHOLE == GPU_MILLI < fit.TOO_MUCH < NEVER


def test_the_engine_and_the_kernels_agree_on_a_row_of_needs() -> None:
    need = Need(Reason.FITS, 1, 2, 3, 4)
    table = as_table([need, need], [5, 5])
    assert table.flags.c_contiguous
    rows = [fit.CODE, fit.MILLI, fit.MIB, fit.SHIFT, fit.MOST, fit.PLACE]
    assert table[rows].tolist() == [[n, n] for n in range(6)]
    assert (fit.SEAT_SHIFT, fit.NIBBLE) == (SEAT_SHIFT, MAX_COUNT)


@given(AMOUNT, AMOUNT, AMOUNT)
def test_needed_milli_is_what_is_asked_or_the_part_of_the_memory(
    milli: int, mib: int, memory: int
) -> None:
    assert fit.needed_milli(milli, mib, memory) == naive.needed_milli(milli, mib, memory)


@given(st.integers(0, 1_000), AMOUNT, AMOUNT, st.sampled_from([125, 1_000, 1_500, 4_000]))
def test_needed_mib_is_what_is_asked_or_the_memory_of_the_part(
    milli: int, mib: int, memory: int, capacity: int
) -> None:
    said = fit.needed_mib(milli, mib, memory, capacity)
    assert said == naive.needed_mib(milli, mib, memory, capacity)


def check_refit(cluster: Cluster, request: Request, rows: list[int]) -> None:
    n_rows = len(cluster.nodes)
    codes = np.full(n_rows, UNTOUCHED_CODE, np.int8)
    scores = np.full(n_rows, UNTOUCHED_SCORE)
    fitting = np.full(n_rows, -1, np.int64)
    n = call(
        fit.refit,
        strategies.cluster_arguments(cluster),
        strategies.request_arguments(request, cluster),
        rows=strategies.ints(rows),
        codes=codes,
        scores=scores,
        fitting=fitting,
    )
    expected, fits = naive.refit(cluster.nodes, rows, request)
    everyone = range(n_rows)
    assert codes.tolist() == [expected.get(row, UNTOUCHED_CODE) for row in everyone]
    assert fitting[:n].tolist() == fits
    refused = {row for row in rows if row not in fits}
    assert scores.tolist() == [-np.inf if row in refused else UNTOUCHED_SCORE for row in everyone]


@given(st.data())
def test_refit_writes_the_first_reason_and_gathers_the_rows_that_fit(data: st.DataObject) -> None:
    cluster = data.draw(strategies.clusters())
    request = data.draw(strategies.requests(cluster))
    check_refit(cluster, request, data.draw(strategies.subsets(len(cluster.nodes))))


@MORE
@given(strategies.gpu_questions())
def test_refit_finds_what_there_is_too_little_of_on_the_slots(
    question: tuple[Cluster, Request],
) -> None:
    check_refit(*question, [0])


@pytest.mark.parametrize(
    ("codes", "count", "reason"),
    [
        ([Reason.GPU_COUNT, Reason.ISOLATION], 1, Reason.ISOLATION),
        ([Reason.ISOLATION, Reason.GPU_COUNT], 2, Reason.ISOLATION),
        ([Reason.ISOLATION, Reason.GPU_COUNT], 3, Reason.GPU_COUNT),
        ([Reason.GPU_MODEL, Reason.GPU_MODEL], 3, Reason.GPU_MODEL),
        ([Reason.GPU_MODEL, Reason.PROFILE], 3, Reason.GPU_COUNT),
        ([Reason.FITS, Reason.MIG_SPAN], 2, Reason.GPU_COUNT),
        ([Reason.FITS, Reason.MIG_SPAN], 1, Reason.FITS),
        ([], 1, Reason.GPU_COUNT),
    ],
)
def test_of_slots_that_never_serve_a_request_the_nearest_to_it_says_why(
    codes: list[Reason], count: int, reason: Reason
) -> None:
    kinds = tuple(naive.Kind(number) for number in range(len(codes)))
    node = naive.Node(slots=tuple(naive.Slot(1_000, 0, kind) for kind in kinds))
    needs = tuple(naive.Need(code, milli=500) for code in codes)
    request = Request(count=count, needs=needs)
    assert naive.code(node, request) == reason
    check_refit(Cluster((node,), kinds), request, [0])


@given(st.lists(st.sampled_from([-1, *Reason]), max_size=40), st.data())
def test_rows_are_counted_by_code_and_those_left_out_as_excluded(
    codes: list[int], data: st.DataObject
) -> None:
    candidates = data.draw(strategies.subsets(len(codes)))
    out = np.full(len(Reason), 5, np.int64)
    fit.count_codes(np.array(codes, np.int8), mask(len(codes), candidates), out)
    assert out.tolist() == naive.count_codes(codes, candidates)


@given(st.lists(st.sampled_from([-1, *Reason]), max_size=40))
def test_no_mask_means_that_all_rows_are_candidates(codes: list[int]) -> None:
    out = np.full(len(Reason), 5, np.int64)
    fit.count_codes(np.array(codes, np.int8), mask(0, []), out)
    assert out.tolist() == naive.count_codes(codes, range(len(codes)))
