"""Slowdowns of the tenants of one GPU: from demands and shares to the kernels' columns."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from bayplan.kernels._types import FloatArray
from bayplan.kernels.speed import slow_mig, slow_mps, slow_timeslice
from bayplan.scheduler.speed.jobs import Demand
from bayplan.scheduler.speed.settings import SharingMode, SpeedSettings


@dataclass(frozen=True, slots=True)
class Share:
    """The part of a GPU that a tenant may use.

    ``compute`` is a fraction of the multiprocessors of the GPU without MIG (under ``hami``: of
    the time), ``memory`` of its memory slices. Tenants with the same ``instance`` number are on
    one MIG instance. Only ``mig`` looks at ``memory`` and ``instance``, ``timeslice`` at nothing.
    """

    compute: float = 1.0
    memory: float = 1.0
    instance: int = 0

    def __post_init__(self) -> None:
        for name, value in (("compute", self.compute), ("memory", self.memory)):
            if not 0.0 < value <= 1.0:
                raise ValueError(f"{name} is {value}, not above 0 and up to 1")


WHOLE_GPU = Share()


def slowdowns(
    mode: SharingMode,
    demands: Sequence[Demand],
    shares: Sequence[Share] | None = None,
    settings: SpeedSettings | None = None,
) -> FloatArray:
    """Return how many times slower each tenant runs than alone on the whole GPU.

    Parameters
    ----------
    mode
        How the GPU is shared; ``exclusive`` gives each job a GPU of its own.
    demands
        What each tenant asks for.
    shares
        What each may use, in the same order; None is everything.
    settings
        Parameters of the models; None takes the defaults.

    Returns
    -------
    FloatArray
        (n_tenants,), 1 or more, no unit. Another order of the tenants changes last bits only.
    """
    shares = [WHOLE_GPU] * len(demands) if shares is None else shares
    settings = SpeedSettings() if settings is None else settings
    if len(shares) != len(demands):
        raise ValueError(f"{len(demands)} demands, {len(shares)} shares")
    out = np.ones(len(demands))
    match mode:
        case "exclusive":
            pass
        case "timeslice" | "hami":
            _turns(mode, demands, shares, settings, out)
        case "mps":
            _mps(demands, shares, settings, out)
        case "mig":
            _mig(demands, shares, settings, out)
    return out


def _turns(
    mode: SharingMode,
    demands: Sequence[Demand],
    shares: Sequence[Share],
    settings: SpeedSettings,
    out: FloatArray,
) -> None:
    paced = mode == "hami"
    slow_timeslice(
        _column(demand.busy for demand in demands),
        _column(demand.pcie for demand in demands),
        _column(share.compute if paced else 1.0 for share in shares),
        float(settings.switch_cost),
        float(settings.collision),
        float(settings.pacing_overhead) if paced else 0.0,
        out,
    )


def _mps(
    demands: Sequence[Demand], shares: Sequence[Share], settings: SpeedSettings, out: FloatArray
) -> None:
    slow_mps(
        *_contention(demands),
        _column(demand.pc for demand in demands),
        _column(share.compute for share in shares),
        *_parameters(settings),
        out,
    )


def _mig(
    demands: Sequence[Demand], shares: Sequence[Share], settings: SpeedSettings, out: FloatArray
) -> None:
    slow_mig(
        *_contention(demands),
        _column(demand.pc for demand in demands),
        _column(demand.pm for demand in demands),
        _column(share.compute for share in shares),
        _column(share.memory for share in shares),
        np.array([share.instance for share in shares], np.int64),
        *_parameters(settings),
        out,
    )


def _contention(
    demands: Sequence[Demand],
) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray, FloatArray]:
    return (
        _column(demand.bandwidth for demand in demands),
        _column(demand.occupied for demand in demands),
        _column(demand.drawn for demand in demands),
        _column(demand.pcie for demand in demands),
        _column(demand.weight for demand in demands),
    )


def _parameters(settings: SpeedSettings) -> tuple[float, float, float, float, float]:
    return (
        float(settings.client_cost),
        float(settings.cache),
        float(settings.thrashing),
        float(settings.idle_power),
        float(settings.power_exponent),
    )


def _column(values: Iterable[float]) -> FloatArray:
    return np.array(list(values), np.float64)
