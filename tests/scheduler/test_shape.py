"""Requests compiled for the kernels."""

from __future__ import annotations

import pytest

from bayplan.scheduler.cluster import Cluster
from bayplan.scheduler.errors import InvalidRequest
from bayplan.scheduler.needs import Want
from bayplan.scheduler.shape import NOTHING, is_share, shapes_of, want_of, wants_of
from bayplan.scheduler.types import (
    DeviceRequest,
    GpuShare,
    Isolation,
    MigInstances,
    Reason,
    Request,
    WholeGpus,
)

from .support import first_fit, instances, share, whole


def memory_share(memory_milli: int, mib: int = 0) -> Request:
    ask = GpuShare(5, mib, memory_milli=memory_milli)
    return Request("p", devices=(DeviceRequest(ask),))


def test_several_whole_gpu_requests_add_up() -> None:
    (shape,) = shapes_of(
        Request("p", 5, 6, (DeviceRequest(WholeGpus(2)), DeviceRequest(WholeGpus(3))))
    )
    assert (shape.cpu, shape.memory, shape.count) == (5, 6, 5)
    assert shape.want == Want(1000, whole=True)
    assert (shape.chosen, shape.refusal) == ((0, 0), Reason.FITS)


def test_alternatives_make_a_shape_each() -> None:
    wish = DeviceRequest(
        WholeGpus(2),
        models=("A",),
        alternatives=(DeviceRequest(GpuShare(500, 100)), DeviceRequest(WholeGpus(0))),
    )
    shapes = shapes_of(Request("p", devices=(wish,)))
    assert [(s.chosen, s.count, s.want) for s in shapes] == [
        ((0,), 2, Want(1000, whole=True, models=("A",))),
        ((1,), 1, Want(500, 100)),
        ((2,), 0, NOTHING),
    ]


@pytest.mark.parametrize(
    ("ask", "want"),
    [
        (WholeGpus(3), Want(1000, whole=True)),
        (GpuShare(1000), Want(1000, whole=True)),
        (GpuShare(1000, 5), Want(1000, 5, whole=True)),
        (GpuShare(1000, count=2), Want(1000, whole=True)),
        (GpuShare(999), Want(999)),
        (GpuShare(0, 5), Want(0, 5)),
        (GpuShare(0, memory_milli=250), Want(memory_milli=250)),
        (GpuShare(100, memory_milli=250), Want(100, memory_milli=250)),
        (GpuShare(999, count=2), Want(999, spread=True)),
        (MigInstances("1g.10gb", 3), Want(profile="1g.10gb")),
    ],
    ids=str,
)
def test_what_is_wanted_of_each_slot(ask: WholeGpus | GpuShare | MigInstances, want: Want) -> None:
    device = DeviceRequest(ask, models=("B", "A", "B"))
    (shape,) = shapes_of(Request("p", devices=(device,)))
    assert shape.want == want_of(device) == want._replace(models=("A", "B"))
    assert wants_of(device) == (shape.want,)
    assert (shape.count, shape.refusal) == (ask.count, Reason.FITS)
    assert is_share(ask) is not want.whole


def test_isolations_make_a_shape_each_in_the_order_of_wish() -> None:
    isolations = Isolation.MPS, Isolation.MIG
    wish = DeviceRequest(
        GpuShare(1000, isolations=isolations),
        alternatives=(DeviceRequest(GpuShare(300)), DeviceRequest(WholeGpus(1))),
    )
    shapes = shapes_of(Request("p", devices=(wish,)))
    # A share of all of a GPU that is to be isolated is no whole GPU: it may be a MIG instance.
    assert [(s.chosen, s.want) for s in shapes] == [
        ((0,), Want(1000, isolation=Isolation.MPS)),
        ((0,), Want(1000, isolation=Isolation.MIG)),
        ((1,), Want(300)),
        ((2,), Want(1000, whole=True)),
    ]
    assert [want.isolation for want in wants_of(wish)] == list(isolations)
    assert len({shape.content for shape in shapes}) == 4


def test_isolations_count_among_the_combinations() -> None:
    every = tuple(Isolation)
    device = DeviceRequest(
        GpuShare(1, isolations=every), alternatives=(DeviceRequest(GpuShare(2, isolations=every)),)
    )
    assert len(shapes_of(Request("p", devices=(device,) * 3))) == 8**3
    with pytest.raises(InvalidRequest, match="4096 combinations; at most 1024"):
        shapes_of(Request("p", devices=(device,) * 4))


def test_instances_of_one_profile_add_up_and_others_are_not_decided_yet() -> None:
    one, other = (DeviceRequest(MigInstances(name)) for name in ("1g.10gb", "2g.20gb"))
    (shape,) = shapes_of(Request("p", devices=(one, one, DeviceRequest(MigInstances("x", 0)))))
    assert (shape.count, shape.want, shape.refusal) == (2, Want(profile="1g.10gb"), Reason.FITS)
    for devices in ((one, other), (one, DeviceRequest(WholeGpus(1)))):
        (shape,) = shapes_of(Request("p", devices=devices))
        assert (shape.count, shape.refusal) == (0, Reason.MIXED_DEVICES)


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
        (instances("p", "1g.10gb"), 0),
        (instances("p", "1g.10gb", 3), 3),
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
    assert (shape.want.models, shape.count, shape.refusal) == (("A", "B"), 2, Reason.FITS)


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
        (
            share("p", 0, 0),
            "a share of 0 milli-GPU with 0 MiB and 0 thousandths of the memory; give 1 to 1000",
        ),
        (share("p", 1001), "a share of 1001 milli-GPU"),
        (share("p", -1, 5), "a share of -1 milli-GPU"),
        (share("p", 5, -1), "with -1 MiB"),
        (memory_share(500, 1), "with 1 MiB and 500 thousandths"),
        (memory_share(1001), "and 1001 thousandths"),
        (memory_share(-1), "and -1 thousandths"),
        (Request("p", devices=(DeviceRequest(MigInstances("")),)), "without a profile"),
        (
            Request(
                "p",
                devices=(DeviceRequest(GpuShare(1, isolations=(Isolation.MPS,) * 2)),),
            ),
            "an isolation is accepted twice",
        ),
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
