"""What is made of an exposition: which GPUs, which Xids, which levels."""

from __future__ import annotations

import random
from typing import Any

import pytest

from bayplan.extender.health.exposition import read_exposition
from bayplan.extender.health.shown import Gpu, gather
from health_things import exposition, gpu

XID, PENDING, FAILED = (
    "DCGM_FI_DEV_XID_ERRORS",
    "DCGM_FI_DEV_ROW_REMAP_PENDING",
    "DCGM_FI_DEV_ROW_REMAP_FAILURE",
)
BLANK_INT64 = "9223372036854775794"


def shown(text: str, label: str = "Hostname") -> dict[str, dict[str, Gpu]]:
    return gather(read_exposition(text), label)


def test_each_gpu_has_the_xids_and_levels_that_are_shown_and_no_others() -> None:
    text = exposition(
        gpu("a", 0, {XID: 0, PENDING: 0, FAILED: 0}),
        gpu("a", 3, {XID: 79, PENDING: 1}),
        gpu("b", 0, {}),
    )
    assert shown(text) == {
        "a": {
            "GPU-a-0": Gpu(0, set(), {"row-remap-pending": False, "row-remap-failure": False}),
            "GPU-a-3": Gpu(3, {79}, {"row-remap-pending": True}),
        },
        "b": {"GPU-b-0": Gpu(0)},
    }


def test_samples_by_pod_and_by_instance_are_of_one_gpu_and_the_worst_counts() -> None:
    slices = [gpu("a", 0, {XID: 0 if k else 95, "DCGM_FI_DEV_ECC_DBE_VOL_TOTAL": k},
                  uuid="GPU-x", GPU_I_ID=str(k), GPU_I_PROFILE="1g.10gb", pod=f"p{k}")
              for k in range(3)]  # fmt: skip
    assert shown(exposition(*slices)) == {"a": {"GPU-x": Gpu(0, {95}, {"ecc-double-bit": True})}}


def test_counted_xids_show_what_a_later_one_hides() -> None:
    counted = gpu("a", 0, {"DCGM_EXP_XID_ERRORS_COUNT": 2}, xid="79", window_size_in_ms="300000")
    past = gpu("a", 0, {"DCGM_EXP_XID_ERRORS_COUNT": 0}, xid="48", window_size_in_ms="300000")
    last = gpu("a", 0, {XID: 13}, err_code="13", err_msg="Graphics Engine Exception")
    assert shown(exposition(counted, past, last))["a"]["GPU-a-0"].xids == {13, 79}


@pytest.mark.parametrize("value", ["NaN", "+Inf", "-1", BLANK_INT64, "2147483632"])
def test_values_that_say_nothing_are_no_xid_and_no_level(value: str) -> None:
    found = shown(exposition(gpu("a", 0, {XID: value, PENDING: value})))
    assert found == {"a": {"GPU-a-0": Gpu(0)}}


def test_samples_without_node_or_uuid_are_passed_over() -> None:
    text = f'{XID}{{gpu="0",UUID="GPU-1"}} 79\n{XID}{{gpu="0",Hostname="a"}} 79\n{XID} 79\n'
    assert shown(text) == {}


def test_the_node_may_be_in_another_label() -> None:
    text = f'{XID}{{gpu="0",UUID="GPU-1",Hostname="exporter-x7f2q",node="a"}} 79\n'
    assert shown(text, "node") == {"a": {"GPU-1": Gpu(0, {79})}}


def test_the_order_of_lines_does_not_matter() -> None:
    every: list[Any] = [gpu("a", k % 3, {XID: x, PENDING: x % 2}) for k, x in enumerate(range(60))]
    lines = [line for each in every for found in each.values() for line in found]
    first = shown("\n".join(lines) + "\n")
    assert first["a"]["GPU-a-1"].xids == set(range(1, 60, 3))
    for seed in range(20):
        random.Random(seed).shuffle(lines)
        assert shown("\n".join(lines) + "\n") == first


@pytest.mark.parametrize("line", [f"{XID}{{gpu=", f'{XID}{{gpu="0"}} many', f"{XID}{{gpu}} 1"])
def test_a_line_that_cannot_be_read_is_an_error_if_it_is_of_a_metric_that_is_wanted(
    line: str,
) -> None:
    with pytest.raises(ValueError, match=r"."):
        read_exposition(line + "\n")
    assert read_exposition(line.replace(XID, "OTHER") + "\n") == []
