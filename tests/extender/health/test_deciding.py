"""What is quarantined, and what ends a quarantine: by code, boot and person."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from bayplan.extender.health.codes import DEFAULT_XIDS, LEVELS, OF_APPLICATIONS, code_of, xid_name
from bayplan.extender.health.deciding import Decided, decide
from bayplan.extender.health.entries import Entry, read_entries, write_entries
from bayplan.extender.health.shown import Gpu

XIDS = frozenset(DEFAULT_XIDS)
LOST = Entry("GPU-1", 1, "xid-79", "then", "boot-1")
PENDING = Entry("GPU-1", 1, "row-remap-pending", "then", "boot-1")
BROKEN = Entry("GPU-1", 1, "xid-64", "then", "boot-1")
WELL = {"GPU-0": Gpu(0), "GPU-1": Gpu(1, set(), {"row-remap-pending": False})}


def decided(*entries: Entry, gpus: Any = None, **more: Any) -> Decided:
    given_ = {"xids": XIDS, "boot": "boot-1", "release": "", "now": "now"} | more
    return decide(entries, gpus, **given_)


def test_a_gpu_is_quarantined_once_for_each_code() -> None:
    gpus = {"GPU-3": Gpu(3, {79, 13, 48}, {"row-remap-pending": True, "ecc-double-bit": False})}
    codes = ("row-remap-pending", "xid-48", "xid-79")
    first = decided(gpus=gpus)
    assert first.entries == tuple(Entry("GPU-3", 3, code, "now", "boot-1") for code in codes)
    assert {each.code for each in first.begun} == set(codes)
    again = decided(*first.entries, gpus=gpus, now="later")
    assert again == Decided(first.entries)


@pytest.mark.parametrize("xid", sorted(OF_APPLICATIONS))
def test_an_applications_own_fault_quarantines_nothing(xid: int) -> None:
    assert decided(gpus={"GPU-1": Gpu(1, {xid})}) == Decided(())


@pytest.mark.parametrize("entry", [LOST, PENDING, BROKEN])
def test_what_is_not_read_changes_nothing(entry: Entry) -> None:
    assert decided(entry, gpus=None, boot="boot-2") == Decided((entry,))


ENDS = {
    "the exporter has started anew": (LOST, WELL, "boot-1", ""),
    "an application failed since": (LOST, {"GPU-1": Gpu(1, {13})}, "boot-1", ""),
    "a GPU off the bus is not shown": (LOST, {"GPU-0": Gpu(0)}, "boot-1", ""),
    "booted and well": (LOST, WELL, "boot-2", "the node has booted, and it was not seen since"),
    "booted without it": (LOST, {"GPU-0": Gpu(0)}, "boot-2", "the node has booted without it"),
    "nobody knows the boot": (LOST, WELL, "", ""),
    "it was begun in an unknown boot": (replace(LOST, boot=""), WELL, "boot-2", ""),
    "a level is gone": (PENDING, WELL, "boot-1", "the source says that it is over"),
    "a level is not shown": (PENDING, {"GPU-1": Gpu(1)}, "boot-2", ""),
    "broken for good": (BROKEN, WELL, "boot-2", ""),
    "broken and gone": (BROKEN, {"GPU-0": Gpu(0)}, "boot-2", "the node has booted without it"),
}


@pytest.mark.parametrize("case", ENDS)
def test_a_quarantine_ends_by_its_code(case: str) -> None:
    entry, gpus, boot, why = ENDS[case]
    found = decided(entry, gpus=gpus, boot=boot)
    assert found == (Decided((), (), ((entry, why),)) if why else Decided((entry,)))


def test_what_is_shown_after_a_boot_is_of_that_boot() -> None:
    gpus = {"GPU-1": Gpu(1, {79})}
    found = decided(LOST, gpus=gpus, boot="boot-2")
    assert found.entries == (replace(LOST, boot="boot-2"),)
    assert decided(*found.entries, gpus=WELL, boot="boot-2").entries == found.entries
    assert decided(*found.entries, gpus=WELL, boot="boot-3").entries == ()


@pytest.mark.parametrize("release", ["GPU-1", "1", "all", "GPU-9, 1"])
def test_a_person_lets_go_and_what_was_shown_then_does_not_come_back(release: str) -> None:
    sick = {"GPU-1": Gpu(1, {79})}
    found = decided(LOST, gpus=sick, release=release)
    freed = replace(LOST, released=True)
    assert found == Decided((freed,), (), ((freed, "a person let it go"),))
    assert decided(freed, gpus=sick, release=release) == Decided((freed,))
    # The source shows something else: what it shows next is new.
    assert decided(freed, gpus={"GPU-1": Gpu(1, {13})}) == Decided(())
    # So is what it shows after a boot.
    anew = decided(freed, gpus=sick, boot="boot-2")
    assert anew.begun == anew.entries == (Entry("GPU-1", 1, "xid-79", "now", "boot-2"),)


def test_a_person_lets_go_of_nothing_else_and_does_not_need_the_source() -> None:
    other = replace(LOST, uuid="GPU-2", gpu=2)
    found = decided(LOST, other, gpus=None, release="GPU-1")
    assert found.entries == (replace(LOST, released=True), other)


def test_a_gpu_that_has_another_number_by_now_is_the_same() -> None:
    found = decided(LOST, gpus={"GPU-1": Gpu(0, {79})})
    assert found == Decided((replace(LOST, gpu=0),))


def test_a_code_of_a_later_version_is_let_go_by_a_person_only() -> None:
    entry = replace(LOST, code="thermal")
    assert decided(entry, gpus=WELL, boot="boot-2") == Decided((entry,))


# --- whatever is shown ----------------------------------------------------------------------

UUIDS = st.sampled_from(["GPU-0", "GPU-1", "GPU-2"])
LEVEL_NAMES = sorted(code.name for code in LEVELS.values())
SHOWN = st.dictionaries(
    UUIDS,
    st.builds(
        Gpu,
        st.integers(0, 3),
        st.sets(st.sampled_from([*DEFAULT_XIDS, *OF_APPLICATIONS, 1, 999]), max_size=3),
        st.dictionaries(st.sampled_from(LEVEL_NAMES), st.booleans()),
    ),
)
ROUNDS = st.lists(
    st.tuples(
        st.none() | SHOWN,
        st.sampled_from(["", "boot-1", "boot-2"]),
        st.sampled_from(["", "", "", "1", "GPU-0", "all"]),
        st.sets(st.sampled_from(DEFAULT_XIDS)),
    ),
    max_size=6,
)


@given(ROUNDS)
def test_rounds_of_anything_keep_the_promises(rounds: Any) -> None:
    entries: tuple[Entry, ...] = ()
    for k, (gpus, boot, release, xids) in enumerate(rounds):
        found = decide(entries, gpus, xids=frozenset(xids), boot=boot, release=release, now=f"{k}")
        keys = [(each.uuid, each.code) for each in found.entries]
        assert len(set(keys)) == len(keys)
        assert read_entries(write_entries(found.entries) or "") == found.entries
        for each in found.begun:  # only for what is shown, and of what is listed
            assert gpus[each.uuid].has(each.code)
            assert each.code in LEVEL_NAMES or int(each.code.removeprefix("xid-")) in xids
        if gpus is None:
            assert not found.begun
            assert all(each.released for each, _ in found.ended)
            assert keys == [(each.uuid, each.code) for each in entries]
        else:  # whoever is sick is quarantined, or let go by a person
            sick = {(uuid, xid_name(xid)) for uuid, gpu in gpus.items() for xid in gpu.xids & xids}
            sick |= {
                (uuid, n) for uuid, gpu in gpus.items() for n, yes in gpu.levels.items() if yes
            }
            assert sick <= set(keys)
        # A round that sees the same changes nothing more.
        again = decide(found.entries, gpus, xids=frozenset(xids), boot=boot, release="", now="x")
        assert again == Decided(found.entries)
        entries = found.entries


@given(st.integers(1, 9999))
def test_every_xid_has_words_and_only_those_that_need_a_new_gpu_stay_for_good(xid: int) -> None:
    code = code_of(xid_name(xid))
    assert code.title == f"Xid {xid}"
    assert code.hint
    assert (code.lift.name == "HAND") == (xid == 64)
