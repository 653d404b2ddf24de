"""Metrics of GPUs as DCGM exporter 4 writes them, for tests of the extender."""

from __future__ import annotations

from collections.abc import Mapping

HELP = {
    "DCGM_FI_DEV_XID_ERRORS": "Value of the last XID error encountered.",
    "DCGM_FI_DEV_GPU_TEMP": "GPU temperature (in C).",
    "DCGM_FI_DEV_FB_USED": "Framebuffer memory used (in MiB).",
    "DCGM_FI_DEV_ROW_REMAP_FAILURE": "Whether remapping of rows has failed.",
    "DCGM_FI_DEV_ROW_REMAP_PENDING": "Whether remapping of rows is pending.",
    "DCGM_FI_DEV_ECC_DBE_VOL_TOTAL": "Total number of double-bit volatile ECC errors.",
    "DCGM_EXP_XID_ERRORS_COUNT": "Count of XID errors within a time window.",
}

Values = Mapping[str, float | str]


def labels(node: str, index: int, uuid: str, **more: str) -> str:
    """Return the labels of a sample."""
    said = {
        "gpu": str(index),
        "UUID": uuid,
        "pci_bus_id": f"00000000:{index:02X}:00.0",
        "device": f"nvidia{index}",
        "modelName": "NVIDIA H100 80GB HBM3",
        "Hostname": node,
        "DCGM_FI_DRIVER_VERSION": "580.95.05",
    } | more
    return ",".join(f'{key}="{value}"' for key, value in said.items())


def gpu(node: str, index: int, values: Values, uuid: str = "", **more: str) -> dict[str, list[str]]:
    """Return the lines of a GPU by metric; it has a temperature besides."""
    uuid = uuid or f"GPU-{node}-{index}"
    every: dict[str, float | str] = {"DCGM_FI_DEV_GPU_TEMP": 31, **values}
    return {
        metric: [f"{metric}{{{labels(node, index, uuid, **more)}}} {value}"]
        for metric, value in every.items()
    }


def exposition(*gpus: Mapping[str, list[str]]) -> str:
    """Return what an exporter writes: metric by metric, each with its help and type."""
    lines = ["# HELP DCGM_FI_DEV_SM_CLOCK SM clock frequency (in MHz).",
             "# TYPE DCGM_FI_DEV_SM_CLOCK gauge",
             f"DCGM_FI_DEV_SM_CLOCK{{{labels('x', 0, 'GPU-x-0')}}} 1980"]  # fmt: skip
    for metric in dict.fromkeys(metric for each in gpus for metric in each):
        lines.append(f"# HELP {metric} {HELP.get(metric, metric)}")
        lines.append(f"# TYPE {metric} gauge")
        for each in gpus:
            lines += each.get(metric, [])
    return "\n".join(lines) + "\n"
