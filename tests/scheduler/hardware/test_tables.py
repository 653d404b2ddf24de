from __future__ import annotations

import re
from collections import Counter
from itertools import pairwise

import pytest

from bayplan.scheduler.hardware import MigProfile, Product, products

WITH_MIG = [product for product in products() if product.has_mig]
EVERY = [(product, profile) for product in WITH_MIG for profile in product.profiles]
FAMILY = {  # on all GPUs with 8 units and 7 slices: (id, slices, size, most, starts)
    (19, 1, 1, 7, (0, 1, 2, 3, 4, 5, 6)),
    (20, 1, 1, 1, (0, 1, 2, 3, 4, 5, 6)),
    (15, 1, 2, 4, (0, 2, 4, 6)),
    (14, 2, 2, 3, (0, 2, 4)),
    (9, 3, 4, 2, (0, 4)),
    (5, 4, 4, 1, (0,)),
    (0, 7, 8, 1, (0,)),
}

of_every_product = pytest.mark.parametrize("product", products(), ids=lambda each: each.name)
of_every_profile = pytest.mark.parametrize(
    ("product", "profile"), EVERY, ids=[f"{product.name} {row.name}" for product, row in EVERY]
)


def test_the_catalogue_has_the_products_that_clusters_and_traces_name() -> None:
    names = [product.name for product in products()]
    assert names == sorted(names)
    assert set(names) == {
        "A10", "A30-24GB", "A100-40GB", "A100-80GB", "B200-180GB", "B300-269GB", "G2", "G3",
        "GB200-186GB", "GB200-189GB", "GB300-278GB", "GH200-144GB", "GH200-96GB", "H100-80GB-PCIe",
        "H100-80GB-SXM", "H100-96GB", "H100-NVL-94GB", "H20-141GB", "H20-96GB", "H200-141GB", "L4",
        "L40S", "P100", "RTX-PRO-6000-Blackwell-96GB", "T4", "V100-16GB", "V100-32GB",
    }  # fmt: skip
    assert len(EVERY) == 128


def test_no_name_alias_or_pci_id_is_of_two_products() -> None:
    names = [name.lower() for each in products() for name in (each.name, *each.aliases)]
    ids = [pci_id for each in products() for pci_id in each.pci_ids]
    assert not [name for name, count in Counter(names).items() if count > 1]
    assert not [pci_id for pci_id, count in Counter(ids).items() if count > 1]


@of_every_product
def test_a_product_has_sane_figures_and_a_source(product: Product) -> None:
    assert 10_000 < product.memory_mib < 300_000
    assert product.sm_count is None or 40 <= product.sm_count <= 200
    assert product.tdp_w is not None
    assert 0 < (product.idle_w or 1) < product.tdp_w
    assert product.nvlink_island in (1, 2, 4, 8)
    assert product.price_usd_per_h is None or 0 < product.price_usd_per_h < 10
    assert product.source
    assert all(re.fullmatch(r"[0-9A-F]{4}", pci_id) for pci_id in product.pci_ids)
    assert all(name == name.strip() != "" for name in product.aliases)
    geometry = (product.units, product.compute_slices)
    assert geometry in ((8, 7), (4, 4), (12, 4)) if product.has_mig else geometry == (0, 0)


@of_every_profile
def test_a_profile_lies_within_its_gpu(product: Product, profile: MigProfile) -> None:
    assert re.fullmatch(r"[1-7]g\.\d+gb(-me|\+(me|gfx|me\.all))?", profile.name)
    assert profile.name.startswith(f"{profile.compute_slices}g.")
    assert profile.starts == tuple(sorted(set(profile.starts)))
    assert profile.starts[0] >= 0
    assert profile.starts[-1] + profile.size <= product.units
    assert 1 <= profile.compute_slices <= product.compute_slices
    assert 1 <= profile.max_instances <= len(profile.starts)
    assert profile.memory_mib * product.units <= product.memory_mib * profile.size
    assert profile.sm_count is None or profile.sm_count <= (product.sm_count or profile.sm_count)
    assert profile.source


@of_every_profile
def test_a_profile_has_about_the_memory_of_its_name(product: Product, profile: MigProfile) -> None:
    named = int(profile.name.split(".")[1].split("gb")[0])
    assert 0.8 <= profile.memory_mib / (named * 1024) <= 1.02


@pytest.mark.parametrize("product", WITH_MIG, ids=lambda each: each.name)
def test_names_and_ids_are_unique_and_memory_grows_with_size(product: Product) -> None:
    profiles = product.profiles
    assert len({profile.name for profile in profiles}) == len(profiles)
    assert len({profile.profile_id for profile in profiles}) == len(profiles)
    by_size = {profile.size: profile.memory_mib for profile in profiles}
    assert all(by_size[profile.size] == profile.memory_mib for profile in profiles)
    assert all(by_size[small] < by_size[large] for small, large in pairwise(sorted(by_size)))
    assert max(by_size) == product.units


@pytest.mark.parametrize("product", WITH_MIG, ids=lambda each: each.name)
def test_gpus_of_seven_slices_share_one_geometry(product: Product) -> None:
    if product.compute_slices == 7:
        rows = product.profiles
        assert {
            (row.profile_id, row.compute_slices, row.size, row.max_instances, row.starts)
            for row in rows
        } == FAMILY


def test_what_is_inferred_says_so() -> None:
    read = {product.name for product, profile in EVERY if not profile.inferred}
    assert read == {
        "A30-24GB", "A100-40GB", "A100-80GB", "H100-80GB-SXM", "H100-NVL-94GB",
        "RTX-PRO-6000-Blackwell-96GB",
    }  # fmt: skip
    for product, profile in EVERY:
        said = re.search(r"nominal|starts as|cut to", profile.source)
        assert bool(said) == profile.inferred, (product.name, profile.name)


@pytest.mark.parametrize(
    ("name", "variant"),
    [("1g.24gb", ""), ("1g.24gb+me", "+me"), ("1g.24gb+me.all", "+me.all"), ("1g.24gb-me", "-me"),
     ("4g.96gb+gfx", "+gfx")],
)  # fmt: skip
def test_the_variant_is_what_follows_the_plain_name(name: str, variant: str) -> None:
    profiles = {profile.name: profile for _, profile in EVERY}
    assert profiles[name].variant == variant
