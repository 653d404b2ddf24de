from __future__ import annotations

from bayplan.scheduler.hardware import find_product, gpu_watts


def test_watts_are_those_of_the_catalogue() -> None:
    product = find_product("A100-80GB")
    assert product is not None
    assert gpu_watts("A100-80GB") == (product.idle_w, product.tdp_w)


def test_what_the_catalogue_does_not_know_draws_like_many() -> None:
    assert gpu_watts("Voodoo") == gpu_watts("") == (30, 300)
