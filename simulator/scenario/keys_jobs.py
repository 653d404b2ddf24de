"""The keys of ``[jobs]`` and ``[jobs.synthetic]``."""

from __future__ import annotations

from bayplan.simulator.scenario.key import Key, filled

SYNTHETIC = "jobs.synthetic"
MIX = "jobs.synthetic.mix"
MAX_JOBS = 10**7
MAX_S = 10**12
MAX_AMOUNT = 10**12

RESAMPLE = ("auto", "none", "permute", "bootstrap")
ARRIVALS = ("poisson", "even")
DURATIONS = ("lognormal", "exponential", "constant")

_MIX_COLUMNS: tuple[Key, ...] = (
    Key(MIX, "weight", "number", 1.0, "how often, beside the other shapes", least=0, most=10**9),
    Key(MIX, "pods", "whole", 1, "pods that start together", least=1, most=10**5, unit="pods"),
    Key(MIX, "min_pods", "whole", 0, "pods with which it still runs, if it is elastic; 0: as pods",
        least=0, most=10**5, unit="pods"),
    Key(MIX, "max_pods", "whole", 0, "pods that it may have, if it is elastic; 0: as pods",
        least=0, most=10**5, unit="pods"),
    Key(MIX, "gpu_count", "whole", 1, "GPUs, or MIG instances, of each pod",
        least=0, most=64, unit="GPUs"),
    Key(MIX, "gpu_milli", "whole", 1000, "compute of each GPU, 1000 = whole",
        least=1, most=1000, unit="milli-GPU"),
    Key(MIX, "gpu_memory_mib", "whole", 0, "memory of each GPU; 0: not stated",
        least=0, most=MAX_AMOUNT, unit="MiB"),
    Key(MIX, "mig_profile", "text", "", "MIG profile, such as 1g.10gb"),
    Key(MIX, "gpu_models", "text", "", "allowed models, separated by |"),
    Key(MIX, "cpu_milli", "whole", 0, "CPU of each pod",
        least=0, most=MAX_AMOUNT, unit="millicores"),
    Key(MIX, "memory_mib", "whole", 0, "memory of each pod", least=0, most=MAX_AMOUNT, unit="MiB"),
    Key(MIX, "mean_s", "number", None, "mean work of this shape, in place of that of all",
        least=0.001, most=MAX_S, unit="seconds"),
    Key(MIX, "job_type", "text", "", "what it runs"),
    Key(MIX, "priority", "whole", 0, "higher is first", least=-(2**31), most=2**31 - 1),
    Key(MIX, "queue", "text", "", "queue it waits in"),
)  # fmt: skip

_MIX: tuple[dict[str, object], ...] = (
    {"weight": 20.0, "gpu_count": 1, "gpu_milli": 250},
    {"weight": 20.0, "gpu_count": 1, "gpu_milli": 500},
    {"weight": 40.0, "gpu_count": 1},
    {"weight": 8.0, "gpu_count": 2},
    {"weight": 6.0, "gpu_count": 4},
    {"weight": 5.0, "gpu_count": 8},
    {"weight": 1.0, "gpu_count": 8, "pods": 2},
)
"""Shares, single GPUs, and a few large jobs: not fitted to any trace."""

DEFAULT_MIX = tuple(filled(_MIX_COLUMNS, row) for row in _MIX)

JOB_KEYS: tuple[Key, ...] = (
    Key("jobs", "file", "file", "builtin", "job file, builtin for the built-in jobs, or none"
        " where there are services alone"),
    Key("jobs", "format", "text", "auto", "format of the file: auto, or one that `bayplan traces"
        " list` names", registry="job format"),
    Key("jobs", "interarrival_s", "number", None, "mean time between arrivals, for formats that do"
        " not state it (gavel)", least=1e-9, most=MAX_S, unit="seconds"),
    Key("jobs", "limit", "whole", None, "only so many jobs, the first to arrive; left out: all",
        least=1, most=MAX_JOBS, unit="jobs"),
    Key("jobs", "scale", "number", 1.0, "arrivals per second, over the file's: 2 halves the time"
        " between arrivals", least=0.0001, most=10_000),
    Key("jobs", "load", "number", None, "GPU-seconds asked for, over what the cluster has during"
        " the arrivals: scales the arrivals to it", least=0.001, most=1000),
    Key("jobs", "resample", "text", "auto", "what a seed does to the jobs of a file: each arrival"
        " gets the job of another one (permute), or a job drawn anew (bootstrap); auto: bootstrap"
        " in a comparison, none in a single run", choices=RESAMPLE),
    Key("jobs", "shrink_to", "number", 1.0, "makes jobs elastic that ask for whole GPUs and state"
        " no bounds: so much of their GPUs is their fewest; each GPU is then a pod",
        least=0.0001, most=1),
    Key("jobs", "grow_to", "number", 1.0, "the same: so many times their GPUs are their most",
        least=1, most=10_000),
    Key("jobs", "estimate_error", "number", 0.0, "sigma of the factor exp(N(0, sigma)) on"
        " estimated run times", least=0, most=5),
    Key(SYNTHETIC, "count", "whole", 0, "how many jobs; 0: the file's", least=0, most=MAX_JOBS,
        unit="jobs"),
    Key(SYNTHETIC, "load", "number", 0.9, "GPU-seconds asked for, over what the cluster has during"
        " the arrivals", least=0.001, most=1000),
    Key(SYNTHETIC, "rate_per_s", "number", None, "arrivals per second, in place of load",
        least=1e-9, most=10**6),
    Key(SYNTHETIC, "arrivals", "text", "poisson", "at random, or evenly spaced", choices=ARRIVALS),
    Key(SYNTHETIC, "duration", "text", "lognormal", "distribution of the work", choices=DURATIONS),
    Key(SYNTHETIC, "mean_s", "number", 3600.0, "mean work of a job", least=0.001, most=MAX_S,
        unit="seconds"),
    Key(SYNTHETIC, "sigma", "number", 1.5, "of the logarithm, where it is lognormal",
        least=0, most=5),
    Key(SYNTHETIC, "most_s", "number", None, "longest work: what is drawn longer is cut; left out:"
        " no bound", least=0.001, most=MAX_S, unit="seconds"),
    Key(SYNTHETIC, "users", "whole", 1, "users who submit them, in unequal parts (1/rank)",
        least=1, most=10**5),
    Key(SYNTHETIC, "seed", "whole", None, "seed of the draw, in place of run.seed: the same jobs"
        " under every seed", least=0, most=2**63 - 1),
    Key(SYNTHETIC, "mix", "rows", DEFAULT_MIX, "the shapes of jobs", columns=_MIX_COLUMNS),
)  # fmt: skip
