from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from bayplan.scheduler.errors import InputError
from bayplan.scheduler.hardware import (
    find_by_pci_id,
    find_product,
    product_named,
    products,
    profile_name_of_resource,
    profile_named,
    profile_of_resource,
)

A100 = product_named("A100-80GB")
T4 = product_named("T4")


def problem(ask: Callable[..., object], *given: object) -> str:
    with pytest.raises(InputError) as error:
        ask(*given)
    message = str(error.value)
    assert len(message.splitlines()) == 1
    return message


@pytest.mark.parametrize(
    ("name", "product"),
    [
        ("NVIDIA-A100-SXM4-80GB", "A100-80GB"),
        ("NVIDIA-A100-80GB-PCIe", "A100-80GB"),
        ("NVIDIA-A100-PCIE-40GB", "A100-40GB"),
        ("NVIDIA-H100-80GB-HBM3", "H100-80GB-SXM"),
        ("NVIDIA-H100-PCIe", "H100-80GB-PCIe"),
        ("NVIDIA-H100-NVL", "H100-NVL-94GB"),
        ("NVIDIA-H200", "H200-141GB"),
        ("NVIDIA-A30", "A30-24GB"),
        ("NVIDIA-B200", "B200-180GB"),
        ("NVIDIA-GH200-480GB", "GH200-96GB"),
        ("NVIDIA-L40S", "L40S"),
        ("NVIDIA-RTX-PRO-6000-Blackwell-Server-Edition", "RTX-PRO-6000-Blackwell-96GB"),
        ("Tesla-T4", "T4"),
        ("Tesla-V100-SXM2-16GB", "V100-16GB"),
        # as traces write them
        ("V100M16", "V100-16GB"),
        ("V100M32", "V100-32GB"),
        ("P100", "P100"),
        ("A10", "A10"),
        ("G2", "G2"),
        ("G3", "G3"),
        # spelling, and what GPU feature discovery hangs on
        ("a100-80gb", "A100-80GB"),
        ("NVIDIA H100 80GB HBM3", "H100-80GB-SXM"),
        (" Tesla  T4 ", "T4"),
        ("Tesla-T4-SHARED", "T4"),
        ("NVIDIA-A100-SXM4-80GB-MIG-1g.10gb", "A100-80GB"),
        ("NVIDIA-A100-SXM4-80GB-MIG-1g.10gb.me", "A100-80GB"),
        ("NVIDIA-A100-SXM4-80GB-MIG-1g.10gb-SHARED", "A100-80GB"),
        ("NVIDIA-A100-SXM4-80GB-MIG-INVALID", "A100-80GB"),
        ("NVIDIA-RTX-PRO-6000-Blackwell-Server-Edition-MIG-1g.24gb-me",
         "RTX-PRO-6000-Blackwell-96GB"),
    ],
)  # fmt: skip
def test_a_product_is_found_by_what_clusters_and_traces_call_it(name: str, product: str) -> None:
    found = find_product(name)
    assert found is not None
    assert found.name == product
    assert product_named(name) is found


@pytest.mark.parametrize("name", ["", "-SHARED", "A100", "-MIG-1g.10gb", "NVIDIA-A100", "T", "MIG"])
def test_a_name_that_is_of_none_or_of_many_finds_none(name: str) -> None:
    assert find_product(name) is None


def test_an_unknown_product_is_answered_with_the_nearest() -> None:
    unknown = "no GPU product '{}' is known; "
    for name, fix in [
        ("A100-80G", "did you mean 'A100-80GB'?"),
        ("NVIDIA-L40", "did you mean 'L40S'?"),
        ("A100", "did you mean 'A100-40GB' or 'A100-80GB'?"),
        ("v100", "did you mean 'V100-16GB' or 'V100-32GB'?"),
        ("quantum", "bayplan devices lists them all"),
        ("", "bayplan devices lists them all"),
    ]:
        assert problem(product_named, name) == unknown.format(name) + fix
    assert problem(product_named, "H100").endswith(
        "'H100-80GB-PCIe', 'H100-80GB-SXM', 'H100-96GB' or 'H100-NVL-94GB'?"
    )


