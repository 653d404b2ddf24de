"""Services files: what they say, and everything that can be wrong with one."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest

from bayplan.scheduler.errors import InputError, InputErrors
from bayplan.traces.series import RequestSeries, binned
from bayplan.traces.services import (
    Alternative,
    Scaling,
    Service,
    constant,
    diurnal,
    from_rates,
    read_services,
)
from bayplan.traces.services.keys import KEYS, SHAPE_KEYS, markdown

Write = Callable[..., str]
ROOT = Path(__file__).parents[2]

CLASS = '[classes.fast]\ntarget_s = 2\nmeasure = "p99"\n'
LEAST = '[[services]]\nname = "s"\nclass = "fast"\nrate_per_s = 3\nper_s = 4\nmost = 5\n'


def read(write: Write, text: str) -> Service:
    (service,) = read_services(write(text, "s.toml")).services
    return service


def problems(write: Write, text: str) -> list[str]:
    with pytest.raises(InputErrors) as error:
        read_services(write(text, "s.toml"))
    assert str(error.value).split("\n") == [f"s.toml: {each}" for each in error.value.problems]
    return error.value.problems


def test_what_is_left_out_has_the_defaults_of_the_types(write: Write) -> None:
    service = read(write, CLASS + LEAST)
    assert (service.latency.name, service.latency.target_s) == ("fast", 2.0)
    assert service.latency.measure == "p99"
    assert service.alternatives == (Alternative(4.0, 0.25),)
    assert service.scaling == Scaling()
    assert (service.load.start_s.tolist(), service.load.per_s.tolist()) == ([0.0], [3.0])
    assert service.load.end_s == math.inf
    plain = Service("s", service.latency, service.load, service.alternatives, most=5)
    for field in fields(Service):
        if field.name != "scaling":
            assert getattr(service, field.name) == getattr(plain, field.name)


def test_what_is_documented_is_the_default() -> None:
    said = {key.name: key.default for key in KEYS}
    for name in ("scaler", "metric", "target", "tolerance", "sync_s", "down_window_s",
                 "up_replicas", "up_pct", "cooldown_s", "season_s"):  # fmt: skip
        default = getattr(Scaling(), name)
        assert said[name] == (default if isinstance(default, str) else f"{default:g}")
    alone = {field.name: field.default for field in fields(Alternative)}
    shapes = {key.name: key.default for key in SHAPE_KEYS}
    for name in ("gpu_count", "gpu_milli", "startup_s", "cpu_milli", "memory_mib"):
        assert shapes[name] == f"{alone[name]:g}"


def test_all_that_is_said_is_read(write: Write) -> None:
    text = CLASS + LEAST + (
        'from_s = 10\nuntil_s = 99\nservice_s = 2\nstartup_s = 30\ngpu_milli = 250\n'
        'gpu_models = "T4|A10"\nleast = 2\ntarget = 0.5\nscaler = "holt"\nspread = "zone"\n'
        'max_skew = 2\npriority = -3\npreemptible = false\nqueue = "q"\njob_type = "llm"\n'
        'queue_limit = 7\ntimeout_s = 60\narrival_cv = 2\nservice_cv = 0.5\nwait_s = 20\n'
        "[[services.alternatives]]\nper_s = 0.5\ngpu_count = 0\ncpu_milli = 8000\n"
    )  # fmt: skip
    service = read(write, text)
    gpu, cpu = service.alternatives
    assert gpu == Alternative(4.0, 2.0, 30.0, gpu_milli=250, gpu_models="T4|A10")
    assert gpu.servers == 8
    assert cpu == Alternative(0.5, 2.0, gpu_count=0, gpu_milli=0, cpu_milli=8000)
    assert (service.load.first_s, service.load.end_s) == (10.0, 99.0)
    assert (service.least, service.most, service.wait_s) == (2, 5, 20.0)
    assert (service.scaling.target, service.scaling.scaler) == (0.5, "holt")
    assert (service.spread, service.max_skew, service.priority) == ("zone", 2, -3)
    assert (service.preemptible, service.queue, service.job_type) == (False, "q", "llm")
    assert (service.queue_limit, service.timeout_s) == (7, 60.0)
    assert (service.arrival_cv, service.service_cv) == (2.0, 0.5)


def test_a_request_series_is_a_load(write: Write) -> None:
    write("arrival_s,input_tokens,output_tokens\n0,1,1\n30,1,1\n70,1,1\n", "r.csv")
    text = CLASS + LEAST.replace("rate_per_s = 3", 'requests = "r.csv"\nscale = 30\nfrom_s = 100')
    path = Path(write(text, "s.toml"))
    file = read_services(path)
    (service,) = file.services
    assert service.load.start_s.tolist() == [100.0, 160.0]
    assert service.load.per_s.tolist() == [1.0, 0.5]
    assert service.load.end_s == 220.0
    assert file.read == (str(path.parent / "r.csv"),)


def test_a_day_goes_up_and_down() -> None:
    load = diurnal(2.0, 10.0, 14.0, 60.0, until_s=86_400.0)
    at = {float(time): float(rate) for time, rate in zip(load.start_s, load.per_s, strict=True)}
    assert at[14 * 3600.0] == pytest.approx(10.0, abs=1e-3)
    assert at[2 * 3600.0] == pytest.approx(2.0, abs=1e-3)
    assert at[8 * 3600.0] == pytest.approx(6.0, abs=0.02)
    assert float(load.per_s.mean()) == pytest.approx(6.0)
    with pytest.raises(InputError, match="more than 10,000,000"):
        diurnal(1.0, 2.0, 0.0, 0.001, until_s=86_400.0)


def test_a_series_may_be_cut_off() -> None:
    series = RequestSeries.of(arrival_s=[0.0, 10.0, 25.0], input_tokens=[1] * 3,
                              output_tokens=[1] * 3)  # fmt: skip
    load = from_rates(binned(series, 10.0), until_s=15.0)
    assert (load.start_s.tolist(), load.end_s) == ([0.0, 10.0], 15.0)
    assert np.isinf(constant(1.0).end_s)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", ["there are no services; add a table [[services]]"]),
        ("services = 3\n", ["services is no list of tables; write [[services]]"]),
        (LEAST, ["[[services]] 1: there is no class 'fast'; add a table [classes.fast]"]),
        (
            CLASS + LEAST.replace('"fast"', '"fats"'),
            ["[[services]] 1: there is no class 'fats'; did you mean 'fast'?"],
        ),
        (CLASS + LEAST + "mosst = 1\n", ["[[services]] 1: there is no key 'mosst'; did you mean"
                                         " 'most'?"]),
        (CLASS + "[[services]]\n", [
            "[[services]] 1: name is missing; add it",
            "[[services]] 1: class is missing; add it",
            "[[services]] 1: per_s is missing; add it",
            "[[services]] 1: most is missing; add it",
        ]),
        (CLASS.replace("2", "0") + LEAST, ["[classes.fast]: target_s is 0, not above 0; write more,"
                                           " or leave it out"]),
        (CLASS.replace("p99", "p98") + LEAST, ["[classes.fast]: measure is 'p98'; did you mean"
                                               " 'p99'?"]),
        (CLASS + LEAST + 'requests = "r.csv"\n', ["[[services]] 1: its load is not stated once;"
                                                  " give either requests or rate_per_s"]),
        (CLASS + LEAST + "scale = 2\n", ["[[services]] 1: scale says nothing beside rate_per_s;"
                                         " remove it"]),
        (CLASS + LEAST + "peak_per_s = 1\n", ["[[services]] 1: peak_per_s is below rate_per_s;"
                                              " raise it"]),
        (CLASS + LEAST + "from_s = 5\nuntil_s = 5\n", ["[[services]] 1: until_s is not after"
                                                       " from_s; raise it"]),
        (CLASS + LEAST + "least = 6\n", ["[[services]] 1: least is 6, above most 5; lower it, or"
                                         " raise that"]),
        (CLASS + LEAST + "wait_s = 6\n", ["[[services]] 1: wait_s says nothing without"
                                          " alternatives; remove it"]),
        (CLASS + LEAST + "season_s = 6\n", ["[[services]] 1: season_s says nothing under scaler"
                                            " 'reactive'; remove it"]),
        (CLASS + LEAST + 'lead_s = 6\nscaler = "fixed"\n', [
            "[[services]] 1: lead_s says nothing under scaler 'fixed'; remove it"]),
        (CLASS + LEAST + "cooldown_s = 6\n", ["[[services]] 1: cooldown_s says nothing where least"
                                              " is 1; remove it, or write least = 0"]),
        (CLASS + LEAST + "max_skew = 6\n", ["[[services]] 1: max_skew says nothing without spread;"
                                            " remove it"]),
        (CLASS + LEAST + 'spread = "node"\n', ["[[services]] 1: spread is 'node'; it may be zone,"
                                               " block, rack"]),
        (CLASS + LEAST + "gpu_count = 0\ngpu_milli = 5\n", ["[[services]] 1: gpu_milli is given"
                                                            " with gpu_count 0; remove it"]),
        (CLASS + LEAST + "[[services.alternatives]]\ngpu_count = -1\n", [
            "[[services]] 1: alternative 1: per_s is missing; add it",
            "[[services]] 1: alternative 1: gpu_count is -1, below 0; write 0 or more",
        ]),
        (CLASS + LEAST + LEAST, ["[[services]] 2: 's' is already [[services]] 1; rename one of"
                                 " them"]),
        ("[class]\n" + CLASS + LEAST, ["there is no table 'class' in a services file;"
                                       " did you mean 'classes'?"]),
        ("[nodes]\n" + CLASS + LEAST, ["there is no table 'nodes' in a services file; remove it"]),
    ],
)  # fmt: skip
def test_all_that_is_wrong_is_told(write: Write, text: str, said: list[str]) -> None:
    assert problems(write, text) == said


def test_a_series_that_cannot_be_read_is_told(write: Write) -> None:
    text = CLASS + LEAST.replace("rate_per_s = 3", 'requests = "no.csv"')
    (problem,) = problems(write, text)
    assert problem.startswith("[[services]] 1: ")
    assert "no.csv" in problem


def test_what_is_no_toml_is_told(write: Write) -> None:
    with pytest.raises(InputError, match=r"s.toml.*this is not TOML"):
        read_services(write("[[services]\n", "s.toml"))


def test_the_docs_have_the_keys() -> None:
    assert markdown() in (ROOT / "docs" / "services.md").read_text(encoding="utf-8")
