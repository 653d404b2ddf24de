"""Which configs suit a product, and what a node shows under them."""

from __future__ import annotations

from pathlib import Path

import pytest

from bayplan.extender.repartition.configs import Configs, Entry
from bayplan.extender.repartition.configs_file import read_configs
from bayplan.scheduler.errors import InputError
from bayplan.scheduler.hardware import product_named

A100, A100_40, A30, L4 = (product_named(each) for each in ("A100-80GB", "A100-40GB", "A30", "L4"))

OPERATORS = """
version: v1
mig-configs:
  all-disabled:
    - devices: all
      mig-enabled: false
  all-enabled:
    - devices: all
      mig-enabled: true
      mig-devices: {}
  all-1g.10gb:
    - device-filter: ["0x233010DE", "0x20B210DE"]
      devices: all
      mig-enabled: true
      mig-devices: {"1g.10gb": 7}
    - device-filter: "0x20B010DE"
      devices: all
      mig-enabled: true
      mig-devices: {"1g.10gb": 4}
  all-1g.10gb.me:
    - devices: all
      mig-enabled: true
      mig-devices: {"1g.10gb+me": 1}
  half:
    - devices: [0, 1]
      mig-enabled: true
      mig-devices: {"1g.10gb": 2, "2g.20gb": 1, "3g.40gb": 1}
    - devices: [2, 3]
      mig-enabled: false
  some:
    - devices: [0]
      mig-enabled: true
      mig-devices: {"3g.40gb": 2}
  much:
    - devices: all
      mig-enabled: true
      mig-devices: {"3g.40gb": 1, "4g.40gb": 1, "1g.10gb": 1}
"""


def test_the_operators_configs_are_those_of_the_product() -> None:
    found = Configs().of(A100, 2)
    assert found == {
        "all-disabled": {"nvidia.com/gpu": 2},
        "all-1g.10gb": {"nvidia.com/mig-1g.10gb": 14},
        "all-1g.20gb": {"nvidia.com/mig-1g.20gb": 8},
        "all-2g.20gb": {"nvidia.com/mig-2g.20gb": 6},
        "all-3g.40gb": {"nvidia.com/mig-3g.40gb": 4},
        "all-4g.40gb": {"nvidia.com/mig-4g.40gb": 2},
        "all-7g.80gb": {"nvidia.com/mig-7g.80gb": 2},
        "all-balanced": {
            "nvidia.com/mig-1g.10gb": 4,
            "nvidia.com/mig-2g.20gb": 2,
            "nvidia.com/mig-3g.40gb": 2,
        },
    }
    assert Configs().of(A30, 1)["all-balanced"] == {
        "nvidia.com/mig-1g.6gb": 2,
        "nvidia.com/mig-2g.12gb": 1,
    }
    assert Configs().of(L4, 4) == {"all-disabled": {"nvidia.com/gpu": 4}}


def test_a_file_says_by_index_and_by_pci_id_what_is_made(tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    file.write_text(OPERATORS)
    configs = read_configs(file)
    # all-enabled makes no instances, some says nothing of GPUs 1 to 3, much does not fit a GPU.
    assert configs.of(A100, 4) == {
        "all-1g.10gb": {"nvidia.com/mig-1g.10gb": 28},
        "all-1g.10gb.me": {"nvidia.com/mig-1g.10gb.me": 4},
        "all-disabled": {"nvidia.com/gpu": 4},
        "half": {
            "nvidia.com/gpu": 2,
            "nvidia.com/mig-1g.10gb": 4,
            "nvidia.com/mig-2g.20gb": 2,
            "nvidia.com/mig-3g.40gb": 2,
        },
    }
    assert configs.of(A100, 1)["some"] == {"nvidia.com/mig-3g.40gb": 2}
    assert configs.of(A100_40, 1) == {
        "all-1g.10gb": {"nvidia.com/mig-1g.10gb": 4},
        "all-disabled": {"nvidia.com/gpu": 1},
    }


def test_a_gpu_has_one_instance_with_media_engines_at_most() -> None:
    def shown(*instances: tuple[str, int]) -> bool:
        return "x" in Configs((("x", (Entry(instances=instances),)),)).of(A100, 1)

    assert shown(("1g.10gb", 6), ("1g.10gb+me", 1))
    assert not shown(("1g.10gb", 5), ("1g.10gb+me", 2))
    assert not shown(("1g.10gb", 7), ("1g.10gb+me", 1))


WRONG = {
    "mig-configs: [1]": "has no mig-configs; name a file as the MIG manager has it:"
    " mig-configs, with a list for each name",
    "[": "no YAML: ",
    "mig-configs: {a: 3}": "mig-configs.a: write a list of entries",
    "mig-configs: {a b: [{devices: all, mig-enabled: false}]}": "mig-configs.a b: no value of a"
    " label; use letters, digits, - _ .",
    "mig-configs: {a: [3]}": "mig-configs.a[0]: write devices, mig-enabled and mig-devices",
    "mig-configs: {a: [{devices: some, mig-enabled: false}]}": "mig-configs.a[0]: devices: write"
    " all, or indices such as [0, 1]",
    "mig-configs: {a: [{devices: [0, true], mig-enabled: false}]}": "mig-configs.a[0]: devices:"
    " write all, or indices such as [0, 1]",
    "mig-configs: {a: [{devices: all}]}": "mig-configs.a[0]: mig-enabled: write true or false",
    "mig-configs: {a: [{devices: all, mig-enabled: true, mig-devices: {1g.10gb: many}}]}":
    "mig-configs.a[0]: mig-devices: write profiles with their number, such as 1g.10gb: 7",
    "mig-configs: {a: [{devices: all, mig-enabled: true, device-filter: A100}]}":
    "mig-configs.a[0]: device-filter: write PCI ids of NVIDIA such as 0x233010DE",
}  # fmt: skip


@pytest.mark.parametrize("text", WRONG)
def test_what_is_wrong_with_a_file_is_said_by_its_place(text: str, tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    file.write_text(text)
    with pytest.raises(InputError) as caught:
        read_configs(file)
    assert str(caught.value).startswith(f"{file}: {WRONG[text]}")


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"config.yaml: cannot be read \(No such file"):
        read_configs(tmp_path / "config.yaml")
