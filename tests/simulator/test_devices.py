from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bayplan.scheduler.errors import InputError
from bayplan.scheduler.hardware import Product, product_named, products
from bayplan.simulator.devices.command import list_devices, show_device, show_layouts
from bayplan.simulator.devices.overrides import LEAST, MOST, with_overrides

MINE = """
[products."A100-80GB"]
price_usd_per_h = 2.5
tdp_w = 300
idle_w = 62
nvlink_island = 2

[products.Tesla-T4]
price_usd_per_h = 1
"""


def problem(ask: Callable[..., object], *given: object) -> str:
    with pytest.raises(InputError) as error:
        ask(*given)
    message = str(error.value)
    assert len(message.splitlines()) == 1
    return message


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str], Path]:
    def written(text: str) -> Path:
        path = tmp_path / "mine.toml"
        path.write_text(text, encoding="utf-8")
        return path

    return written


def printed(capsys: pytest.CaptureFixture[str]) -> str:
    out, err = capsys.readouterr()
    assert err == ""
    assert isinstance(out, str)
    return out


def named(found: tuple[Product, ...], name: str) -> Product:
    return next(product for product in found if product.name == name)


def test_figures_of_ones_own_replace_the_catalogues(write: Callable[[str], Path]) -> None:
    found = with_overrides(products(), write(MINE))
    a100, t4 = named(found, "A100-80GB"), named(found, "T4")
    assert (a100.price_usd_per_h, a100.tdp_w, a100.idle_w, a100.nvlink_island) == (2.5, 300, 62, 2)
    assert a100.profiles == product_named("A100-80GB").profiles
    assert (t4.price_usd_per_h, t4.tdp_w) == (1, 70)
    changed = [mine.name for mine, own in zip(found, products(), strict=True) if mine != own]
    assert changed == ["A100-80GB", "T4"]


@pytest.mark.parametrize("text", ["", "# nothing\n", "[products]\n", "[products.T4]\n"])
def test_a_file_without_figures_changes_nothing(write: Callable[[str], Path], text: str) -> None:
    assert with_overrides(products(), write(text)) == products()


BAD_FILES = [
    ("[products.L40X]\n", "no GPU product 'L40X' is known; did you mean 'L40S'?"),
    ("[products.A100]\n", "no GPU product 'A100' is known; did you mean 'A100-40GB' or"
     " 'A100-80GB'?"),
    ("[products.T4]\ntdp = 1\n", "product 'T4': unknown key 'tdp'; did you mean 'tdp_w'?"),
    ("[products.T4]\nprice_per_h = 1\n", "product 'T4': unknown key 'price_per_h'; did you mean"
     " 'price_usd_per_h'?"),
    ("[products.T4]\nx = 1\n", "product 'T4': unknown key 'x'; keys are price_usd_per_h, tdp_w,"
     " idle_w, nvlink_island"),
    ("[products.T4]\ntdp_w = 1.5\n", "product 'T4': tdp_w = 1.5 is no whole number; give a whole"
     " number from 0 to 1000000"),
    ("[products.T4]\ntdp_w = true\n", "product 'T4': tdp_w = True is no whole number; give a whole"
     " number from 0 to 1000000"),
    ("[products.T4]\nidle_w = -1\n", "product 'T4': idle_w = -1; give a whole number from 0 to"
     " 1000000"),
    ("[products.T4]\nnvlink_island = 0\n", "product 'T4': nvlink_island = 0; give a whole number"
     " from 1 to 1000000"),
    ("[products.T4]\nprice_usd_per_h = nan\n", "product 'T4': price_usd_per_h = nan; give a number"
     " from 0 to 1000000"),
    ('[products.T4]\nprice_usd_per_h = "a\\nb"\n', "product 'T4': price_usd_per_h = 'a\\nb' is no"
     " number; give a number from 0 to 1000000"),
    ("[products.T4]\n[products.Tesla-T4]\n", "product 'Tesla-T4': T4 stands there twice; keep one"
     " of its tables"),
    ("[products]\nT4 = 1\n", "product 'T4' is no table; write it like [products.\"T4\"]"),
    ("products = 1\n", "products is no table; write it like [products.\"A100-80GB\"]"),
    ("[product.T4]\n", "unknown table 'product'; tables are like [products.\"A100-80GB\"]"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "said"), BAD_FILES)
def test_a_bad_file_is_an_error_of_one_line(
    write: Callable[[str], Path], text: str, said: str
) -> None:
    path = write(text)
    assert problem(with_overrides, products(), path) == f"{path}: {said}"


def test_what_is_no_toml_file_is_an_error_of_one_line(
    tmp_path: Path, write: Callable[[str], Path]
) -> None:
    assert problem(with_overrides, products(), tmp_path) == (
        f"{tmp_path}: this is a folder; name a TOML file in it"
    )
    missing = tmp_path / "none.toml"
    assert "no such file" in problem(with_overrides, products(), missing)
    for text in ("[products", "x = " + "[" * 9_000, 'x = "\x07"'):
        assert ": not TOML: " in problem(with_overrides, products(), write(text))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.sampled_from(sorted(LEAST)),
    st.one_of(st.integers(-2, 2), st.floats(), st.booleans(), st.just("[]"), st.just("'1'")),
)
def test_any_value_is_taken_or_refused_in_one_line(
    write: Callable[[str], Path], key: str, value: object
) -> None:
    text = str(value).lower()
    path = write(f"[products.T4]\n{key} = {text}\n")
    number = isinstance(value, float) and key == "price_usd_per_h"
    if (type(value) is int or number) and LEAST[key] <= value <= MOST:  # type: ignore[operator]
        taken = getattr(named(with_overrides(products(), path), "T4"), key)
        assert taken == value
        assert type(taken) is type(value)
    else:
        said = problem(with_overrides, products(), path)
        assert said.startswith(f"{path}: product 'T4': {key} = ")


