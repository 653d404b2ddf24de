"""``bayplan devices``: products, their layouts, and what is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from bayplan.scheduler.hardware import product_named, products
from bayplan.scheduler.hardware.layouts import parse_layout

from .support import Bayplan, see

A100 = "A100-80GB"
COUNTS = [
    ((), (722, 77, 78)),
    (("--without-double",), (297, 37, 19)),
]


def test_all_products_are_listed(bayplan: Bayplan) -> None:
    code, out, err = bayplan("devices")
    assert (code, err) == (0, "")
    assert max(map(len, out.splitlines())) <= 80
    listed = {line.split()[0].rstrip("~") for line in out.splitlines() if line.strip()}
    assert {product.name for product in products()} <= listed
    every = json.loads(bayplan("devices", "--json")[1])
    assert every["schema"] == "bayplan.devices/1"
    assert len(every["products"]) == len(products())


def test_one_product_is_shown_by_any_of_its_names(bayplan: Bayplan) -> None:
    code, out, err = bayplan("devices", A100)
    assert (code, err) == (0, "")
    assert "81920" in out
    assert "7g.80gb" in out
    assert bayplan("devices", "NVIDIA-A100-SXM4-80GB")[1] == out
    (product,) = json.loads(bayplan("devices", A100, "--json")[1])["products"]
    assert product["name"] == A100


def test_figures_of_ones_own_take_the_place_of_the_catalogues(bayplan: Bayplan) -> None:
    Path("mine.toml").write_text('[products."A100-80GB"]\nprice_usd_per_h = 9.5\n')
    flags = ("--overrides", "mine.toml", "--json")
    (product,) = json.loads(bayplan("devices", A100, *flags)[1])["products"]
    assert product["price_usd_per_h"] == 9.5


@pytest.mark.parametrize(("flags", "counts"), COUNTS, ids=["all", "without double"])
def test_layouts_are_counted(
    flags: tuple[str, ...], counts: tuple[int, int, int], bayplan: Bayplan
) -> None:
    code, out, err = bayplan("devices", "layouts", A100, *flags)
    assert (code, err) == (0, "")
    first, *lines = out.splitlines()
    assert first == f"{A100}, plain profiles{' without double memory' if flags else ''}"
    assert [line.split(maxsplit=1) for line in lines] == [
        [str(counts[0]), "layouts"],
        [str(counts[1]), "multisets"],
        [str(counts[2]), "maximal layouts"],
    ]
    report = json.loads(bayplan("devices", "layouts", A100, *flags, "--json")[1])
    assert report == {
        "schema": "bayplan.layouts/1",
        "product": A100,
        "double": not flags,
        "layouts": counts[0],
        "multisets": counts[1],
        "maximal": counts[2],
    }


@pytest.mark.parametrize(("flags", "counts"), COUNTS, ids=["all", "without double"])
def test_layouts_are_listed_each_on_a_line_that_can_be_used_again(
    flags: tuple[str, ...], counts: tuple[int, int, int], bayplan: Bayplan
) -> None:
    _, out, _ = bayplan("devices", "layouts", A100, *flags, "--list")
    every, sets, full = (block.splitlines() for block in out.strip().split("\n\n"))
    assert [len(every) - 2, len(sets) - 1, len(full) - 1] == list(counts)  # less the headings
    product = product_named(A100)
    for text in (*every[2:], *full[1:]):
        parse_layout(product, text)
    assert set(full[1:]) <= set(every[2:])
    assert ("1g.20gb" in out) == (not flags)
    report = json.loads(bayplan("devices", "layouts", A100, *flags, "--list", "--json")[1])
    assert [len(report["lists"][key]) for key in ("layouts", "multisets", "maximal")] == list(
        counts
    )


@pytest.mark.parametrize(
    ("words", "starts"),
    [
        (["devices", "NOPE"], "no GPU product 'NOPE' is known; "),
        (["devices", "A100"],
         "no GPU product 'A100' is known; did you mean 'A100-40GB' or 'A100-80GB'?"),
        (["devices", "layouts", "NOPE"], "no GPU product 'NOPE' is known; "),
        (["devices", "layouts", "T4"], "T4 has no MIG, so no layouts; "),
        (["devices", "layouts", "T4", "--json"], "T4 has no MIG, so no layouts; "),
        (["devices", "layouts"], 'Command "devices layouts" parameter --product requires'),
        (["devices", A100, "extra"], f"unexpected argument 'extra'; {see('devices')}"),
        (["devices", A100, "--overrides", "no.toml"], "no.toml: no such file"),
        (["devices", A100, "--list"], "Unknown option: "),
    ],
)  # fmt: skip
def test_bad_words_are_one_line(words: list[str], starts: str, refused: Callable[..., str]) -> None:
    assert refused(*words).startswith(starts)
