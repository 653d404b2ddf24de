"""Requests compiled for the kernels."""

from __future__ import annotations

import pytest

from bayplan.scheduler.cluster import Cluster
from bayplan.scheduler.errors import InvalidRequest
from bayplan.scheduler.shape import shapes_of
from bayplan.scheduler.types import (
    DeviceRequest,
    GpuShare,
    MigInstances,
    Reason,
    Request,
    WholeGpus,
)

from .support import first_fit, share, whole


def test_several_whole_gpu_requests_add_up() -> None:
    (shape,) = shapes_of(
        Request("p", 5, 6, (DeviceRequest(WholeGpus(2)), DeviceRequest(WholeGpus(3))))
    )
    assert (shape.cpu, shape.memory, shape.count, shape.milli, shape.mib) == (5, 6, 5, 1000, 0)
    assert (shape.chosen, shape.refusal) == ((0, 0), Reason.FITS)


def test_alternatives_make_a_shape_each() -> None:
    wish = DeviceRequest(
        WholeGpus(2),
        models=("A",),
        alternatives=(DeviceRequest(GpuShare(500, 100)), DeviceRequest(WholeGpus(0))),
    )
    shapes = shapes_of(Request("p", devices=(wish,)))
    assert [(s.chosen, s.count, s.milli, s.mib, s.models) for s in shapes] == [
        ((0,), 2, 1000, 0, ("A",)),
        ((1,), 1, 500, 100, ()),
        ((2,), 0, 0, 0, ()),
    ]


@pytest.mark.parametrize(
    ("request_", "gpu_class"),
    [
        (Request("p"), -1),
        (whole("p", 0), -1),
        (share("p", 999), 0),
        (share("p", mib=1), 0),
        (share("p", 1000), 1),
        (whole("p"), 1),
        (whole("p", 5), 5),
        (Request("p", devices=(DeviceRequest(GpuShare(10, count=2)),)), 2),
    ],
    ids=str,
)
def test_the_gpu_class_of_a_pod(request_: Request, gpu_class: int) -> None:
    assert shapes_of(request_)[0].gpu_class == gpu_class


def test_models_are_a_set() -> None:
    devices = (
        DeviceRequest(WholeGpus(1), models=("B", "A", "B")),
        DeviceRequest(WholeGpus(1), models=("A", "B")),
    )
    (shape,) = shapes_of(Request("p", devices=devices))
    assert (shape.models, shape.count, shape.refusal) == (("A", "B"), 2, Reason.FITS)


def test_different_models_in_one_pod_are_not_decided_yet() -> None:
    devices = (DeviceRequest(WholeGpus(1), ("A",)), DeviceRequest(WholeGpus(1), ("B",)))
    (shape,) = shapes_of(Request("p", devices=devices))
    assert shape.refusal is Reason.MIXED_DEVICES


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        (Request("p", -1), "amounts are whole numbers from 0 to"),
        (Request("p", 0, -1), "amounts are whole numbers from 0 to"),
        (Request("p", resources=(("nic", -1),)), "amounts are whole numbers from 0 to"),
        (Request("p", 0.5), "amounts are whole numbers from 0 to"),  # type: ignore[arg-type]
        (share("p", 333.3), "a share of 333.3 milli-GPU"),  # type: ignore[arg-type]
        (whole("p", 1.5), "1.5 devices"),  # type: ignore[arg-type]
        (
            Request(
                "p",
                devices=(
                    DeviceRequest(
                        WholeGpus(1), alternatives=(DeviceRequest(WholeGpus(1), claim="c"),)
                    ),
                ),
            ),
            "an alternative with alternatives or a claim of its own",
        ),
        (whole("p", -1), "-1 devices"),
        (share("p", 0, 0), "a share of 0 milli-GPU and 0 MiB; give 1 to 1000 milli"),
        (share("p", 1001), "a share of 1001 milli-GPU"),
        (share("p", -1, 5), "a share of -1 milli-GPU"),
        (share("p", 5, -1), "and -1 MiB"),
        (Request("p", devices=(DeviceRequest(MigInstances("")),)), "without a profile"),
        (
            Request(
                "p",
                devices=(
                    DeviceRequest(WholeGpus(1), alternatives=(DeviceRequest(GpuShare(1001)),)),
                ),
            ),
            "a share of 1001 milli-GPU",
        ),
        (
            Request(
                "p",
                devices=(
                    DeviceRequest(
                        WholeGpus(1),
                        alternatives=(
                            DeviceRequest(
                                WholeGpus(1), alternatives=(DeviceRequest(WholeGpus(1)),)
                            ),
                        ),
                    ),
                ),
            ),
            "an alternative with alternatives",
        ),
    ],
)
def test_what_makes_no_sense_is_refused_with_the_pods_name(request_: Request, message: str) -> None:
    with pytest.raises(InvalidRequest, match=f"^pod p: .*{message}"):
        shapes_of(request_)
    with pytest.raises(ValueError, match=message):
        first_fit(Cluster()).decide(request_, 0.0)


def test_equal_questions_share_their_shapes_and_the_uid_is_no_part_of_them() -> None:
    engine = first_fit(Cluster())
    assert engine.shapes(whole("p", priority=1)) is engine.shapes(whole("q", queue="x"))
    assert engine.shapes(whole("p")) is not engine.shapes(whole("p", cpu_milli=1))
