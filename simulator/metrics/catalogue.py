"""The metrics, each declared once: what it is called, how it is made, which way is better."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from functools import partial
from typing import Literal

import numpy as np

from bayplan.scheduler.errors import InputError
from bayplan.scheduler.hardware.xids import CLASSES
from bayplan.scheduler.types import GPU_MILLI
from bayplan.simulator.core.results import Status
from bayplan.simulator.metrics.figures import SHORT_S, Figures, FloatArray
from bayplan.simulator.metrics.spread import NAN, jain, mean, percentile, ratio, time_mean, total

Better = Literal["less", "more", ""]

LEAST_SAMPLES = 10
"""Of the time while jobs arrive, below which nothing is said about it."""


@dataclass(frozen=True, slots=True)
class Metric:
    """One number about a run.

    Attributes
    ----------
    key
        Its name in files and options.
    title
        Its name in tables, short.
    group
        What it is about, a heading.
    unit
        ``s``, ``%``, ``GPU-s``, ``GPU-h``, ``jobs`` or what is counted; empty for a plain ratio.
    better
        Which way is better; empty where neither is.
    formula
        How it is made, in one line.
    source
        Where it comes from; empty where it needs none.
    of
        The function that makes it: NaN where it says nothing.
    """

    key: str
    title: str
    group: str
    unit: str
    better: Better
    formula: str
    source: str
    of: Callable[[Figures], float]

    @property
    def helped_by_fewer_jobs(self) -> bool:
        """Whether a run looks better by it when some of its jobs did not come to their end."""
        if self.group in ("Jobs", "Deadlines"):
            return False
        return not (self.group.startswith("GPUs") and self.better == "more")


_FEITELSON = "Feitelson, Metrics for Parallel Job Scheduling and Their Convergence, JSSPP 2001"
_THEMIS = "Mahajan et al., Themis, NSDI 2020"
_BOOTSEER = "cf. BootSeer: 3.5 % of GPU time at ByteDance"
_JAIN = "Jain, Chiu and Hawe, DEC TR-301, 1984"
_FGD = "Weng et al., FGD, USENIX ATC 2023"
_SHOCKWAVE = "Zheng et al., Shockwave, NSDI 2023"


def _jobs() -> Iterator[Metric]:
    def counted(status: Status) -> Callable[[Figures], float]:
        return lambda f: int((f.status == status).sum())

    group = "Jobs"
    yield Metric(
        "jobs", "jobs", group, "jobs", "", "jobs of the table; the rows of a gang are one", "",
        lambda f: f.status.size,
    )  # fmt: skip
    ends: tuple[tuple[Status, Better, str], ...] = (
        (Status.FINISHED, "more", "came to the end of their work"),
        (Status.CANCELLED, "", "withdrawn by their user"),
        (Status.FAILED, "less", "given up: out of memory too often"),
        (Status.REJECTED, "less", "no node of the cluster could ever hold them"),
        (Status.UNFINISHED, "less", "waiting or running at the end of the run"),
    )
    for status, better, formula in ends:
        name = status.name.lower()
        yield Metric(name, name, group, "jobs", better, formula, "", counted(status))


def _times() -> Iterator[Metric]:
    yield Metric(
        "start_delay_mean_s", "first start, mean", "Waiting", "s", "less",
        "mean of first start − arrival, finished jobs", "",
        lambda f: mean(f.delay_s[f.finished]),
    )  # fmt: skip
    yield from _spread(
        "wait", "wait", "Waiting", "s", "time without room from arrival on, finished jobs", "",
        lambda f: f.wait_s,
    )  # fmt: skip
    yield from _spread(
        "jct", "JCT", "Completion", "s", "end − arrival, finished jobs", "", lambda f: f.jct_s
    )
    yield Metric(
        "makespan_s", "makespan", "Completion", "s", "less",
        "last end of a job − first arrival", "", lambda f: f.span_s,
    )  # fmt: skip
    yield from _spread(
        "slowdown", "slowdown", "Slowdown", "",
        f"max(1, JCT / max(work_s, {SHORT_S:.0f} s)), finished jobs: bounded slowdown", _FEITELSON,
        lambda f: f.slowdown,
    )  # fmt: skip


def _spread(
    key: str,
    title: str,
    group: str,
    unit: str,
    formula: str,
    source: str,
    values: Callable[[Figures], FloatArray],
) -> Iterator[Metric]:
    """Yield mean and percentiles of what each finished job has."""
    suffix = f"_{unit}" if unit else ""

    def at(percent: int) -> Callable[[Figures], float]:
        return lambda f: percentile(values(f)[f.finished], percent)

    yield Metric(
        f"{key}_mean{suffix}", f"{title}, mean", group, unit, "less", f"mean of {formula}", source,
        lambda f: mean(values(f)[f.finished]),
    )  # fmt: skip
    for percent in (50, 95, 99):
        yield Metric(
            f"{key}_p{percent}{suffix}", f"{title}, p{percent}", group, unit, "less",
            f"{percent}th percentile of the same", source, at(percent),
        )  # fmt: skip


def _arrivals() -> Iterator[Metric]:
    """Yield shares of the GPUs while there is a supply of jobs: a long tail says nothing here."""

    def share(of: Callable[[Figures], FloatArray]) -> Callable[[Figures], float]:
        return lambda f: 100 * _while_arriving(f, of(f))

    group = "GPUs while jobs arrive"
    over = "over the samples from the first to the last arrival"
    yield Metric(
        "allocated_arrivals_pct", "allocated, arrivals", group, "%", "more",
        f"mean of milli-GPUs held / milli-GPUs {over}, each by the time that it stands for", "",
        share(lambda f: f.series.allocated_milli / np.maximum(GPU_MILLI * f.series.gpus, 1)),
    )  # fmt: skip
    yield Metric(
        "effective_arrivals_pct", "effective, arrivals", group, "%", "more",
        f"the same of 1000 × rate × GPUs of the jobs that run / milli-GPUs {over}", "",
        share(lambda f: f.series.effective_milli / np.maximum(GPU_MILLI * f.series.gpus, 1)),
    )  # fmt: skip
    yield Metric(
        "busy_arrivals_pct", "busy, arrivals", group, "%", "",
        f"the same of GPUs with a tenant / GPUs {over}", "",
        share(lambda f: f.series.busy_gpus / np.maximum(f.series.gpus, 1)),
    )  # fmt: skip


def _gpus() -> Iterator[Metric]:
    group = "GPUs"
    yield Metric(
        "allocation_pct", "allocated", group, "%", "more",
        "GPU-seconds held / (GPUs × makespan)", "",
        lambda f: 100 * ratio(f.totals.allocated_gpu_s, f.capacity_gpu_s),
    )  # fmt: skip
    yield Metric(
        "effective_pct", "effective", group, "%", "more",
        "Σ work done × GPUs of the job / (GPUs × makespan): what lone jobs on as many whole"
        " reference GPUs would do; above allocated where tenants share well, and where one that"
        " holds a part of a GPU runs alone on it: work is stated for a whole GPU, so a quarter in"
        " mode none works at rate 1", "",
        lambda f: 100 * ratio(f.totals.effective_gpu_s, f.capacity_gpu_s),
    )  # fmt: skip
    yield Metric(
        "goodput_pct", "goodput", group, "%", "more",
        "the same of work that was kept: without what preemptions, kills and lost nodes undid", "",
        lambda f: 100 * ratio(f.totals.effective_gpu_s - _lost_gpu_s(f), f.capacity_gpu_s),
    )  # fmt: skip
    yield Metric(
        "rate", "rate of work", group, "", "more",
        "effective / allocated: work done per GPU-second held", "",
        lambda f: ratio(f.totals.effective_gpu_s, f.totals.allocated_gpu_s),
    )  # fmt: skip
    yield Metric(
        "busy_pct", "busy", group, "%", "",
        "time GPUs have a tenant / (GPUs × makespan)", "",
        lambda f: 100 * ratio(f.totals.busy_gpu_s, f.capacity_gpu_s),
    )  # fmt: skip
    yield Metric(
        "tenants_mean", "tenants", group, "pods", "",
        "mean pods on a GPU that has any, over time", "",
        lambda f: ratio(f.totals.tenant_gpu_s, f.totals.busy_gpu_s),
    )  # fmt: skip
    yield Metric(
        "allocated_gpu_h", "GPU-hours held", group, "GPU-h", "less",
        "GPU-seconds held / 3600", "", lambda f: f.totals.allocated_gpu_s / 3600.0,
    )  # fmt: skip
    yield Metric(
        "availability_pct", "available", group, "%", "",
        "GPU-seconds that were there / (GPUs of all nodes × makespan)", "",
        lambda f: 100 * ratio(f.totals.there_gpu_s, f.totals.known_gpus * f.span_s),
    )  # fmt: skip
    yield Metric(
        "fragmentation_pct", "fragmented", group, "%", "less",
        "mean over time of what a typical pod cannot use of the free GPUs / GPUs", _FGD,
        lambda f: 100 * ratio(_over_time(f, f.series.fragmentation_milli), f.capacity_milli),
    )  # fmt: skip
    yield Metric(
        "mig_blocked_pct", "MIG blocked", group, "%", "less",
        "mean over time of the share of places of MIG profiles that are blocked",
        "cf. Zambianco, arXiv 2511.18906",
        lambda f: 100 * _over_time(f, f.series.mig_blocked),
    )  # fmt: skip


def _over_time(f: Figures, values: FloatArray) -> float:
    return time_mean(f.series.time_s, values, f.totals.first_s)


def _while_arriving(f: Figures, values: FloatArray) -> float:
    time_s, first_s = f.series.time_s, f.totals.first_s
    if np.count_nonzero((time_s > first_s) & (time_s <= f.arrived_s)) < LEAST_SAMPLES:
        return NAN
    return time_mean(np.minimum(time_s, f.arrived_s), values, first_s)


def _lost_gpu_s(f: Figures) -> float:
    return total(f.work_lost_s * f.n_gpus)


def _losses() -> Iterator[Metric]:
    group = "Losses"
    lost = "work undone by preemptions, kills and lost nodes"
    yield Metric(
        "work_lost_s", "work lost", group, "s", "less", f"Σ {lost}", "",
        lambda f: total(f.work_lost_s),
    )  # fmt: skip
    yield Metric(
        "work_lost_gpu_s", "work lost", group, "GPU-s", "less",
        f"Σ {lost} × GPUs of the job", "", _lost_gpu_s,
    )  # fmt: skip
    yield Metric(
        "work_lost_pct", "work lost", group, "%", "less", "work lost / (work kept + work lost)", "",
        lambda f: 100 * ratio(total(f.work_lost_s), total(f.work_lost_s) + total(f.work_done_s)),
    )  # fmt: skip
    yield Metric(
        "overhead_s", "overhead", group, "s", "less",
        "Σ time with room but without progress, such as restarts", "",
        lambda f: total(f.overhead_s),
    )  # fmt: skip
    yield Metric(
        "overhead_gpu_s", "overhead", group, "GPU-s", "less",
        "Σ the same × GPUs that the job held", "",
        lambda f: total(f.overhead_s * f.gpus),
    )  # fmt: skip
    yield Metric(
        "preemptions", "preemptions", group, "times", "less", "times a job had to leave", "",
        lambda f: int(f.preemptions.sum()),
    )  # fmt: skip
    yield Metric(
        "oom_kills", "killed, out of memory", group, "times", "less",
        "times a job was killed for want of GPU memory", "",
        lambda f: int(f.oom_kills.sum()),
    )  # fmt: skip
    yield Metric(
        "failures", "nodes lost", group, "times", "less",
        "times a job lost a node or a GPU under it, and with it all of its room", "",
        lambda f: int(f.failures.sum()),
    )  # fmt: skip


_MIB_PER_GIB = 1024.0


def _startup() -> Iterator[Metric]:
    group = "Start-up"
    yield Metric(
        "startup_s", "start-up", group, "s", "less",
        "Σ time from getting room until all pods have their images, containers and models; part of"
        " overhead", "",
        lambda f: total(f.startup_s),
    )  # fmt: skip
    yield Metric(
        "startup_mean_s", "start-up, mean", group, "s", "less",
        "mean of the same, finished jobs, all their starts together", "",
        lambda f: mean(f.startup_s[f.finished]),
    )  # fmt: skip
    yield Metric(
        "startup_gpu_pct", "start-up of GPU time", group, "%", "less",
        "Σ start-up × GPUs that the job held / GPU-seconds held", _BOOTSEER,
        lambda f: 100 * ratio(total(f.startup_s * f.gpus), f.totals.allocated_gpu_s),
    )  # fmt: skip
    yield Metric(
        "pulls", "pulls", group, "times", "less",
        "images and models that came to a node, or began to", "",
        lambda f: f.totals.pulls,
    )  # fmt: skip
    yield Metric(
        "image_hit_pct", "found on the node", group, "%", "more",
        "images and models that were on the node when a job came to it / looked for", "",
        lambda f: 100 * ratio(f.totals.images_found, f.totals.images_looked_for),
    )  # fmt: skip
    yield Metric(
        "pulled_gib", "pulled", group, "GiB", "less", "Σ what pulls brought", "",
        lambda f: f.totals.pulled_mib / _MIB_PER_GIB,
    )  # fmt: skip


def _faults() -> Iterator[Metric]:
    group = "GPU faults"
    yield Metric(
        "gpu_faults", "GPU faults", group, "times", "less", "faults of single GPUs", "",
        lambda f: f.totals.gpu_faults,
    )  # fmt: skip
    for each in CLASSES:
        xids = ", ".join(str(xid) for xid in each.xids)
        yield Metric(
            f"gpu_faults_{each.name}", each.name, group, "times", "less",
            f"those of the class {each.name}: Xid {xids}", "", partial(_faults_of, each.name),
        )  # fmt: skip
    yield Metric(
        "gpu_closed_h", "closed", group, "GPU-h", "less",
        "Σ time that each GPU took no new pods by itself: repairs, and waiting to be empty", "",
        lambda f: f.totals.closed_gpu_s / 3600.0,
    )  # fmt: skip
    yield Metric(
        "alarms", "suspected", group, "times", "",
        "GPUs that a detector took for slow", "", lambda f: f.totals.alarms,
    )  # fmt: skip
    yield Metric(
        "false_alarms", "false alarms", group, "times", "less",
        "those of them that were not slow then", "", lambda f: f.totals.false_alarms,
    )  # fmt: skip
    yield Metric(
        "effective_time_pct", "effective time", group, "%", "more",
        "work kept / GPU-seconds held: where jobs have whole reference GPUs, the part of their time"
        " that was of use", "cf. The Llama 3 Herd of Models, arXiv 2407.21783, section 3.3.4",
        lambda f: 100 * ratio(f.totals.effective_gpu_s - _lost_gpu_s(f), f.totals.allocated_gpu_s),
    )  # fmt: skip


def _faults_of(name: str, f: Figures) -> int:
    return f.faults.get(name, 0)


_JOULES_PER_KWH = 3.6e6


def _energy() -> Iterator[Metric]:
    group = "Energy"
    of_gpus = "of the GPUs: idle while they are there, and what jobs add; hosts are not in it"
    yield Metric(
        "energy_kwh", "energy", group, "kWh", "less", f"∫ watts {of_gpus}", "",
        lambda f: _joules(f) / _JOULES_PER_KWH,
    )  # fmt: skip
    yield Metric(
        "energy_idle_pct", "drawn idle", group, "%", "less", "idle / all watts, over time", "",
        lambda f: 100 * ratio(f.totals.idle_j, _joules(f)),
    )  # fmt: skip
    yield Metric(
        "energy_kwh_per_gpu_h", "energy of a GPU-hour", group, "kWh", "less",
        "energy / (work kept × GPUs of the job, in hours)", "",
        lambda f: ratio(_joules(f) / 1000.0, f.totals.effective_gpu_s - _lost_gpu_s(f)),
    )  # fmt: skip
    yield Metric(
        "co2_kg", "CO2", group, "kg", "less", "∫ watts × carbon intensity of the hour", "",
        lambda f: f.totals.co2_g / 1000.0,
    )  # fmt: skip
    yield Metric(
        "co2_jobs_kg", "CO2 of jobs", group, "kg", "less",
        "the same of what jobs add to the idle watts", "",
        lambda f: f.totals.active_co2_g / 1000.0,
    )  # fmt: skip
    yield Metric(
        "energy_cost", "cost of energy", group, "", "less",
        "∫ watts × price of a kWh in the hour, in the currency of the prices", "",
        lambda f: f.totals.energy_price,
    )  # fmt: skip
    yield Metric(
        "energy_cost_jobs", "cost of energy, jobs", group, "", "less",
        "the same of what jobs add to the idle watts", "", lambda f: f.totals.active_price,
    )  # fmt: skip


def _joules(f: Figures) -> float:
    return f.totals.idle_j + f.totals.active_j


def _cost() -> Iterator[Metric]:
    group = "Cost"
    yield Metric(
        "node_hours", "node-hours", group, "node-h", "less",
        "Σ time that each node was there / 3600, from the first arrival to the last end", "",
        lambda f: f.totals.node_s / 3600.0,
    )  # fmt: skip
    yield Metric(
        "cost", "cost", group, "", "less",
        "Σ price per hour × hours that each node was there, in the currency of the prices; 0 where"
        " none is given", "",
        lambda f: f.totals.cost,
    )  # fmt: skip
    yield Metric(
        "cost_per_gpu_h", "cost / GPU-hour held", group, "", "less",
        "cost / (GPU-seconds held / 3600)", "",
        lambda f: ratio(f.totals.cost, f.totals.allocated_gpu_s / 3600.0),
    )  # fmt: skip


def _elasticity() -> Iterator[Metric]:
    group = "Elastic jobs"
    yield Metric(
        "resizes", "resizes", group, "times", "less",
        "moments in which a job that ran before got pods or gave some back", "",
        lambda f: int(f.resizes.sum()) if f.elastic.any() else NAN,
    )  # fmt: skip
    yield Metric(
        "elastic_gpus_mean", "GPUs, elastic", group, "GPUs", "",
        "mean of GPUs held over the time that a job ran, elastic jobs that ran", "",
        lambda f: mean(f.gpus[f.elastic & (f.gpus > 0)]),
    )  # fmt: skip


def _deadlines() -> Iterator[Metric]:
    group = "Deadlines"
    yield Metric(
        "deadline_misses", "missed", group, "jobs", "less",
        "jobs over after their deadline, failed, rejected, or not over when the last job ended"
        " after it", "",
        lambda f: int(f.missed.sum()),
    )  # fmt: skip
    yield Metric(
        "deadline_miss_pct", "missed", group, "%", "less", "misses / jobs with a deadline", "",
        lambda f: 100 * ratio(int(f.missed.sum()), int(f.has_deadline.sum())),
    )  # fmt: skip


def _deferral() -> Iterator[Metric]:
    group = "Deferral"
    yield Metric(
        "deferred", "held back", group, "jobs", "",
        "jobs that were held back for better hours", "", lambda f: f.totals.deferred,
    )  # fmt: skip
    yield Metric(
        "deferral_mean_s", "held back, mean", group, "s", "less",
        "mean of the time that each of these was held back; it is in the waits too", "",
        lambda f: ratio(f.totals.deferral_s, f.totals.deferred),
    )  # fmt: skip
    yield Metric(
        "deferral_max_s", "held back, longest", group, "s", "less", "longest of the same", "",
        lambda f: f.totals.most_deferral_s,
    )  # fmt: skip


def _fairness() -> Iterator[Metric]:
    group = "Fairness"
    for whose in ("user", "queue"):
        yield Metric(
            f"jain_{whose}s", f"Jain, {whose}s", group, "", "more",
            f"(Σ x)² / (n Σ x²), x the mean slowdown of each named {whose}'s finished jobs", _JAIN,
            lambda f, whose=whose: _jain_of(f, getattr(f, whose)),  # type: ignore[misc]
        )  # fmt: skip
    yield Metric(
        "rho_mean", "rho, mean", group, "", "less",
        "mean of rho = JCT / (work_s × max(1, GPUs held × N / GPUs)); N is the mean number of jobs"
        " with GPUs in the system while this one is", _THEMIS,
        lambda f: mean(_rho(f)),
    )  # fmt: skip
    yield Metric(
        "rho_max", "rho, worst", group, "", "less", "largest rho", _THEMIS,
        lambda f: percentile(_rho(f), 100),
    )  # fmt: skip
    yield Metric(
        "rho_unfair_pct", "rho over 1", group, "%", "less",
        "share of jobs with rho > 1: worse off than alone on an N-th of the cluster", _SHOCKWAVE,
        lambda f: 100 * mean((_rho(f) > 1.0).astype(np.float64)),
    )  # fmt: skip
    yield Metric(
        "jain_rho", "Jain, rho", group, "", "more", "Jain's index of rho over jobs",
        f"{_JAIN}; {_THEMIS}", lambda f: jain(_rho(f)),
    )  # fmt: skip


def _rho(f: Figures) -> FloatArray:
    known: FloatArray = f.rho[~np.isnan(f.rho)]
    return known


def _jain_of(f: Figures, names: Sequence[str]) -> float:
    """Return Jain's index over the mean slowdowns of those who are named."""
    of_name: dict[str, list[float]] = {}
    for name, finished, slowdown in zip(names, f.finished, f.slowdown.tolist(), strict=True):
        if name and finished:
            of_name.setdefault(name, []).append(slowdown)
    return jain([mean(np.array(values)) for values in of_name.values()])


