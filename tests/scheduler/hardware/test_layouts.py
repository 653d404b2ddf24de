from __future__ import annotations

from functools import cache
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bayplan.scheduler.errors import InputError
from bayplan.scheduler.hardware import MigProfile, Product, product_named, products
from bayplan.scheduler.hardware.layouts import (
    Layout,
    format_layout,
    layouts,
    maximal,
    multisets,
    parse_layout,
    presets,
)

A100 = product_named("A100-80GB")
RTX = product_named("RTX-PRO-6000-Blackwell-96GB")
WITH_MIG = [product for product in products() if product.has_mig]
Placed = tuple[int, MigProfile]

of_every_geometry = pytest.mark.parametrize("product", WITH_MIG, ids=lambda each: each.name)
with_and_without_double = pytest.mark.parametrize("double", [True, False])


def choices(product: Product, double: bool) -> list[Placed]:
    """Every place of every plain profile; double memory is the 1g that is not the small one."""
    plain = [row for row in product.profiles if not set(row.name) & set("+-")]
    one_slice = [row for row in plain if row.compute_slices == 1]
    if not double and len(one_slice) > 1:
        plain.remove(max(one_slice, key=lambda row: row.memory_mib))
    return [(start, row) for row in plain for start in row.starts]


def places(placed: Placed) -> set[int]:
    start, row = placed
    return set(range(start, start + row.size))


def apart(one: Placed, other: Placed) -> bool:
    return not places(one) & places(other)


@cache
def brute_force(product: Product, double: bool) -> dict[Layout, tuple[Placed, ...]]:
    """Every subset of the places, kept when no two of it overlap."""
    options = choices(product, double)
    found: dict[Layout, tuple[Placed, ...]] = {}
    for count in range(1, product.units + 1):
        # A subset of a legal one is legal: no larger one is left when none of a size was found.
        legal = [
            each
            for each in combinations(options, count)
            if all(apart(one, other) for one, other in combinations(each, 2))
        ] if count < 3 else grown(found, options, count)  # fmt: skip
        if not legal:
            break
        for each in legal:
            found[tuple(sorted((start, row.name) for start, row in each))] = each
    return found


def grown(
    found: dict[Layout, tuple[Placed, ...]], options: list[Placed], count: int
) -> list[tuple[Placed, ...]]:
    return [
        (*each, more)
        for each in found.values()
        if len(each) == count - 1
        for more in options
        if all(apart(more, other) for other in each)
    ]


@of_every_geometry
@with_and_without_double
def test_layouts_are_all_the_subsets_of_places_without_overlap(
    product: Product, double: bool
) -> None:
    assert layouts(product, double=double) == sorted(brute_force(product, double))


@of_every_geometry
@with_and_without_double
def test_maximal_layouts_are_those_that_nothing_can_be_added_to(
    product: Product, double: bool
) -> None:
    options = choices(product, double)
    full = [
        layout
        for layout, placed in brute_force(product, double).items()
        if not any(all(apart(more, other) for other in placed) for more in options)
    ]
    assert maximal(product, double=double) == sorted(full)


@of_every_geometry
@with_and_without_double
def test_multisets_are_the_layouts_without_their_starts(product: Product, double: bool) -> None:
    every = {tuple(sorted(name for _, name in layout)) for layout in brute_force(product, double)}
    found = multisets(product, double=double)
    assert len(found) == len(set(found))
    assert {tuple(sorted(names)) for names in found} == every


@of_every_geometry
def test_what_does_not_overlap_keeps_within_slices_memory_and_counts(product: Product) -> None:
    for layout, placed in brute_force(product, True).items():
        assert sum(row.compute_slices for _, row in placed) <= product.compute_slices, layout
        assert sum(row.memory_mib for _, row in placed) <= product.memory_mib, layout
        assert sum(row.sm_count or 0 for _, row in placed) <= (product.sm_count or 999), layout
        names = [name for _, name in layout]
        assert all(names.count(row.name) <= row.max_instances for _, row in placed), layout


