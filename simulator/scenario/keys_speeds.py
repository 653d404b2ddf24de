"""The keys of ``[speeds]``."""

from __future__ import annotations

from bayplan.simulator.scenario.key import Key

DEMANDS = "speeds.demands"
SCALING = "speeds.scaling"
SHARING = "speeds.sharing"

# The ranges and defaults below are those of the engine's speed models; a test compares them.

_DEMAND_COLUMNS: tuple[Key, ...] = (
    Key(DEMANDS, "like", "text", None, "job class whose demands it takes where it says nothing"),
    Key(DEMANDS, "busy", "number", None, "of the time that any kernel runs", least=0, most=1),
    Key(DEMANDS, "sm", "number", None, "multiprocessors in use", least=0, most=1),
    Key(DEMANDS, "bandwidth", "number", None, "memory bandwidth in use", least=0, most=1),
    Key(DEMANDS, "memory_mib", "whole", None, "peak memory; 0 is unknown",
        least=0, most=1_000_000, unit="MiB"),
    Key(DEMANDS, "pcie", "number", None, "of the time that it copies over PCIe", least=0, most=1),
    Key(DEMANDS, "bottleneck", "number", None, "of what limits it most, how much it occupies",
        least=0, most=1),
    Key(DEMANDS, "power", "number", None, "of the range from idle to the power limit",
        least=0, most=1),
    Key(DEMANDS, "weight", "number", None, "length of its kernels, over that of others",
        least=0.05, most=20),
    Key(DEMANDS, "pc", "number", None, "part of its time that doubles with half the"
        " multiprocessors", least=0, most=1.2),
    Key(DEMANDS, "pm", "number", None, "part of its time that doubles with half the bandwidth",
        least=0, most=1.2),
)  # fmt: skip

_SCALING_COLUMNS: tuple[Key, ...] = (
    Key(SCALING, "job_type", "text", "", "whose speed it is"),
    Key(SCALING, "gpus", "whole", 1, "on so many GPUs", least=1, most=10**7, unit="GPUs"),
    Key(SCALING, "speed", "number", 1.0, "in any unit, such as samples a second: only ratios of one"
        " type count", least=1e-9, most=10**12),
)  # fmt: skip

SPEED_KEYS: tuple[Key, ...] = (
    Key("speeds", "file", "file", "", "CSV with columns job_type, gpu_model, speed: alone on the"
        " whole GPU, over the reference GPU"),
    Key("speeds", "default_class", "text", "medium", "whose demands jobs have whose type is not in"
        " demands"),
    Key("speeds", "by_model", "numbers", {}, "GPU model → speed of job types that the file does"
        " not have on it; 1 where this has none", least=0.0001, most=10_000),
    Key("speeds", "demands", "tables", {}, "job type → what it asks of a GPU, measured alone",
        columns=_DEMAND_COLUMNS),
    Key("speeds", "serial", "number", 0.0, "elastic jobs without points in scaling: part of the"
        " time on one GPU that more do not shorten (Amdahl); 0: n GPUs are n times as fast",
        least=0, most=1),
    Key("speeds", "scaling", "rows", None, "elastic jobs: measured speeds by number of GPUs",
        columns=_SCALING_COLUMNS),
    Key(SHARING, "switch_cost", "number", 0.11, "time-slicing: lost to switching between busy"
        " tenants", least=0, most=0.25),
    Key(SHARING, "collision", "number", 1.0, "time-slicing: how far busy times collide",
        least=0, most=1),
    Key(SHARING, "pacing_overhead", "number", 0.02, "hami: lost to pacing", least=0, most=0.15),
    Key(SHARING, "client_cost", "number", 0.0, "mps: lost to each further client",
        least=0, most=0.02),
    Key(SHARING, "cache", "number", 0.13, "mps: slowdown by co-residents that saturate memory",
        least=0, most=0.15),
    Key(SHARING, "thrashing", "number", 0.43, "mps: further loss when bandwidth demands add up to"
        " 2 or more", least=0, most=0.5),
    Key(SHARING, "idle_power", "number", 0.18, "idle power over the power limit",
        least=0, most=0.5),
    Key(SHARING, "power_exponent", "number", 0.5, "how speed falls with power beyond the limit",
        least=0, most=1),
    Key(SHARING, "context_mib", "number", 400.0, "memory of a CUDA context beside what the job"
        " allocates", least=0, most=1024, unit="MiB"),
)  # fmt: skip
