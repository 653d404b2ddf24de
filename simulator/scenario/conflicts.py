"""Keys that contradict each other, and keys that say nothing beside the others."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from bayplan.scheduler.errors import InputError
from bayplan.simulator.scenario.deadlines import gives_deadlines
from bayplan.simulator.scenario.energy import grid_of
from bayplan.simulator.scenario.keys import BUILTIN, BY_PATH, COUNT, KEYS, NONE, OF_A_JOB_FILE
from bayplan.simulator.scenario.keys_energy import DEFERRAL_KEYS, ENERGY_KEYS
from bayplan.simulator.scenario.scenario import Scenario
from bayplan.simulator.scenario.startup import startup_of

Holds = Callable[[object], bool]

_MAY_CUT = ("mig-dynamic", NONE)
"""Modes in which GPUs may be cut as asked for: where none is set, the cluster file may say so."""

_MAY_LAY_OUT = ("mig-static", NONE)
"""Modes in which GPUs may have layouts, which are all that a partitioner cuts anew."""


_OWN_ORDER = ("in-order", "repack")
"""Preemption that takes the queue in order itself, and passes who does not fit."""


@dataclass(frozen=True, slots=True)
class Idle:
    """A key that says nothing unless something holds of another one, ``of``.

    ``where`` says without or beside what. The rule is one of the sharing modes in ``modes``; of
    all where there are none. It is none where the first key of ``beside`` has one of the others as
    its value.
    """

    path: str
    of: str
    needs: Holds
    where: str
    fix: str = "set that, or leave it out"
    modes: tuple[str, ...] = ()
    beside: tuple[str, ...] = ()

    def says_nothing(self, scenario: Scenario) -> bool:
        """Whether the key says nothing in a scenario."""
        if self.modes and scenario["sharing.mode"] not in self.modes:
            return False
        if self.beside and scenario[self.beside[0]] in self.beside[1:]:
            return False
        return not self.needs(scenario[self.of])


def _is(*values: object) -> Holds:
    return lambda value: value in values


def _is_not(*values: object) -> Holds:
    return lambda value: value not in values


_ONE = "leave one of the two out"
_CHOSEN = ("interruptions.checkpoint", "young", "daly")
_DYNAMIC = 'without sharing.mode = "mig-dynamic"'
_STATIC = 'without sharing.mode = "mig-static"'

_RULES: tuple[Idle, ...] = (
    *(
        Idle(key.path, "energy.measure", _is(True), "without energy.measure = true")
        for key in ENERGY_KEYS
        if key.name != "measure"
    ),
    *(
        Idle(key.path, "policy.deferral", _is_not(NONE), "without policy.deferral")
        for key in DEFERRAL_KEYS
        if key.name not in ("slack_h", "slack_factor", "jobs")
    ),
    Idle("cluster.format", "cluster.file", _is_not(BUILTIN), "without a cluster.file"),
    Idle("jobs.format", "jobs.file", _is_not(BUILTIN, NONE), "without a jobs.file"),
    Idle("jobs.interarrival_s", "jobs.file", _is_not(BUILTIN, NONE), "without a jobs.file"),
    Idle("services.end", "services.file", bool, "without a services.file"),
    Idle("sharing.layout", "sharing.mode", _is("mig-static"), _STATIC),
    Idle(
        "sharing.oversubscribe",
        "sharing.mode",
        _is("mps", "timeslice", "hami"),
        "without sharing.mode mps, timeslice or hami",
    ),
    Idle(
        "sharing.ignore_memory",
        "sharing.mode",
        _is("timeslice"),
        'without sharing.mode = "timeslice"',
    ),
    Idle("sharing.mig", "sharing.mode", _is(*_MAY_CUT), _DYNAMIC),
    Idle("sharing.mig_path", "sharing.mode", _is(*_MAY_CUT, *_MAY_LAY_OUT), _DYNAMIC),
    Idle(
        "sharing.mig_path",
        "policy.partitioning",
        _is_not(NONE),
        'without policy.partitioning = "demand", as layouts stay as they are',
        modes=("mig-static",),
    ),
    Idle("policy.partitioning", "sharing.mode", _is(*_MAY_LAY_OUT), _STATIC),
    *(
        Idle(
            path,
            "policy.elasticity",
            _is_not(NONE),
            "without a policy.elasticity, as all jobs have the pods that they state",
        )
        for path in (
            "policy.resize_interval_s",
            "interruptions.resize_s",
            "speeds.serial",
            "speeds.scaling",
            "jobs.shrink_to",
            "jobs.grow_to",
        )
    ),
    Idle("policy.strict", "policy.backfill", _is(NONE), "beside policy.backfill", _ONE),
    Idle(
        "policy.strict",
        "policy.preemption",
        _is_not(*_OWN_ORDER),
        "beside policy.preemption in-order or repack",
        _ONE,
    ),
    Idle(
        "policy.backfill_depth",
        "policy.backfill",
        _is("conservative"),
        'without policy.backfill = "conservative"',
    ),
    Idle(
        "policy.round_s", "policy.trigger", _is_not("events"), 'without policy.trigger = "rounds"'
    ),
    Idle(
        "policy.min_run_s",
        "policy.preemption",
        _is_not(NONE, "repack"),
        "without a policy.preemption other than repack",
    ),
    Idle(
        "policy.half_life_s",
        "policy.ordering",
        _is("fair-share"),
        'without policy.ordering = "fair-share"',
    ),
    Idle(
        "interruptions.on_notice",
        "interruptions.checkpoint_s",
        bool,
        "without interruptions.checkpoint_s, as nothing is ever lost",
        beside=_CHOSEN,
    ),
    Idle(
        "interruptions.save_s",
        "interruptions.checkpoint_s",
        bool,
        "without interruptions.checkpoint_s, as nothing is saved",
        beside=_CHOSEN,
    ),
    Idle(
        "interruptions.checkpoint_s",
        "interruptions.checkpoint",
        _is("fixed"),
        "beside interruptions.checkpoint young or daly",
        _ONE,
    ),
    *(
        Idle(
            f"stragglers.{name}",
            "stragglers.detector",
            _is_not(NONE),
            "without a stragglers.detector",
        )
        for name in ("window_s", "threshold", "false_alarms", "on_detection", "repair_h")
    ),
    *(
        Idle(f"startup.{name}", "startup.images", bool, "without startup.images")
        for name in ("lazy_part", "registry_mib_per_s")
    ),
    *(
        Idle(f"startup.{name}", "startup.models", bool, "without startup.models")
        for name in ("store_mib_per_s", "local_mib_per_s", "model_cache", "shared_mib_per_s")
    ),
    Idle(
        "startup.shared_mib_per_s",
        "startup.model_cache",
        _is_not(NONE),
        "without a startup.model_cache",
    ),
    Idle(
        "jobs.synthetic.sigma",
        "jobs.synthetic.duration",
        _is("lognormal"),
        'without jobs.synthetic.duration = "lognormal"',
    ),
    *(
        Idle(key.path, COUNT, _is(0), f"beside {COUNT}", _ONE)
        for key in KEYS
        if key.path in OF_A_JOB_FILE
    ),
    *(
        Idle(key.path, COUNT, bool, f"without {COUNT}")
        for key in KEYS
        if key.table == "jobs.synthetic" and key.name != "count"
    ),
)


def idle(scenario: Scenario) -> Iterator[tuple[str, InputError]]:
    """Yield every key that is not at its default and says nothing, with an error about it."""
    said: set[str] = set()
    for rule in _RULES:
        default = BY_PATH[rule.path].default
        if rule.path in said or rule.of in scenario.wrong or scenario[rule.path] == default:
            continue
        if not rule.says_nothing(scenario):
            continue
        said.add(rule.path)
        yield rule.path, scenario.error(rule.path, f"it says nothing {rule.where}", rule.fix)


def conflicts(scenario: Scenario) -> Iterator[InputError]:
    """Yield an error for every pair of keys that contradict each other."""
    if scenario["policy.backfill"] != NONE and scenario["policy.preemption"] != NONE:
        yield scenario.error(
            "policy.backfill",
            f"reservations do not hold beside preemption {scenario['policy.preemption']!r}",
            'set one of the two to "none"',
        )
    if scenario["policy.elasticity"] != NONE:
        yield from _beside_elasticity(scenario)
    if scenario["jobs.load"] is not None and scenario["jobs.scale"] != 1.0:
        yield scenario.error("jobs.scale", "jobs.load scales the arrivals", "leave one out")
    rate, load = scenario["jobs.synthetic.rate_per_s"], scenario["jobs.synthetic.load"]
    if rate is not None and load != BY_PATH["jobs.synthetic.load"].default:
        yield scenario.error(
            "jobs.synthetic.rate_per_s", "jobs.synthetic.load says it too", "leave one out"
        )
    if scenario["out_of_memory.backoff_s"] > scenario["out_of_memory.most_backoff_s"]:
        yield scenario.error(
            "out_of_memory.backoff_s", "it is above most_backoff_s", "lower it, or raise that"
        )
    yield from _about_energy(scenario)
    if scenario["interruptions.checkpoint"] != "fixed" and not scenario["interruptions.save_s"]:
        yield scenario.error(
            "interruptions.checkpoint",
            f"{scenario['interruptions.checkpoint']} goes by what a checkpoint takes",
            "set interruptions.save_s above 0",
        )
    yield from _nothing(scenario)
    try:
        startup_of(scenario)
    except InputError as error:
        yield error
    if not any(row["weight"] for row in scenario["jobs.synthetic.mix"]):
        yield scenario.error("jobs.synthetic.mix", "all weights are 0", "give one a weight")


def _about_energy(scenario: Scenario) -> Iterator[InputError]:
    for what in ("co2_g_per_kwh", "price_per_kwh"):
        path, file = f"energy.{what}", f"energy.{what.split('_')[0]}_file"
        if scenario[file] and scenario[path] != BY_PATH[path].default:
            yield scenario.error(path, f"{file} says it too", _ONE)
    try:
        grid_of(scenario)
    except InputError as error:
        yield error
    if scenario["policy.deferral"] == "carbon" and not scenario["energy.measure"]:
        yield scenario.error(
            "policy.deferral",
            "carbon goes by the carbon intensity of the electricity",
            "set energy.measure = true, and energy.co2_g_per_kwh or energy.co2_file",
        )
    who = "deferral.jobs"
    if scenario[who] != BY_PATH[who].default and not gives_deadlines(scenario):
        problem = "it says nothing without deferral.slack_h or deferral.slack_factor"
        yield scenario.error(who, problem, "set one of these, or leave it out")


def _beside_elasticity(scenario: Scenario) -> Iterator[InputError]:
    for path, holds, why in (
        ("policy.backfill", scenario["policy.backfill"] == NONE, "reservations do not hold"),
        (
            "policy.preemption",
            scenario["policy.preemption"] != "repack",
            "repack places all jobs anew",
        ),
    ):
        if not holds:
            yield scenario.error(
                path,
                f"{why} beside policy.elasticity {scenario['policy.elasticity']!r}",
                'set one of the two to "none"',
            )


def _nothing(scenario: Scenario) -> Iterator[InputError]:
    if scenario["jobs.file"] == NONE and not (scenario["services.file"] or scenario[COUNT]):
        problem = "there are no jobs and no services"
        yield scenario.error("jobs.file", problem, "name a file of one of them")