@pytest.mark.parametrize(
    ("name", "with_double", "without_double"),
    [("A100-40GB", (722, 77, 78), (297, 37, 19)), ("A30-24GB", (25, 9, 5), (25, 9, 5)),
     ("RTX-PRO-6000", (25, 9, 5), (25, 9, 5))],
)  # fmt: skip
def test_the_counts_of_the_three_geometries(
    name: str, with_double: tuple[int, int, int], without_double: tuple[int, int, int]
) -> None:
    product = product_named(name)
    for double, counts in ((True, with_double), (False, without_double)):
        lists = (layouts, multisets, maximal)
        assert tuple(len(each(product, double=double)) for each in lists) == counts


def test_gpus_of_one_geometry_have_the_same_layouts() -> None:
    seven = [product for product in WITH_MIG if product.compute_slices == 7]
    assert len(seven) == 16
    assert {len(layouts(product)) for product in seven} == {722}


def slices_and_units(product: Product, names: tuple[str, ...]) -> tuple[int, int]:
    rows = {row.name: row for row in product.profiles}
    return (
        sum(rows[name].compute_slices for name in names),
        sum(rows[name].size for name in names),
    )


@pytest.mark.parametrize(
    ("names", "slices", "units"),
    [
        (("3g.40gb",) * 2, 6, 8),
        (("3g.40gb", "4g.40gb"), 7, 8),
        (("1g.10gb",) * 7, 7, 7),
        (("1g.10gb",) * 6 + ("1g.20gb",), 7, 8),
        (("1g.20gb",) * 4, 4, 8),
        (("2g.20gb",) * 3 + ("1g.10gb",), 7, 7),
        (("2g.20gb",) * 3 + ("1g.20gb",), 7, 8),
        (("1g.10gb", "1g.10gb", "2g.20gb", "3g.40gb"), 7, 8),
    ],
)
def test_known_combinations_fill_an_a100_to_the_known_degree(
    names: tuple[str, ...], slices: int, units: int
) -> None:
    assert slices_and_units(A100, names) == (slices, units)
    full = [tuple(sorted(name for _, name in layout)) for layout in maximal(A100)]
    assert tuple(sorted(names)) in full


@pytest.mark.parametrize(
    "names",
    [("4g.40gb",) * 2, ("3g.40gb",) * 3, ("1g.10gb",) * 8, ("2g.20gb",) * 4,
     ("7g.80gb", "1g.10gb"), ("2g.20gb",) * 3 + ("1g.10gb",) * 2],
)  # fmt: skip
def test_combinations_that_an_a100_cannot_hold_are_no_layouts(names: tuple[str, ...]) -> None:
    assert tuple(sorted(names)) not in [tuple(sorted(each)) for each in multisets(A100)]


def test_two_small_instances_in_the_wrong_places_leave_no_room_for_a_large_one() -> None:
    scattered = {(2, "1g.10gb"), (5, "1g.10gb")}
    around = [layout for layout in layouts(A100) if scattered <= set(layout)]
    assert around
    assert not [name for layout in around for _, name in layout if name[0] in "347"]


def test_presets_have_the_names_that_mig_parted_uses() -> None:
    assert {name: format_layout(layout) for name, layout in presets(A100).items()} == {
        "all-1g.10gb": ",".join(f"1g.10gb@{start}" for start in range(7)),
        "all-1g.20gb": "1g.20gb@0,1g.20gb@2,1g.20gb@4,1g.20gb@6",
        "all-2g.20gb": "2g.20gb@0,2g.20gb@2,2g.20gb@4",
        "all-3g.40gb": "3g.40gb@0,3g.40gb@4",
        "all-4g.40gb": "4g.40gb@0",
        "all-7g.80gb": "7g.80gb@0",
        "all-balanced": "1g.10gb@0,1g.10gb@1,2g.20gb@2,3g.40gb@4",
    }
    assert {name: format_layout(layout) for name, layout in presets(RTX).items()} == {
        "all-1g.24gb": "1g.24gb@0,1g.24gb@3,1g.24gb@6,1g.24gb@9",
        "all-2g.48gb": "2g.48gb@0,2g.48gb@6",
        "all-4g.96gb": "4g.96gb@0",
        "all-balanced": "1g.24gb@0,1g.24gb@3,2g.48gb@6",
    }


