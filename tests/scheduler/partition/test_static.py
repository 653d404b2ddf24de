"""Layouts by preset, label and explicit list."""

from __future__ import annotations

import pytest

from bayplan.scheduler.errors import InputError
from bayplan.scheduler.hardware import products
from bayplan.scheduler.hardware.layouts import presets
from bayplan.scheduler.partition import (
    MIG_CONFIG_LABEL,
    Instance,
    labelled_layout,
    static_layout,
)

from .support import A30, H100, T4, is_legal


def names(layout: tuple[Instance, ...] | None) -> list[str]:
    assert layout is not None
    return sorted(instance.profile_name for instance in layout)


def test_presets_are_those_of_mig_parted() -> None:
    assert names(static_layout(H100, "all-1g.10gb")) == ["1g.10gb"] * 7
    assert names(static_layout(H100, "all-balanced")) == ["1g.10gb"] * 2 + ["2g.20gb", "3g.40gb"]
    assert names(static_layout(A30, "all-balanced")) == ["1g.6gb"] * 2 + ["2g.12gb"]


def test_undivided_is_not_the_same_as_without_instances() -> None:
    assert static_layout(H100, "all-disabled") is None
    assert static_layout(T4, "all-disabled") is None
    assert static_layout(H100, "all-enabled") == ()


def test_every_preset_of_every_product_is_legal_and_by_start() -> None:
    for product in products():
        for name in presets(product):
            layout = static_layout(product, name)
            assert layout
            assert list(layout) == sorted(layout)
            assert is_legal(product, layout)


def test_an_explicit_list_says_profiles_and_starts() -> None:
    assert static_layout(H100, "2g.20gb@2, 1g.10gb+me@0") == (
        Instance(0, "1g.10gb+me"),
        Instance(2, "2g.20gb"),
    )


def test_a_label_asks_for_a_layout() -> None:
    labels = (("zone", "a"), (MIG_CONFIG_LABEL, "1g.10gb@6"))
    assert labelled_layout(H100, labels) == (Instance(6, "1g.10gb"),)
    assert labelled_layout(H100, labels[:1]) is None
    assert labelled_layout(H100, (), "all-3g.40gb") == static_layout(H100, "all-3g.40gb")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("all-1g.10g", "no MIG layout 'all-1g.10g'; did you mean 'all-1g.10gb'"),
        ("xyzzy", "no MIG layout 'xyzzy'; choose from all-1g.10gb, "),
        ("4g.40gb@0,1g.10gb@3", "4g.40gb@0,1g.10gb@3"),
        ("3g.40gb@1", "3g.40gb"),
        ("1g.10gb@x", "1g.10gb@x"),
        ("1g.10gb+me@0,1g.10gb+me@1", "1g.10gb"),
    ],
)
def test_what_cannot_be_is_refused(name: str, message: str) -> None:
    with pytest.raises(InputError) as refused:
        static_layout(H100, name)
    assert message in str(refused.value)


def test_a_gpu_without_mig_takes_no_layout() -> None:
    with pytest.raises(InputError, match=r"T4 has no MIG; use 'all-disabled'"):
        labelled_layout(T4, [(MIG_CONFIG_LABEL, "all-balanced")])
