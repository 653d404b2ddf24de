"""Selectors are judged as CEL would, or not at all."""

from __future__ import annotations

import pytest

from bayplan.traces.kubernetes.dra.cel import takes, takes_each
from bayplan.traces.kubernetes.dra.columns import Columns
from bayplan.traces.kubernetes.dra.slices import read_slice
from bayplan.traces.kubernetes.dra.types import Device
from bayplan.traces.kubernetes.dra.values import value_of
from bayplan.traces.kubernetes.dra.words import NotRead, parsed
from dra_things import A100, partitionable, whole_gpus

GPU = "device.attributes['gpu.nvidia.com']"
MEMORY = "device.capacity['gpu.nvidia.com'].memory"


def device(name: str) -> Device:
    every = [
        found
        for thing in (*partitionable("n", product=A100), *whole_gpus("h", 1))
        for _, found in read_slice(thing).devices
    ]
    return next(each for each in every if f"{each.id.pool}/{each.id.name}" == name)


WHOLE, SMALL = "n/gpu-0", "n/gpu-0-mig-1g5gb-19-2"

JUDGED: tuple[tuple[str, str, bool | None], ...] = (
    (WHOLE, "device.driver == 'gpu.nvidia.com'", True),
    (WHOLE, 'device.driver == "other"', False),
    (WHOLE, f"{GPU}.type == 'gpu'", True),
    (WHOLE, f'{GPU}["type"] != "gpu"', False),
    (SMALL, f"{GPU}.profile == '1g.5gb'", True),
    (SMALL, f"{GPU}.profile in ['1g.5gb', '2g.10gb']", True),
    (SMALL, f"{GPU}.profile in ['3g.20gb']", False),
    (WHOLE, f"{GPU}.productName.lowerAscii().contains('a100')", True),
    (WHOLE, f"{GPU}.productName.matches('^A100-.*GB$')", True),
    (WHOLE, f"{GPU}.productName.matches('^H')", False),
    (WHOLE, f"{GPU}.productName.startsWith('A1') && {GPU}.productName.endsWith('GB')", True),
    (WHOLE, f"{MEMORY}.compareTo(quantity('39Gi')) >= 0", True),
    (WHOLE, f"{MEMORY}.isGreaterThan(quantity('60Gi'))", False),
    (SMALL, f"{MEMORY}.isLessThan(quantity('10Gi'))", True),
    (WHOLE, f"{GPU}.driverVersion.isGreaterThan(semver('570.10.0'))", True),
    (WHOLE, f"{GPU}.driverVersion.compareTo(semver('570.86.15')) == 0", True),
    (WHOLE, f"{GPU}.driverVersion == semver('570.86.15')", True),
    (WHOLE, f"has({GPU}.profile)", False),
    (SMALL, f"has({GPU}.profile) && {GPU}.profile.size() == 6", True),
    (WHOLE, f"'type' in {GPU}", True),
    (WHOLE, "'type' in device.attributes['other.example']", False),
    (WHOLE, f"{GPU}.type == 'mig' ? false : !false", True),
    (WHOLE, "!(1 < 2) || 2.5 >= 2", True),
    (WHOLE, "device.allowMultipleAllocations", False),
    # CEL fails where there is no such attribute, and so nobody can say; what decides is enough.
    (WHOLE, f"{GPU}.profile == '1g.5gb'", None),
    (WHOLE, f"{GPU}.profile == '1g.5gb' || true", True),
    (WHOLE, f"{GPU}.profile == '1g.5gb' && false", False),
    (WHOLE, f"false && {GPU}.profile == '1g.5gb'", False),
    # What is not read.
    (WHOLE, "cel.bind(x, 1, x == 1)", None),
    (WHOLE, f"{GPU}.productName.replace('A', 'B') == 'x'", None),
    (WHOLE, f"{GPU}.productName.matches('(a+)+$')", None),
    (WHOLE, f"{GPU}.productName.matches('a*b*c*d*e*f')", None),
    (WHOLE, "device.attributes.exists(d, d == 'x')", None),
    (WHOLE, f"{GPU}.type == 7", None),
    (WHOLE, "'text'", None),
    (WHOLE, "", None),
    (WHOLE, "true &&", None),
    (WHOLE, "true)", None),
    (WHOLE, "r'raw' == 'raw'", None),
    (WHOLE, "(" * 200 + "true" + ")" * 200, None),
    (WHOLE, "true" + " && true" * 2000, None),
)