def test_the_list_has_a_line_for_each_product_within_80_columns(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    list_devices(False, None)
    lines = printed(capsys).splitlines()
    assert max(map(len, lines)) <= 80
    words = [line.split() for line in lines]
    assert [row[0].rstrip("~") for row in words if len(row) == 8 and row[1].isdecimal()] == [
        product.name for product in products()
    ]
    for row in (
        ["RTX-PRO-6000-Blackwell-96GB", "97887", "188", "600", "28", "1", "1.69", "4/12"],
        ["G2~", "23028", "-", "150", "30", "1", "-", "-"],
    ):
        assert row in words
    assert any(line.startswith("~ inferred: ") for line in lines)
    assert "…" not in "".join(lines)


@pytest.mark.parametrize("product", products(), ids=lambda each: each.name)
def test_a_product_is_shown_whole(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, product: Product
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    show_device(product.name, False, None)
    out = printed(capsys)
    assert "…" not in out
    words = [line.split() for line in out.splitlines()]
    mark = "~" if product.inferred else ""
    assert ["product", f"{product.name}{mark}"] in words
    for row in product.profiles:
        mark = "~" if row.inferred else ""
        starts = ",".join(map(str, row.starts))
        engines = ["-" if each is None else str(each)
                   for each in (row.sm_count, row.copy_engines, row.nvdec)]  # fmt: skip
        amounts = (row.profile_id, row.compute_slices, row.size, row.memory_mib, row.max_instances)
        assert [f"{row.name}{mark}", *map(str, amounts), starts, *engines] in words
    assert ("all-balanced" in out) == product.has_mig


def test_the_commands_use_ones_own_figures(
    capsys: pytest.CaptureFixture[str], write: Callable[[str], Path]
) -> None:
    path = write(MINE)
    show_device("NVIDIA-A100-SXM4-80GB", False, path)
    assert "300, 62" in printed(capsys)
    list_devices(True, path)
    by_name = {each["name"]: each for each in json.loads(printed(capsys))["products"]}
    assert by_name["T4"]["price_usd_per_h"] == 1
    assert by_name["A100-40GB"]["price_usd_per_h"] is None


def test_json_holds_every_figure(capsys: pytest.CaptureFixture[str]) -> None:
    list_devices(True, None)
    every: dict[str, Any] = json.loads(printed(capsys))
    assert every["schema"] == "bayplan.devices/1"
    assert [each["name"] for each in every["products"]] == [each.name for each in products()]
    show_device("h200", True, None)
    one: dict[str, Any] = json.loads(printed(capsys))
    assert one["schema"] == "bayplan.devices/1"
    assert one["products"] == [each for each in every["products"] if each["name"] == "H200-141GB"]
    h200 = one["products"][0]
    assert h200["profiles"][0]["starts"] == [0, 1, 2, 3, 4, 5, 6]
    assert h200["presets"]["all-3g.71gb"] == "3g.71gb@0,3g.71gb@4"


def test_layouts_are_counted_and_listed(capsys: pytest.CaptureFixture[str]) -> None:
    show_layouts("A100-80GB", False, False, False)
    assert printed(capsys) == (
        "A100-80GB, plain profiles\n  722 layouts\n   77 multisets\n   78 maximal layouts\n"
    )
    show_layouts("A100-80GB", True, False, True)
    lines = printed(capsys).splitlines()
    assert lines[:3] == [
        "A100-80GB, plain profiles without double memory", "  297 layouts", "1g.10gb@0",
    ]  # fmt: skip
    assert "2x 1g.10gb + 1x 2g.20gb + 1x 3g.40gb" in lines
    start = lines.index("   19 maximal layouts") + 1
    assert lines[start:].index("") == 19


def test_layouts_as_json_have_counts_and_lists_when_asked(
    capsys: pytest.CaptureFixture[str],
) -> None:
    show_layouts("A100-80GB", False, True, False)
    assert json.loads(printed(capsys)) == {
        "schema": "bayplan.layouts/1", "product": "A100-80GB", "double": True,
        "layouts": 722, "multisets": 77, "maximal": 78,
    }  # fmt: skip
    show_layouts("A30", True, True, True)
    report = json.loads(printed(capsys))
    assert (report["double"], report["layouts"], report["multisets"]) == (False, 25, 9)
    for what in ("layouts", "multisets", "maximal"):
        assert len(report["lists"][what]) == report[what]
    assert report["lists"]["maximal"][-1] == "4g.24gb@0"
    assert ["1g.6gb", "1g.6gb", "2g.12gb"] in report["lists"]["multisets"]


def test_what_is_not_there_is_an_error_of_one_line() -> None:
    assert problem(show_device, "A100-80G", False, None) == (
        "no GPU product 'A100-80G' is known; did you mean 'A100-80GB'?"
    )
    assert "no GPU product" in problem(show_layouts, "x", False, False, False)
    for as_json in (False, True):
        assert problem(show_layouts, "T4", False, as_json, False) == (
            "T4 has no MIG, so no layouts; bayplan devices shows which have"
        )