def _services() -> Iterator[Metric]:
    group = "Services"

    def all_of(name: str) -> Callable[[Figures], float]:
        return lambda f: sum(getattr(each, name) for each in f.services) if f.services else NAN

    offered = all_of("offered")
    yield Metric(
        "requests", "requests", group, "requests", "", "requests that came, to all services", "",
        offered,
    )  # fmt: skip
    yield Metric(
        "requests_in_time_pct", "in time", group, "%", "more",
        "requests served within their service's target / requests that came", "",
        lambda f: 100 * ratio(all_of("in_time")(f), offered(f)) if f.services else NAN,
    )  # fmt: skip
    yield Metric(
        "requests_dropped_pct", "dropped", group, "%", "less",
        "requests that found a full queue or gave up / requests that came", "",
        lambda f: 100 * ratio(all_of("dropped")(f), offered(f)) if f.services else NAN,
    )  # fmt: skip
    yield Metric(
        "services_missed", "targets missed", group, "services", "less",
        "services of whose requests, dropped ones too, fewer were in time than their class's"
        " percentile says, or whose mean latency is above its target", "",
        lambda f: sum(not each.met for each in f.services) if f.services else NAN,
    )  # fmt: skip
    yield Metric(
        "replica_hours", "replica-hours", group, "h", "less",
        "Σ time that replicas held room / 3600", "",
        lambda f: sum(sum(each.replica_h) for each in f.services) if f.services else NAN,
    )  # fmt: skip
    yield Metric(
        "replica_gpu_h", "GPU-hours of replicas", group, "GPU-h", "less",
        "GPU-seconds that replicas held / 3600", "", all_of("gpu_h"),
    )  # fmt: skip
    yield Metric(
        "services_cost_pct", "part of the cost", group, "%", "",
        "Σ price of a node × the largest part of its GPUs, CPUs and memory that a replica held /"
        " cost", "cf. Ghodsi et al., Dominant Resource Fairness, NSDI 2011",
        lambda f: 100 * ratio(all_of("cost")(f), f.totals.cost) if f.totals.cost else NAN,
    )  # fmt: skip


