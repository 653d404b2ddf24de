"""Which extended resources the device plugin shows, by its strategy."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from bayplan.scheduler.errors import InputError
from bayplan.scheduler.hardware import product_named, products, profile_name_of_resource
from bayplan.scheduler.partition.static import static_layout
from bayplan.scheduler.partition.strategy import MigStrategy, resource_of, shown_resources
from bayplan.scheduler.partition.types import Instance, Layout

A100 = product_named("A100-80GB")
ONES: Layout = tuple(Instance(start, "1g.10gb") for start in range(7))
BALANCED = static_layout(A100, "all-balanced")
TWO_ONES = ONES[:2]
WHOLE: Layout = (Instance(0, "7g.80gb"),)


@pytest.mark.parametrize(
    ("layouts", "strategy", "shown"),
    [
        ([None, None], "none", {"nvidia.com/gpu": 2}),
        ([ONES, None, BALANCED], "none", {"nvidia.com/gpu": 3}),
        ([ONES, ONES], "single", {"nvidia.com/gpu": 14}),
        ([ONES, TWO_ONES], "single", {"nvidia.com/gpu": 9}),
        ([WHOLE, WHOLE], "single", {"nvidia.com/gpu": 2}),
        ([ONES, TWO_ONES], "mixed", {"nvidia.com/mig-1g.10gb": 9}),
        ([None, ONES], "mixed", {"nvidia.com/gpu": 1, "nvidia.com/mig-1g.10gb": 7}),
        ([WHOLE], "mixed", {"nvidia.com/mig-7g.80gb": 1}),
        (
            [BALANCED, BALANCED],
            "mixed",
            {
                "nvidia.com/mig-1g.10gb": 4,
                "nvidia.com/mig-2g.20gb": 2,
                "nvidia.com/mig-3g.40gb": 2,
            },
        ),
        ([(Instance(0, "1g.10gb+me"),)], "mixed", {"nvidia.com/mig-1g.10gb.me": 1}),
    ],
)
def test_each_strategy_counts_its_own_resources(
    layouts: Sequence[Layout | None], strategy: str, shown: dict[str, int]
) -> None:
    assert shown_resources(layouts, MigStrategy(strategy)) == shown


@pytest.mark.parametrize("strategy", MigStrategy)
def test_without_mig_there_are_gpus_under_every_strategy(strategy: MigStrategy) -> None:
    assert shown_resources([None] * 8, strategy) == {"nvidia.com/gpu": 8}
    assert list(shown_resources([None], strategy)) == ["nvidia.com/gpu"]


@pytest.mark.parametrize(
    ("layouts", "shown"),
    [
        ([ONES, None], "1g.10gb, undivided GPUs"),
        ([BALANCED], "1g.10gb, 2g.20gb, 3g.40gb"),
        ([ONES, WHOLE], "1g.10gb, 7g.80gb"),
        ([None, ONES, WHOLE], "1g.10gb, 7g.80gb, undivided GPUs"),
    ],
)
def test_single_needs_all_gpus_cut_alike(layouts: Sequence[Layout | None], shown: str) -> None:
    with pytest.raises(InputError) as error:
        shown_resources(layouts, MigStrategy.SINGLE)
    assert str(error.value) == (
        f"mig.strategy single over {shown}; cut all GPUs alike, or use mixed"
    )


def test_where_an_instance_lies_is_not_shown() -> None:
    moved: Layout = (Instance(5, "1g.10gb"), Instance(6, "1g.10gb"))
    for strategy in MigStrategy:
        assert shown_resources([moved], strategy) == shown_resources([TWO_ONES], strategy)


def test_the_resource_of_every_profile_is_read_back_as_that_profile() -> None:
    profiles = {profile.name for product in products() for profile in product.profiles}
    assert len({resource_of(name) for name in profiles}) == len(profiles)
    for name in profiles:
        assert profile_name_of_resource(resource_of(name)) == name
        assert "+" not in resource_of(name)
