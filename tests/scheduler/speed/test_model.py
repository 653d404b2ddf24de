from __future__ import annotations

import pytest

from bayplan.scheduler.speed import (
    JOB_CLASSES,
    SHARING_MODES,
    Demand,
    Share,
    SharingMode,
    SpeedSettings,
    slowdowns,
)

YOLOS = JOB_CLASSES["yolos"]
ONE_SLICE = [Share(14 / 108, 1 / 8, instance) for instance in range(7)]


@pytest.mark.parametrize("mode", SHARING_MODES)
def test_a_job_alone_on_a_gpu_loses_nothing_but_pacing(mode: SharingMode) -> None:
    expected = 1.02 if mode == "hami" else 1.0
    for demand in JOB_CLASSES.values():
        assert slowdowns(mode, [demand]).tolist() == [expected]


@pytest.mark.parametrize("mode", SHARING_MODES)
def test_nobody_on_a_gpu_is_nothing(mode: SharingMode) -> None:
    assert slowdowns(mode, []).shape == (0,)


@pytest.mark.parametrize(
    ("mode", "tenants", "measured"),
    [
        ("timeslice", 3, 0.3009),
        ("timeslice", 5, 0.1804),
        ("timeslice", 7, 0.1288),
        ("mps", 3, 0.5366),
        ("mps", 5, 0.3653),
        ("mps", 7, 0.2752),
        ("mig", 1, 0.2571),
        ("mig", 7, 0.2564),
    ],
)
def test_yolos_runs_as_fast_as_measured(mode: SharingMode, tenants: int, measured: float) -> None:
    found = slowdowns(mode, [YOLOS] * tenants, ONE_SLICE[:tenants] if mode == "mig" else None)
    assert 1 / found == pytest.approx([measured] * tenants, rel=0.02)


def test_exclusive_jobs_have_gpus_of_their_own() -> None:
    assert slowdowns("exclusive", [YOLOS] * 3).tolist() == [1.0] * 3


def test_each_mode_looks_at_its_part_of_a_share() -> None:
    who = [Demand(busy=0.9, pc=0.5, pm=0.5)] * 2
    whole, half = Share(), Share(compute=0.5)
    narrow, elsewhere = Share(memory=0.5), Share(instance=1)

    def changed(mode: SharingMode, share: Share) -> bool:
        plain, other = (slowdowns(mode, who, [whole, s]).tolist() for s in (whole, share))
        return bool(plain != other)

    modes = [mode for mode in SHARING_MODES if changed(mode, half)]
    assert modes == ["mig", "mps", "hami"]
    assert [mode for mode in SHARING_MODES if changed(mode, narrow)] == ["mig"]
    assert [mode for mode in SHARING_MODES if changed(mode, elsewhere)] == ["mig"]


@pytest.mark.parametrize(
    ("name", "value", "mode"),
    [
        ("switch_cost", 0.2, "timeslice"),
        ("collision", 0.65, "timeslice"),
        ("pacing_overhead", 0.1, "hami"),
        ("client_cost", 0.01, "mps"),
        ("thrashing", 0.1, "mps"),
    ],
)
def test_a_parameter_reaches_its_mode(name: str, value: float, mode: SharingMode) -> None:
    who = [JOB_CLASSES["membw"]] * 2
    assert (
        slowdowns(mode, who).tolist()
        != slowdowns(mode, who, settings=SpeedSettings(**{name: value})).tolist()
    )


@pytest.mark.parametrize(("name", "value"), [("idle_power", 0.5), ("power_exponent", 1.0)])
def test_the_power_limit_reaches_mig(name: str, value: float) -> None:
    who = [Demand(sm=0.8, pc=0.2)] * 7
    plain, other = (
        slowdowns("mig", who, ONE_SLICE, settings).tolist()
        for settings in (SpeedSettings(), SpeedSettings(**{name: value}))
    )
    assert plain != other


def test_co_residents_that_stream_reach_caps_of_their_own() -> None:
    halves = [Share(compute=0.5)] * 2
    who = [Demand(sm=0.5, power=0.3), Demand(sm=0.5, bandwidth=1.0, power=0.3)]
    assert slowdowns("mps", who, halves)[0] == pytest.approx(1.13)
    assert slowdowns("mps", who, halves, SpeedSettings(cache=0.05))[0] == pytest.approx(1.05)


@pytest.mark.parametrize("value", [0.0, 1.0001, float("nan")])
def test_a_share_is_a_part_of_a_gpu(value: float) -> None:
    with pytest.raises(ValueError, match=r"compute is .*, not above 0 and up to 1"):
        Share(compute=value)
    with pytest.raises(ValueError, match=r"memory is .*, not above 0 and up to 1"):
        Share(memory=value)


def test_every_tenant_has_a_share() -> None:
    with pytest.raises(ValueError, match="2 demands, 1 shares"):
        slowdowns("mps", [YOLOS] * 2, [Share()])