@pytest.mark.parametrize(("name", "expression", "judged"), JUDGED)
def test_an_expression_is_judged_or_left_open(
    name: str, expression: str, judged: bool | None
) -> None:
    assert takes([expression], device(name)) is judged


@pytest.mark.parametrize("value", [{"version": "1.2.3-rc1"}, {"strings": ["a"]}])
def test_an_attribute_that_cannot_be_read_is_there_all_the_same(value: dict[str, object]) -> None:
    (thing,) = whole_gpus("h", 1)
    thing["spec"]["devices"][0]["attributes"]["v"] = value
    ((_, found),) = read_slice(thing).devices
    assert takes((f"has({GPU}.v)",), found) is True
    assert takes((f"'v' in {GPU}",), found) is True
    assert takes((f"{GPU}.v == 'a'",), found) is None
    assert takes((f"has({GPU}.w)",), found) is False


def test_of_several_selectors_one_that_is_false_decides_and_all_must_be_true() -> None:
    unknown = "cel.bind(x, 1, x == 1)"
    assert takes([], device(WHOLE)) is True
    assert takes(["true", "true"], device(WHOLE)) is True
    assert takes(["true", unknown], device(WHOLE)) is None
    assert takes([unknown, "false"], device(WHOLE)) is False


def test_what_is_remembered_of_one_device_is_not_taken_for_another() -> None:
    every = [
        found
        for thing in (*partitionable("n", gpus=2, product=A100), *whole_gpus("h", 2))
        for _, found in read_slice(thing).devices
    ]
    by_uuid = f"{GPU}.uuid == 'GPU-h-1' || {GPU}.parentUUID == 'GPU-n-1'"
    keyed = "device.attributes[device.driver].type == 'gpu'"
    for expression in (by_uuid, keyed, *(expression for _, expression, _ in JUDGED)):
        for found in every + every[::-1]:
            value = _value(expression, found)
            assert takes([expression], found) is (value if isinstance(value, bool) else None)


def _value(expression: str, found: Device) -> object:
    try:
        return value_of(parsed(expression), found)
    except NotRead:
        return None


def odd(values: list[dict[str, object] | None], **more: object) -> tuple[Device, ...]:
    """Return GPUs with a value of ``v`` each; None: without one."""
    (thing,) = whole_gpus("h", len(values))
    for gpu, value in zip(thing["spec"]["devices"], values, strict=True):
        gpu["attributes"] |= {} if value is None else {"v": value}
        gpu |= more
    return tuple(found for _, found in read_slice(thing).devices)


STOCKS = (
    (),
    tuple(found for thing in partitionable("n", 2) for _, found in read_slice(thing).devices),
    tuple(found for thing in partitionable("m", 2) for _, found in read_slice(thing).devices),
    odd([None, {"int": 1}]),
    odd([None, {"bool": True}]),
    odd([{"int": 1}, None]),
    odd([None, {"int": 1}], allowMultipleAllocations=True),
    odd([None, {"strings": ["a"]}]),
    odd([None, {"version": "1.0.0-rc1"}]),
)
LOOKING = (
    *(expression for _, expression, _ in JUDGED),
    f"{GPU}.v == 1",
    f"{GPU}.v == true",
    f"has({GPU}.v)",
    f"{GPU}.uuid.endsWith('n-1')",
    f"{GPU}['v'] != 'w'",
    f"{GPU}[device.driver] == 1",
)


@pytest.mark.parametrize("expression", LOOKING)
def test_devices_are_judged_together_as_each_is_by_itself(expression: str) -> None:
    for devices in STOCKS * 2:
        both = (expression, f"{GPU}.type == 'gpu'")
        for selectors in ((), (expression,), both):
            told = takes_each(selectors, Columns(devices))
            assert told == tuple(takes(selectors, each) for each in devices)
