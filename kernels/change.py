"""What a placement takes from a node's free room, and gives back; which rows have changed since."""

from __future__ import annotations

from bayplan.kernels._jit import kernel
from bayplan.kernels._types import IntArray


@kernel
def change_room(
    sign: int,
    row: int,
    cpu: int,
    memory: int,
    gpus: IntArray,
    milli: IntArray,
    mib: IntArray,
    n_gpus: int,
    cpu_free_milli: IntArray,
    memory_free_mib: IntArray,
    idle_milli: IntArray,
    gpu_free_milli: IntArray,
    gpu_free_mib: IntArray,
) -> None:
    """Allocate (``sign`` -1) or release (+1) on a node, in place.

    ``gpus``, ``milli``, ``mib`` : the first ``n_gpus`` entries are flat GPU numbers and what is
    taken of each.
    """
    cpu_free_milli[row] += sign * cpu
    memory_free_mib[row] += sign * memory
    for k in range(n_gpus):
        idle_milli[row] += sign * milli[k]
        gpu_free_milli[gpus[k]] += sign * milli[k]
        gpu_free_mib[gpus[k]] += sign * mib[k]


@kernel
def changed_rows(log: IntArray, since: int, until: int, version: IntArray, out: IntArray) -> int:
    """Gather the rows touched by the changes ``since`` < number <= ``until``, each once.

    ``until`` is the newest change.
    ``log`` is a ring: change number c is the row at ``c % log.size``. A row's ``version`` is the
    number of its latest change, so an older entry of the same row is seen as such and left out.
    Returns how many rows were written to ``out``.
    """
    n = 0
    for number in range(since + 1, until + 1):
        row = log[number % log.size]
        if version[row] == number:
            out[n] = row
            n += 1
    return n