@of_every_geometry
def test_presets_are_legal_and_filled_to_the_most(product: Product) -> None:
    named = presets(product)
    legal = set(layouts(product))
    assert set(named.values()) <= legal
    for row in product.profiles:
        if not row.variant:
            assert len(named[f"all-{row.name}"]) == row.max_instances
    balanced = sorted(name[0] for _, name in named["all-balanced"])
    assert balanced == (list("1123") if product.compute_slices == 7 else list("112"))


def test_without_mig_there_are_no_layouts() -> None:
    for name in ("T4", "G3"):
        product = product_named(name)
        for each in (layouts, multisets, maximal):
            assert not each(product)
        assert presets(product) == {}


@given(st.data())
def test_a_layout_is_read_as_it_was_written_in_any_order(data: st.DataObject) -> None:
    product = data.draw(st.sampled_from(WITH_MIG))
    layout = data.draw(st.sampled_from(layouts(product)))
    assert parse_layout(product, format_layout(layout)) == layout
    shuffled = tuple(data.draw(st.permutations(layout)))
    assert parse_layout(product, format_layout(shuffled).replace(",", " , ")) == layout


@given(st.data())
def test_a_text_is_read_exactly_when_it_is_a_layout(data: st.DataObject) -> None:
    product = data.draw(st.sampled_from(WITH_MIG))
    options = [(start, row.name) for start, row in choices(product, True)]
    drawn = tuple(sorted(data.draw(st.lists(st.sampled_from(options), min_size=1, max_size=4))))
    try:
        assert parse_layout(product, format_layout(drawn)) == drawn
    except InputError:
        assert drawn not in layouts(product)
    else:
        assert drawn in layouts(product)


def test_variants_are_read_too() -> None:
    assert parse_layout(A100, "1g.10gb+me@6,3g.40gb@0") == ((0, "3g.40gb"), (6, "1g.10gb+me"))
    four = "1g.24gb-me@0,1g.24gb+gfx@3,2g.48gb+me.all@6"
    assert format_layout(parse_layout(RTX, four)) == four


@pytest.mark.parametrize(
    ("product", "text", "said"),
    [
        (A100, "", "layout '': '' is no profile with a start; "
         "write it like 1g.10gb@0, and commas between"),
        (A100, "1g.10gb@0,", "'' is no profile with a start"),
        (A100, "1g.10gb", "'1g.10gb' is no profile with a start"),
        (A100, "1g.10gb@", "'1g.10gb@' is no profile with a start"),
        (A100, "1g.10gb@-1", "'1g.10gb@-1' is no profile with a start"),
        (A100, "1g.10gb@²", "'1g.10gb@²' is no profile with a start"),
        (A100, "1g.10gb@0@1", "'1g.10gb@0@1' is no profile with a start"),
        (A100, "1g.5gb@0", "A100-80GB has no MIG profile '1g.5gb', which is one of A100-40GB; it"),
        (A100, "3g.40gb@2", "3g.40gb of A100-80GB cannot start at 2; places for it: 0, 4"),
        (A100, f"1g.10gb@{'9' * 5000}", "cannot start at 99999999999999999999; places for it: 0"),
        (A100, "3g.40gb@0,1g.10gb@3", "3g.40gb@0 and 1g.10gb@3 overlap"),
        (A100, "1g.10gb@3,1g.10gb@3", "1g.10gb@3 and 1g.10gb@3 overlap"),
        (A100, "1g.10gb+me@0,1g.10gb+me@1", "1g.10gb+me 2 times; a GPU takes at most 1"),
        (RTX, "1g.24gb+me@0,2g.48gb+me.all@6", "1g.24gb+me and 2g.48gb+me.all; a GPU takes one"),
        (product_named("T4"), "1g.5gb@0", "T4 has no MIG profiles"),
    ],
)  # fmt: skip
def test_a_text_that_is_no_layout_is_an_error_of_one_line(
    product: Product, text: str, said: str
) -> None:
    with pytest.raises(InputError) as error:
        parse_layout(product, text)
    assert said in str(error.value)
    assert len(str(error.value).splitlines()) == 1
