"""A pod's uid says which trace is its own."""

from __future__ import annotations

from hashlib import sha256
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bayplan.extender.tracing.ids import spread, trace_id_of


@given(st.uuids())
def test_the_trace_of_a_uuid_is_its_128_bits(uid: UUID) -> None:
    assert trace_id_of(str(uid)) == trace_id_of(str(uid).upper()) == uid.int


@pytest.mark.parametrize(
    "uid",
    [
        "",
        "uid-7",
        "00000000-0000-0000-0000-000000000000",  # no trace may have the id 0
        "6f1c2a52a3b04d0f9f0e6d1b7c8a9e10",  # a static pod's, which is a hash itself
        "6f1c2a52-a3b0-4d0f-9f0e-6d1b7c8a9e1g",
        "6f1c2a52-a3b0-4d0f-9f0e-6d1b7c8a9e10\n",
    ],
)
def test_the_trace_of_another_uid_is_a_hash(uid: str) -> None:
    found = trace_id_of(uid)
    assert f"{found:032x}" == sha256(uid.encode()).hexdigest()[:32]


def test_half_of_the_uuids_lie_below_a_half_once_they_are_spread() -> None:
    low = (1 << 64) - 1
    uids = [uuid4().int for _ in range(4000)]
    assert all(each & low >= 1 << 63 for each in uids)  # what it is for
    assert 1700 < sum(spread(each) & low < 1 << 63 for each in uids) < 2300  # 9.5 deviations


@given(st.integers(0, 2**128 - 1))
def test_an_id_is_spread_by_its_low_62_bits_and_keeps_the_high_64(trace_id: int) -> None:
    found = spread(trace_id)
    assert found >> 64 == trace_id >> 64
    assert f"{found & (1 << 64) - 1:064b}" == f"{trace_id & (1 << 64) - 1:064b}"[2:] + "00"
