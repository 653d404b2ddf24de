"""Who sits on which GPU, and how fast everybody goes because of it."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence

import numpy as np

from bayplan.scheduler.arrays import FloatArray, IntArray
from bayplan.scheduler.hardware import find_product
from bayplan.scheduler.hardware.types import Product
from bayplan.scheduler.sharing import Hami, Mig, Mps, TimeSlicing, sharing_of
from bayplan.scheduler.speed import Demand, Share, SharingMode, SpeedSettings, slowdowns
from bayplan.scheduler.timing import (
    ALONE,
    HAMI,
    MIG,
    MPS,
    TIMESLICE,
    advance,
    advance_alone,
    retime,
)
from bayplan.scheduler.types import GPU_MILLI, Grant, Node, Placement
from bayplan.simulator.core.book import Book
from bayplan.simulator.core.calendar import Calendar
from bayplan.simulator.core.classes import codes
from bayplan.simulator.core.speeds import Speeds

_MODES: dict[type, int] = {Mps: MPS, TimeSlicing: TIMESLICE, Hami: HAMI, Mig: MIG}
_NAMES: dict[int, SharingMode] = {MPS: "mps", TIMESLICE: "timeslice", HAMI: "hami", MIG: "mig"}
_FEW = 8


class Seats:
    """The seats of running jobs: one for each pod and GPU (or MIG instance) of it.

    Attributes
    ----------
    busy, taken
        GPUs with a tenant, and seats taken.
    """

    def __init__(self, nodes: Sequence[Node], book: Book, speeds: Speeds) -> None:
        self._book = book
        self._speeds = speeds
        self._nodes = {node.name: node for node in nodes}
        self._offset: dict[str, int] = {}
        self._unchecked: dict[int, tuple[int, int]] = {}
        self._anonymous: dict[int, range] = {}
        modes: list[int] = []
        for node in nodes:
            self._offset[node.name] = len(modes)
            each = [sharing_of(node.sharing, gpu) for gpu in range(node.gpu_count)]
            modes += [_MODES.get(type(sharing), ALONE) for sharing in each]
            self._unchecked |= {
                self._offset[node.name] + gpu: (node.gpu_memory_mib, sharing.context_mib)
                for gpu, sharing in enumerate(each)
                if isinstance(sharing, TimeSlicing) and not sharing.check_memory
            }
            if node.anonymous_gpus:
                span = range(self._offset[node.name], len(modes))
                self._anonymous |= dict.fromkeys(span, span)
        self.n_gpus = len(modes)
        self._is_plain = bytearray(
            mode == ALONE and gpu not in self._anonymous for gpu, mode in enumerate(modes)
        )
        self.busy = self.taken = 0
        self._modes = modes
        self._gpu_ints = np.array([modes, [0] * len(modes)], np.int64)
        self._gpu_mode, self._gpu_count = self._gpu_ints
        self._gpu_seats = np.zeros((self.n_gpus, _FEW), np.int64)
        self._free: list[int] = []
        self._of_job: dict[int, list[int]] = {}
        self._make_seats(1024)
        self._first = book.first_seat
        self._mark = np.zeros(book.n_jobs, np.bool_)
        self._jobs = np.zeros(book.n_jobs, np.int64)
        self._rates = np.zeros(book.n_jobs)
        self._finish = np.zeros(book.n_jobs)
        self._buffer = np.zeros(1024, np.int64)
        book.demand_of[:] = codes(book.job_type)
        names = list(dict.fromkeys(book.job_type))
        demands = [_columns(speeds.demand(name)) for name in names]
        self._demands = np.array(demands, np.float64).reshape(-1, 8)
        self._settings = _settings(speeds.sharing)
        self._peak_mib = _peaks(book, speeds) if self._unchecked else []
        self._parts: dict[tuple[str, int, int, str], tuple[float, float]] = {}

    def _make_seats(self, n: int) -> None:
        self._seat_ints = np.zeros((4, n), np.int64)
        self._seat_ints[1] = -1
        self._seat_floats = np.ones((3, n))
        self._name_rows()
        self._free = list(range(n - 1, -1, -1))

    def _more_seats(self) -> None:
        n = self._seat_job.size
        self._seat_ints = np.concatenate([self._seat_ints, np.zeros_like(self._seat_ints)], axis=1)
        self._seat_floats = np.concatenate(
            [self._seat_floats, np.ones_like(self._seat_floats)], axis=1
        )
        self._name_rows()
        self._free = list(range(2 * n - 1, n - 1, -1))

    def _name_rows(self) -> None:
        self._seat_job, self._seat_next, self._seat_instance, self._seat_gpu = self._seat_ints
        self._seat_compute, self._seat_memory, self._seat_slow = self._seat_floats

    def overfull(self, gpus: Sequence[int]) -> bool:
        """Whether the memory of one of the GPUs, that nothing limits, is more than used up.

        That is where time-slicing does not look at memory: tenants use what they use, which is
        what they ask for, or what their job type needs, and a context each.
        """
        if not self._unchecked:
            return False
        for gpu in gpus:
            limit = self._unchecked.get(gpu)
            if limit is None:
                continue
            memory_mib, context_mib = limit
            used = sum(self._peak_mib[tenant] + context_mib for tenant in self.jobs_on(gpu))
            if used > memory_mib:
                return True
        return False

    def number(self, node: str, gpu: int) -> int:
        """Return the number of a GPU of a node."""
        return self._offset[node] + gpu

    def gpu_at(self, number: int) -> tuple[str, int]:
        """Return the node and the index there of a GPU by its number."""
        names = list(self._offset)
        name = names[bisect_right(list(self._offset.values()), number) - 1]
        return name, number - self._offset[name]

    def gpus_of(self, job: int) -> list[int]:
        """Return the GPUs that a running job has seats on, by number, each seat counted."""
        seats = self._of_job.get(job, ())
        return [~seat if seat < 0 else self._seat_gpu.item(seat) for seat in seats]

    def is_shared(self, number: int) -> bool:
        """Whether tenants of a GPU slow each other down."""
        return self._modes[number] != ALONE

    def jobs_on(self, gpu: int) -> list[int]:
        """Return the jobs with a seat on a shared GPU, first come first, each seat counted."""
        seats = self._gpu_seats[gpu, : self._gpu_count.item(gpu)]
        jobs: list[int] = self._seat_job[seats].tolist()
        return jobs

    def sit(self, job: int, placements: Sequence[Placement]) -> tuple[list[int], int]:
        """Seat the pods of a job.

        Returns the shared GPUs that they are on, each once, and the milli-GPU that they take. On
        GPUs that nobody slows others down on, it goes at its speed alone.
        """
        gpus: list[int] = []
        seats: list[int] = []
        before, milli = -1, 0
        for placement in placements:
            offset = self._offset[placement.node]
            for grants in placement.grants:
                for grant in grants:
                    milli += grant.milli
                    index = grant.slot.gpu
                    if index >= 0 and self._is_plain[offset + index]:
                        seats.append(self._count(offset + index))
                        continue
                    seat, gpu, mode = self._seat(job, placement.node, grant, before)
                    seats.append(seat)
                    if mode != ALONE:
                        gpus.append(gpu)
                    before = seat
        if not seats:
            return gpus, milli
        if before >= 0:
            self._first[job] = before
        self._of_job[job] = seats
        self.taken += len(seats)
        return gpus if len(gpus) < 2 else list(dict.fromkeys(gpus)), milli

    def _count(self, gpu: int) -> int:
        """Count a tenant of a GPU on which nobody slows others down; that is all of its seat.

        In the place of the seat's number stands that of the GPU, below 0.
        """
        count = self._gpu_count.item(gpu)
        self._gpu_count[gpu] = count + 1
        if not count:
            self.busy += 1
        return ~gpu

    def _seat(self, job: int, node: str, grant: Grant, before: int) -> tuple[int, int, int]:
        if not self._free:
            self._more_seats()
        seat = self._free.pop()
        slot = grant.slot
        # Where the device plugin picks, any GPU of the node stands for it: there are no shares.
        gpu = self._offset[node] + slot.gpu if slot.gpu >= 0 else self._idle(node)
        self._seat_job[seat] = job
        self._seat_gpu[seat] = gpu
        self._seat_next[seat] = before
        mode = self._modes[gpu]
        self._seat_slow[seat] = 1.0
        if mode != ALONE:
            key = self._nodes[node].gpu_model, mode, grant.milli, slot.profile
            part = self._parts.get(key)
            if part is None:
                part = self._parts[key] = self._part(self._nodes[node], grant, slot.gpu)
            self._seat_compute[seat], self._seat_memory[seat] = part
            self._seat_instance[seat] = slot.start
        count = self._gpu_count.item(gpu)
        if count == self._gpu_seats.shape[1]:
            self._gpu_seats = np.concatenate(
                [self._gpu_seats, np.zeros_like(self._gpu_seats)], axis=1
            )
        self._gpu_seats[gpu, count] = seat
        self._gpu_count[gpu] = count + 1
        if not count:
            self.busy += 1
        return seat, gpu, mode

    def _idle(self, node: str) -> int:
        start = self._offset[node]
        counts = self._gpu_count[start : start + self._nodes[node].gpu_count]
        return start + int(counts.argmin())

    def _part(self, node: Node, grant: Grant, gpu: int) -> tuple[float, float]:
        sharing = sharing_of(node.sharing, max(gpu, 0))
        product = find_product(node.gpu_model)
        if isinstance(sharing, Mig) and product is not None and grant.slot.profile:
            return _slice(product, grant.slot.profile)
        return min(1.0, max(grant.milli, 1) / GPU_MILLI), 1.0

    def slow_alone(self, job_type: str, placements: Sequence[Placement]) -> float:
        """Return how many times slower a job is on its shares, with nobody beside it."""
        slowest = 1.0
        for placement in placements:
            node = self._nodes[placement.node]
            for grants in placement.grants:
                for grant in grants:
                    mode = self._modes[self._offset[node.name] + max(grant.slot.gpu, 0)]
                    if mode != ALONE:
                        part = self._part(node, grant, grant.slot.gpu)
                        slow = self._slow_alone(job_type, mode, *part)
                        slowest = max(slowest, slow)
        return slowest

    def _slow_alone(self, job_type: str, mode: int, compute: float, memory: float) -> float:
        demand, share = self._speeds.demand(job_type), Share(compute, memory)
        return slowdowns(_NAMES[mode], [demand], [share], self._speeds.sharing).item(0)

    def leave(self, job: int) -> list[int]:
        """Free the seats of a job, and return the shared GPUs that they were on, each once."""
        seats = self._of_job.pop(job, None)
        if seats is None:
            return []
        gpus = []
        for seat in seats:
            if seat < 0:
                count = self._gpu_count.item(~seat) - 1
                self._gpu_count[~seat] = count
                if not count:
                    self.busy -= 1
                continue
            gpu = self._seat_gpu.item(seat)
            if self._modes[gpu] != ALONE:
                gpus.append(gpu)
            count = self._gpu_count.item(gpu) - 1
            if count:
                row = self._gpu_seats[gpu]
                at = 0
                while row.item(at) != seat:
                    at += 1
                row[at:count] = row[at + 1 : count + 1]
            self._gpu_count[gpu] = count
            if not count:
                self.busy -= 1
                gpus += self._even_out(gpu)
            self._free.append(seat)
            self._first[job] = -1
        self.taken -= len(seats)
        return gpus if len(gpus) < 2 else list(dict.fromkeys(gpus))

    def _even_out(self, gpu: int) -> list[int]:
        """Let a seat beside another move to an anonymous GPU that was left.

        Nobody shares one, but who is put while others still sit there, to be dropped in the same
        pass, sits beside one of them. Returns the shared GPUs that this concerns.
        """
        for other in self._anonymous.get(gpu, ()):
            last = self._gpu_count.item(other) - 1
            if last > 0:
                seat = self._gpu_seats.item(other, last)
                self._gpu_count[other], self._gpu_count[gpu] = last, 1
                self._gpu_seats[gpu, 0], self._seat_gpu[seat] = seat, gpu
                self.busy += 1
                return [other, gpu] if self._modes[gpu] != ALONE else []
        return []

    def advance(
        self, gpus: list[int], now_s: float, checkpoint_s: float, calendar: Calendar
    ) -> None:
        """Give new rates to the jobs on some GPUs, by ``Exact``.

        Settles them, and expects them in the calendar when they will be finished by then.
        """
        book = self._book
        advance(
            self._buffered(gpus),
            len(gpus),
            now_s,
            checkpoint_s,
            self._gpu_ints,
            self._gpu_seats,
            self._seat_ints,
            self._seat_floats,
            book.seat_ints,
            book.progress,
            self._demands,
            self._settings,
            self._mark,
            self._jobs,
            self._rates,
            self._finish,
            *calendar.arrays,
        )

    def advance_alone(
        self, jobs: list[int], now_s: float, checkpoint_s: float, calendar: Calendar
    ) -> None:
        """Let jobs run at their speeds alone, otherwise as ``advance``."""
        advance_alone(
            self._buffered(jobs),
            len(jobs),
            now_s,
            checkpoint_s,
            self._book.progress,
            self._rates,
            self._finish,
            *calendar.arrays,
        )

    def _buffered(self, numbers: list[int]) -> IntArray:
        """Return an array that begins with some numbers: filling one is faster than making one."""
        if len(numbers) > self._buffer.size:
            self._buffer = np.zeros(2 * len(numbers), np.int64)
        buffer = self._buffer
        for k, number in enumerate(numbers):
            buffer[k] = number
        return buffer

    def retime(self, gpus: IntArray) -> tuple[IntArray, FloatArray]:
        """Return the jobs on some GPUs whose rate changes, and their new rates: (n,) each.

        The arrays are good until the next call.
        """
        book = self._book
        n = retime(
            gpus,
            self._gpu_mode,
            self._gpu_count,
            self._gpu_seats,
            self._seat_job,
            self._seat_next,
            self._seat_compute,
            self._seat_memory,
            self._seat_instance,
            self._seat_slow,
            self._first,
            book.base,
            book.rate,
            book.demand_of,
            self._demands,
            self._settings,
            book.rate_changes,
            self._mark,
            self._jobs,
            self._rates,
        )
        return self._jobs[:n], self._rates[:n]


def _peaks(book: Book, speeds: Speeds) -> list[int]:
    """Return the memory that each job uses of each of its GPUs, MiB."""
    per_class = [
        max(
            [
                getattr(device.ask, "memory_mib", 0)
                for role in kind.roles
                for device in role.devices
            ],
            default=0,
        )
        for kind in book.classes
    ]
    needs = {name: speeds.demand(name).memory_mib for name in set(book.job_type)}
    pairs = zip(book.class_of.tolist(), book.job_type, strict=True)
    return [per_class[number] or needs[job_type] for number, job_type in pairs]


def _slice(product: Product, profile_name: str) -> tuple[float, float]:
    profile = next(p for p in product.profiles if p.name == profile_name)
    if profile.sm_count is not None and product.sm_count is not None:
        compute = profile.sm_count / product.sm_count
    else:  # no source has counted them: by slices
        compute = profile.compute_slices / product.compute_slices
    return compute, profile.size / product.units


def _columns(demand: Demand) -> tuple[float, ...]:
    return (
        demand.busy,
        demand.bandwidth,
        demand.occupied,
        demand.drawn,
        demand.pcie,
        demand.weight,
        demand.pc,
        demand.pm,
    )


def _settings(settings: SpeedSettings) -> FloatArray:
    return np.array(
        [
            settings.switch_cost,
            settings.collision,
            settings.pacing_overhead,
            settings.client_cost,
            settings.cache,
            settings.thrashing,
            settings.idle_power,
            settings.power_exponent,
        ],
        np.float64,
    )
