from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import naive
import strategies
from bayplan.kernels import choose
from strategies import MORE, call

UNTOUCHED = -7
GAP = 3


@dataclass(frozen=True)
class Ask:
    kinds: tuple[naive.Kind, ...]
    slots: tuple[naive.Slot, ...]
    count: int
    needs: tuple[naive.Need, ...]


@st.composite
def asks(draw: st.DrawFn) -> Ask:
    """Slots of a node, and what is wanted of them."""
    among = tuple(draw(strategies.kinds(number)) for number in range(draw(st.integers(1, 4))))
    slots = draw(strategies.slots_of_node(among))
    what = draw(strategies.asked(naive.Node(slots=slots)))
    needs = draw(strategies.needs(among, what))
    fitting = len(naive.choose_first(slots, 64, needs))
    count = draw(st.sampled_from([fitting, fitting + 1, fitting - 1, 2, 1, 0]))
    return Ask(among, slots, max(count, 0), needs)


def chosen(kernel: Callable[..., int], ask: Ask, key: int = 0) -> list[int]:
    """Run a kernel; what it must not write is untouched."""
    out = np.full(ask.count + 2, UNTOUCHED, np.int64)
    with np.errstate(over="ignore"):
        found = call(
            kernel,
            strategies.slot_arguments(ask.slots, ask.kinds, GAP),
            strategies.need_arguments(ask.needs, ask.kinds),
            start=GAP,
            n_slots=len(ask.slots),
            count=ask.count,
            key=np.uint64(key),
            out=out,
        )
    assert (out[found:] == UNTOUCHED).all()
    return [int(i) for i in out[:found]]


@MORE
@given(asks())
def test_the_first_that_fit_are_the_lowest_indices(ask: Ask) -> None:
    expected = naive.choose_first(ask.slots, ask.count, ask.needs)
    assert chosen(choose.choose_first, ask) == expected


@MORE
@given(asks())
def test_best_fit_takes_the_least_free_in_order(ask: Ask) -> None:
    expected = naive.choose_best_fit(ask.slots, ask.count, ask.needs)
    assert chosen(choose.choose_best_fit, ask) == expected


@MORE
@given(asks())
def test_worst_fit_takes_the_most_free_in_order(ask: Ask) -> None:
    expected = naive.choose_worst_fit(ask.slots, ask.count, ask.needs)
    assert chosen(choose.choose_worst_fit, ask) == expected


@MORE
@given(asks(), st.integers(0, 2**64 - 1))
def test_a_hashed_choice_takes_the_least_hashes_in_order(ask: Ask, key: int) -> None:
    expected = naive.choose_hashed(ask.slots, ask.count, ask.needs, key)
    assert chosen(choose.choose_hashed, ask, key) == expected


@pytest.mark.parametrize("n_gpus", [2, 5])
def test_hashed_choices_are_uniform_over_the_gpus_that_fit(n_gpus: int) -> None:
    gpus = naive.Slot(0), *(naive.Slot(1_000),) * n_gpus
    ask = Ask((naive.PLAIN,), gpus, 1, (naive.Need(milli=1_000),))
    n_keys = 2_000
    counts = np.bincount([chosen(choose.choose_hashed, ask, key)[0] for key in range(n_keys)])
    assert counts[0] == 0
    # Five standard deviations of a binomial count.
    share = 1 / n_gpus
    slack = 5 * (n_keys * share * (1 - share)) ** 0.5
    assert np.abs(counts[1:] - n_keys * share).max() < slack


@pytest.mark.parametrize(
    ("kernel", "order"),
    [
        (choose.choose_first, [0, 1, 1, 1, 2]),
        (choose.choose_best_fit, [1, 1, 1, 2, 0]),
        (choose.choose_worst_fit, [0, 2, 1, 1, 1]),
    ],
)
def test_a_slot_is_named_as_often_as_it_takes_what_is_wanted(
    kernel: Callable[..., int], order: list[int]
) -> None:
    mig = naive.Kind(1, plain=False, units=4, profiles=strategies.PROFILES)
    used = frozenset({1})
    slots = naive.Slot(1_000), naive.Slot(750, 0, mig, units=used), naive.Slot(900)
    need = naive.Need(milli=250, thing=0, most=4)
    kinds = naive.PLAIN, mig
    ask = Ask(kinds, slots, 9, (naive.Need(milli=250), need))
    assert chosen(kernel, ask) == order
    assert chosen(kernel, replace(ask, count=4)) == order[:4]
    once = replace(ask, needs=(ask.needs[0], replace(need, most=1)))
    assert chosen(kernel, once) == list(dict.fromkeys(order))