def test_other_products_than_the_catalogues_can_be_looked_in() -> None:
    mine = replace(A100, name="mine", price_usd_per_h=9.0, aliases=("my-gpu",), pci_ids=("FFFF",))
    assert find_product("MY-GPU-SHARED", [mine]) == mine
    assert find_product("A100-80GB", [mine]) is None
    assert find_product("mine") is None
    assert find_by_pci_id("ffff", [mine]) == mine
    assert "did you mean 'mine'?" in problem(product_named, "my-gp", [mine])


@pytest.mark.parametrize(
    "pci_id", ["20B2", "20b2", "0x20b2", "0x20B210DE", "20b210de", "10de:20b2"]
)
def test_a_product_is_found_by_its_pci_id(pci_id: str) -> None:
    assert find_by_pci_id(pci_id) is A100


@pytest.mark.parametrize("pci_id", ["", "0x", "10DE", "20B2FFFF", "20B", "1002:20B2"])
def test_another_pci_id_finds_none(pci_id: str) -> None:
    assert find_by_pci_id(pci_id) is None


def test_every_product_is_found_by_its_own_names() -> None:
    for product in products():
        for name in (product.name, *product.aliases):
            assert find_product(name) is product
        for pci_id in product.pci_ids:
            assert find_by_pci_id(pci_id) is product
        for profile in product.profiles:
            assert profile_named(product, profile.name) is profile
            resource = f"nvidia.com/mig-{profile.name.replace('+', '.')}"
            assert profile_name_of_resource(resource) == profile.name
            assert profile_of_resource(product, resource) is profile


def test_a_profile_that_a_product_lacks_is_answered_with_the_nearest_or_all() -> None:
    every = "it has 1g.10gb, 1g.10gb+me, 1g.20gb, 2g.20gb, 3g.40gb, 4g.40gb, 7g.80gb"
    for name, said in [
        ("1g.5gb", f"A100-80GB has no MIG profile '1g.5gb', which is one of A100-40GB; {every}"),
        ("1G.18GB", "A100-80GB has no MIG profile '1G.18GB', which is one of GH200-144GB,"
         f" H20-141GB, H200-141GB; {every}"),
        ("1g.12gb", "A100-80GB has no MIG profile '1g.12gb', which is one of GH200-96GB,"
         f" H100-96GB, H100-NVL-94GB, …; {every}"),
        ("3g.40g", "A100-80GB has no MIG profile '3g.40g'; did you mean '3g.40gb'?"),
        ("whole", f"A100-80GB has no MIG profile 'whole'; {every}"),
    ]:  # fmt: skip
        assert problem(profile_named, A100, name) == said
    assert problem(profile_named, T4, "1g.5gb") == (
        "T4 has no MIG profiles: '1g.5gb' cannot be had on it"
    )


@pytest.mark.parametrize(
    ("resource", "name"),
    [
        ("nvidia.com/mig-1g.10gb", "1g.10gb"),
        ("mig-1g.10gb", "1g.10gb"),
        ("nvidia.com/mig-1g.5gb.me", "1g.5gb+me"),
        ("nvidia.com/mig-1g.24gb.me.all", "1g.24gb+me.all"),
        ("nvidia.com/mig-1g.24gb-me", "1g.24gb-me"),
        ("nvidia.com/gpu", None),
        ("1g.10gb", None),
        ("amd.com/mig-1g.10gb", None),
        ("nvidia.com/mig-1c.3g.20gb", None),
        ("nvidia.com/mig-1g.10gb.", None),
        ("nvidia.com/mig-1g.10gb+me", None),
    ],
)
def test_a_kubernetes_resource_stands_for_a_profile(resource: str, name: str | None) -> None:
    assert profile_name_of_resource(resource) == name


def test_a_resource_that_is_no_profile_is_an_error() -> None:
    assert problem(profile_of_resource, A100, "nvidia.com/gpu") == (
        "'nvidia.com/gpu' is no MIG resource; it looks like nvidia.com/mig-1g.10gb"
    )
    assert "which is one of A100-40GB" in problem(profile_of_resource, A100, "mig-1g.5gb")