def _effort() -> Iterator[Metric]:
    group = "Effort"
    yield Metric("events", "events", group, "events", "", "what happened, all told", "",
                 lambda f: f.totals.events)  # fmt: skip
    yield Metric("passes", "passes", group, "passes", "", "times that the queue was gone through",
                 "", lambda f: f.totals.passes)  # fmt: skip
    yield Metric("decisions", "decisions", group, "decisions", "", "questions put to the engine",
                 "", lambda f: f.totals.decisions)  # fmt: skip


METRICS: tuple[Metric, ...] = (
    *_jobs(),
    *_times(),
    *_arrivals(),
    *_gpus(),
    *_losses(),
    *_startup(),
    *_faults(),
    *_energy(),
    *_cost(),
    *_elasticity(),
    *_deadlines(),
    *_deferral(),
    *_fairness(),
    *_services(),
    *_effort(),
)
"""Every metric, in the order in which they are shown."""

BY_KEY: dict[str, Metric] = {metric.key: metric for metric in METRICS}


def metric(key: str) -> Metric:
    """Return the metric of a name that a person wrote.

    Parameters
    ----------
    key
        Its key.

    Raises
    ------
    InputError
        There is none of that name.
    """
    if key not in BY_KEY:
        near = get_close_matches(key, BY_KEY, n=1)
        fix = f"did you mean {near[0]}?" if near else f"name one of {', '.join(BY_KEY)}"
        raise InputError(f"no metric is called {key!r}", fix=fix)
    return BY_KEY[key]


def markdown() -> str:
    """Return the metrics as Markdown tables, one a group, for the documentation."""
    parts: list[str] = []
    for group in dict.fromkeys(each.group for each in METRICS):
        rows = [
            f"| `{each.key}` | {each.unit} | {each.better} | {each.formula} | {each.source} |"
            for each in METRICS
            if each.group == group
        ]
        head = ["| key | unit | better | formula | source |", "|---|---|---|---|---|"]
        parts.append("\n".join([f"### {group}\n", *head, *rows]))
    return "\n\n".join(parts) + "\n"
