"""What jobs ask of a GPU: measured demands, classes with defaults, a rule for telemetry alone."""

from __future__ import annotations

from dataclasses import dataclass, fields

from bayplan.scheduler.errors import InputError
from bayplan.scheduler.speed.settings import check_range

RANGES: dict[str, tuple[float, float]] = {
    "busy": (0.0, 1.0),
    "sm": (0.0, 1.0),
    "bandwidth": (0.0, 1.0),
    "memory_mib": (0, 1_000_000),
    "pcie": (0.0, 1.0),
    "bottleneck": (0.0, 1.0),
    "power": (0.0, 1.0),
    "weight": (0.05, 20.0),
    "pc": (0.0, 1.2),
    "pm": (0.0, 1.2),
}
"""Smallest and largest value of each demand; the widest that fits of ``bench/sharing.py`` need."""


@dataclass(frozen=True, slots=True)
class Demand:
    """What a job asks of a GPU, measured alone on the whole of it; fractions, without a unit.

    Parameters
    ----------
    busy
        Of the time that any kernel runs (DCGM ``GR_ENGINE_ACTIVE``).
    sm
        Multiprocessors in use (DCGM ``SM_ACTIVE``).
    bandwidth
        Memory bandwidth in use (DCGM ``DRAM_ACTIVE``).
    memory_mib
        Peak memory in MiB; 0 is unknown.
    pcie
        Of the time that it copies over PCIe.
    bottleneck
        Of what limits it most, how much it occupies; None takes the larger of ``sm`` and
        ``bandwidth``. Where the scaling is known, ``pc + pm`` is nearer: YOLOS-small has 0.43
        by its speed on a MIG slice and 0.44 by its speed among MPS clients.
    power
        Of the range from idle to the power limit that it draws; None takes ``sm``.
    weight
        How long its kernels are, over those of other jobs: when MPS clients take turns kernel
        by kernel, long ones get more. Pairs on V100 have 0.5 to 3 (Gavel artifact).
    pc, pm
        How it scales with multiprocessors and with memory bandwidth: the parts of its time
        that double when there is half of either.
    """

    busy: float = 1.0
    sm: float = 1.0
    bandwidth: float = 0.0
    memory_mib: int = 0
    pcie: float = 0.0
    bottleneck: float | None = None
    power: float | None = None
    weight: float = 1.0
    pc: float = 0.0
    pm: float = 0.0

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if value is not None or field.default is not None:
                check_range(field.name, value, RANGES[field.name])
        if not isinstance(self.memory_mib, int):
            raise InputError(
                f"memory_mib is {self.memory_mib}, not a whole number", fix="round it up"
            )

    @property
    def occupied(self) -> float:
        """How much of its bottleneck it occupies."""
        return max(self.sm, self.bandwidth) if self.bottleneck is None else self.bottleneck

    @property
    def drawn(self) -> float:
        """How much of the power range it draws."""
        return self.sm if self.power is None else self.power


JOB_CLASSES: dict[str, Demand] = {
    "light": Demand(0.42, 0.42, 0.05, 5_613, 0.0, 0.11, 0.12, 1.0, 0.0, 0.11),
    "medium": Demand(0.65, 0.65, 0.18, 6_227, 0.0, 0.39, 0.26, 1.0, 0.17, 0.22),
    "heavy": Demand(0.90, 0.90, 0.54, 9_694, 0.0, 0.70, 0.50, 1.0, 0.35, 0.35),
    "gemm": Demand(1.0, 1.0, 0.0, 0, 0.0, 1.0, 1.0, 1.0, 0.92, 0.0),
    "small-gemm": Demand(1.0, 0.10, 0.0, 0, 0.0, 0.10, 0.10, 1.0, 0.0, 0.0),
    "membw": Demand(1.0, 1.0, 1.0, 0, 0.0, 1.0, 0.5, 1.0, 0.0, 1.0),
    "yolos": Demand(1.0, 0.44, 0.10, 0, 0.0, 0.44, 0.44, 1.0, 0.43, 0.0),
    "qlora": Demand(1.0, 0.40, 0.40, 0, 0.0, 0.40, 0.40, 1.0, 0.0, 0.40),
    "gromacs": Demand(1.0, 0.21, 0.21, 0, 0.0, 0.21, 0.21, 1.0, 0.0, 0.21),
}
"""Classes of jobs with defaults; ``bench/sharing.py`` prints the fits that they round.

``light``, ``medium``, ``heavy``: training on an A100-40 that draws less than 115 W alone, up to
180 W, more (32 configurations, MISO artifact); utilisation and power are means, memory is the
median, ``bottleneck`` is ``pc + pm`` without a source of its own. ``gemm``: large dense products
(NJIT Wulver, A100-80); that they draw all power is assumed. ``small-gemm``: products that fill a
tenth of an A30 (by their rate alone on it, 6,680 of 68,800 GFLOP/s) and so, by definition, lose
nothing on a slice. ``membw``: copies limited by memory bandwidth, by definition; their power is
assumed. ``yolos``: YOLOS-small inference under load (demo of nos, A100-80); its bandwidth and
power are assumed. ``qlora``, ``gromacs``: Qwen-1.5B QLoRA and GROMACS (NJIT Wulver); only their
scaling is measured, the rest follows ``pc + pm``. Memory 0 is not published.
"""


def demand_from_telemetry(
    busy: float, bandwidth: float, power_share: float | None = None, memory_mib: int = 0
) -> Demand:
    """Return the demand of a job that was only watched, never run on a part of a GPU.

    The part of the time that scales (Amdahl's law) is estimated by lines through 32 training
    configurations on an A100-40 (MISO artifact; ``bench/sharing.py`` prints the fits): by power
    where it is known (R² 0.91), else by utilisation (R² 0.82).

    Parameters
    ----------
    busy
        Fraction of the time that kernels run.
    bandwidth
        Fraction of the memory bandwidth in use.
    power_share
        Power drawn over the power limit, both in watts; None is unknown.
    memory_mib
        Peak memory in MiB; 0 is unknown.
    """
    if power_share is None:
        scaling = -0.16 + 0.73 * busy + 0.46 * bandwidth
    else:
        scaling = -0.26 + 1.82 * power_share
    scaling = min(1.0, max(0.0, scaling))
    return Demand(
        busy=busy,
        sm=busy,
        bandwidth=bandwidth,
        memory_mib=memory_mib,
        bottleneck=max(scaling, bandwidth),
        power=power_share,
        pc=scaling,
    )
