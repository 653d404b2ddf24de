"""Whose turn it is, by classes of jobs that are one question, and whom freed room could help.

A class whose jobs do not fit is *blocked* until something was freed that could help it; then it
has a *hope*: only on the rows freed since can it fit. A simulated queue asks all this at every
event, for every class that waits.

``classes`` (7, n_classes) int64: ``TIE`` the place of the first job of the class among jobs with
equal keys, ``NOBODY`` where none waits; ``HOPE`` from which entry of ``fresh`` on rows may help it,
``NONE`` where any may; ``PODS`` of one job; ``FIRST`` and ``LAST``: its needs are the entries
``FIRST`` to ``LAST`` - 1 of ``needs`` (4, n_needs), one for each role: CPU (millicores), memory
(MiB), milli-GPU of one slot and of all of them, lower bounds. The first ``n_listed[0]`` (1,) of
``OPEN`` are the classes that may fit, in any order, and perhaps some that were blocked or left
since; ``LISTED``, whether a class is among them. ``keys`` (n_classes,) are those of the first jobs,
``blocked`` (n_classes,). ``fresh`` are rows freed, ``n_fresh`` of them.
"""

from __future__ import annotations

from bayplan.kernels._jit import kernel
from bayplan.kernels._types import BoolArray, FloatArray, IntArray, IntTable

TIE, HOPE, PODS, FIRST, LAST, OPEN, LISTED = range(7)
CPU, MEMORY, SLOT_MILLI, MILLI = range(4)
NOBODY = 1 << 62
NONE = -1


@kernel
def room_for(
    row: int,
    first: int,
    last: int,
    needs: IntTable,
    cpu_free_milli: IntArray,
    memory_free_mib: IntArray,
    idle_milli: IntArray,
    slot_start: IntArray,
    slot_count: IntArray,
    slot_free_milli: IntArray,
) -> bool:
    """Whether a row could hold a pod of one of the roles, by lower bounds."""
    for k in range(first, last):
        if needs[MILLI, k] > idle_milli[row]:
            continue
        if needs[CPU, k] > cpu_free_milli[row] or needs[MEMORY, k] > memory_free_mib[row]:
            continue
        if needs[SLOT_MILLI, k] == 0:
            return True
        for slot in range(slot_start[row], slot_start[row] + slot_count[row]):
            if slot_free_milli[slot] >= needs[SLOT_MILLI, k]:
                return True
    return False


@kernel
def list_open(c: int, classes: IntTable, n_listed: IntArray) -> None:
    """Add a class to those that may fit."""
    if classes[LISTED, c] == 0:
        classes[LISTED, c] = 1
        classes[OPEN, n_listed[0]] = c
        n_listed[0] += 1


@kernel
def unblock(
    rows: IntArray,
    n_rows: int,
    n_fresh: int,
    fresh: IntArray,
    blocked: BoolArray,
    classes: IntTable,
    n_listed: IntArray,
    needs: IntTable,
    cpu_free_milli: IntArray,
    memory_free_mib: IntArray,
    idle_milli: IntArray,
    slot_start: IntArray,
    slot_count: IntArray,
    slot_free_milli: IntArray,
) -> int:
    """Unblock the classes that one of ``n_rows`` freed rows could help; return how many.

    The rows go to the end of ``fresh`` (there is room), and these classes get their hope there.
    """
    helped = 0
    for i in range(n_rows):
        fresh[n_fresh + i] = rows[i]
        for c in range(blocked.size):
            if blocked[c] and room_for(
                rows[i], classes[FIRST, c], classes[LAST, c], needs,
                cpu_free_milli, memory_free_mib, idle_milli,
                slot_start, slot_count, slot_free_milli,
            ):  # fmt: skip
                blocked[c] = False
                classes[HOPE, c] = n_fresh + i
                list_open(c, classes, n_listed)
                helped += 1
    return helped


@kernel
def is_hopeless(
    c: int,
    n_rows: int,
    n_fresh: int,
    fresh: IntArray,
    classes: IntTable,
    needs: IntTable,
    cpu_free_milli: IntArray,
    memory_free_mib: IntArray,
    idle_milli: IntArray,
    slot_start: IntArray,
    slot_count: IntArray,
    slot_free_milli: IntArray,
) -> bool:
    """Whether a class has a hope, and the rows freed since then are too full again.

    For classes of several pods: or all ``n_rows`` rows together hold too few, by GPUs and CPU.
    """
    hope = classes[HOPE, c]
    if hope == NONE:
        return False
    first = classes[FIRST, c]
    last = classes[LAST, c]
    k = hope
    while k < n_fresh and not room_for(
        fresh[k], first, last, needs,
        cpu_free_milli, memory_free_mib, idle_milli, slot_start, slot_count, slot_free_milli,
    ):  # fmt: skip
        k += 1
    if k == n_fresh:
        return True
    if classes[PODS, c] == 1:
        return False
    milli = needs[MILLI, first]
    cpu = needs[CPU, first]
    for k in range(first + 1, last):
        milli = min(milli, needs[MILLI, k])
        cpu = min(cpu, needs[CPU, k])
    if milli == 0:
        return False
    held = 0
    for row in range(n_rows):
        if cpu_free_milli[row] >= cpu:
            held += idle_milli[row] // milli
            if held >= classes[PODS, c]:
                return False
    return True


@kernel
def first_class(keys: FloatArray, classes: IntTable) -> int:
    """Return the class whose first job comes before those of all others; -1: nobody waits."""
    best = NONE
    for c in range(keys.size):
        if classes[TIE, c] == NOBODY:
            continue
        if (
            best == NONE
            or keys[c] < keys[best]
            or (keys[c] == keys[best] and classes[TIE, c] < classes[TIE, best])
        ):
            best = c
    return best


@kernel
def next_open(
    rows: IntArray,
    n_freed: int,
    n_rows: int,
    n_fresh: int,
    fresh: IntArray,
    keys: FloatArray,
    blocked: BoolArray,
    classes: IntTable,
    n_listed: IntArray,
    needs: IntTable,
    cpu_free_milli: IntArray,
    memory_free_mib: IntArray,
    idle_milli: IntArray,
    slot_start: IntArray,
    slot_count: IntArray,
    slot_free_milli: IntArray,
) -> int:
    """Return the first class of those that are not blocked and may fit; -1: there is none.

    Before, ``n_freed`` of ``rows`` unblock whom they could help, as by ``unblock``. Classes that
    it meets on the way and that are hopeless become blocked.
    """
    if n_freed > 0:
        unblock(
            rows, n_freed, n_fresh, fresh, blocked, classes, n_listed, needs,
            cpu_free_milli, memory_free_mib, idle_milli,
            slot_start, slot_count, slot_free_milli,
        )  # fmt: skip
    n_fresh += n_freed
    best = NONE
    kept = 0
    for i in range(n_listed[0]):
        c = classes[OPEN, i]
        if blocked[c] or classes[TIE, c] == NOBODY:
            classes[LISTED, c] = 0
            continue
        classes[OPEN, kept] = c
        kept += 1
        if best != NONE and (
            keys[c] > keys[best] or (keys[c] == keys[best] and classes[TIE, c] > classes[TIE, best])
        ):
            continue
        if is_hopeless(
            c, n_rows, n_fresh, fresh, classes, needs,
            cpu_free_milli, memory_free_mib, idle_milli,
            slot_start, slot_count, slot_free_milli,
        ):  # fmt: skip
            blocked[c] = True
            classes[HOPE, c] = NONE
            classes[LISTED, c] = 0
            kept -= 1
        else:
            best = c
    n_listed[0] = kept
    return best
