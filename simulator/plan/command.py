"""What ``bayplan plan`` does."""

from __future__ import annotations

import difflib
import gc
import sys
from dataclasses import dataclass, replace
from pathlib import Path

from bayplan.scheduler.compiled import is_warm, warm
from bayplan.scheduler.engine import Engine
from bayplan.scheduler.errors import InputError
from bayplan.scheduler.ordering import (
    Progress,
    amounts_of,
    job_of,
    make_ordering,
    pending_of,
    use_of,
)
from bayplan.scheduler.policies import make_policy, uses_images
from bayplan.scheduler.preemption import preemption_policy_names
from bayplan.scheduler.queues import Admission
from bayplan.scheduler.types import DeviceRequest, Request, WholeGpus
from bayplan.scheduler.workload import Workload, typical_workload
from bayplan.simulator.plan.planning import FAIR_RECLAIM, NEVER, make_plan
from bayplan.simulator.plan.report import as_json
from bayplan.simulator.plan.scene import Scene, scene_of_dump, scene_of_files
from bayplan.simulator.plan.waiting import explained
from bayplan.traces.files import display, write_text
from bayplan.traces.queues import read_queue_file

STDOUT = "-"

DEFAULT_POLICY = "best-fit"
DEFAULT_ORDER = "priority"


@dataclass(frozen=True, slots=True)
class Options:
    """The flags of ``bayplan plan``; see its help."""

    dump: tuple[Path, ...] = ()
    nodes: Path | None = None
    pods: Path | None = None
    format: str = "auto"
    policy: str = DEFAULT_POLICY
    order: str = DEFAULT_ORDER
    preempt: str = NEVER
    queues: Path | None = None
    json: str | None = None
    all: bool = False


def plan(options: Options) -> int:
    """Make the plan and write what was asked for; return 1 when there were problems, else 0.

    Parameters
    ----------
    options
        The flags.

    Raises
    ------
    InputError
        Anything wrong with the flags or files; nothing was written then.
    """
    _check(options)
    # Of the many objects that are made hardly any is garbage: looking for it takes a third more.
    collects = gc.isenabled()
    gc.disable()
    try:
        return _plan(options)
    finally:
        if collects:
            gc.freeze()  # nor is it at the end of the process, where it would be looked for again
            gc.enable()


def _plan(options: Options) -> int:
    tree = None if options.queues is None else read_queue_file(options.queues)
    order = make_ordering(options.order)
    # A wrong name is said before all work.
    policy = make_policy(options.policy, typical_workload([_ANY]))
    scene = _scene(options, images=uses_images(policy))
    engine = Engine(scene.cluster, make_policy(options.policy, _workload(scene)))
    _compile(scene, options)
    admission = None if tree is None else Admission(tree, scene.cluster)
    units = scene.units
    if units:
        rows = [
            job_of(unit.name, unit.requests) if unit.gang else unit.requests[0] for unit in units
        ]
        waits = {
            row.uid: Progress(submit_s=unit.since_s) for row, unit in zip(rows, units, strict=True)
        }
        pending = pending_of(rows, waits, use_of(scene.cluster), amounts_of(scene.cluster))
        units = tuple(units[row] for row in order.order(pending, 0.0).tolist())
    made = make_plan(scene, engine, units, options.preempt, admission)
    gangs = {unit.gang.name: unit.gang for unit in scene.units if unit.gang is not None}
    guards = replace(scene.guards, budgets=made.budgets)
    made = replace(made, waiting=explained(made.waiting, gangs, engine, guards))
    settings = {"policy": options.policy, "order": options.order, "preempt": options.preempt}
    text = as_json(made, scene.problems, settings)
    if options.json not in (None, STDOUT):
        write_text(str(options.json), text)
    if options.json == STDOUT:
        sys.stdout.write(text)
    else:
        # Tables take some time to load; who asks for JSON needs none.
        from bayplan.simulator.plan.table import as_tables
        from bayplan.traces.console import console

        screen = console()
        for part in as_tables(made, scene.problems, everything=options.all):
            screen.print(part)
    if scene.problems:
        _say_problems(scene, options)
    return 1 if scene.problems else 0


_ANY = Request("any", 1000, 1024, (DeviceRequest(WholeGpus(1)),))


def _check(options: Options) -> None:
    given = options.nodes is not None, options.pods is not None
    if options.dump and any(given):
        raise InputError("--dump beside --nodes and --pods", fix="give one or the other")
    if not options.dump and not all(given):
        fix = "give --dump FILE, or --nodes FILE and --pods FILE"
        raise InputError("nothing to plan for", fix=fix)
    for path in options.dump:
        if str(path).startswith("-") and str(path) != STDOUT:
            # The parser lets a hyphen through, so that - is one; a flag is not a file.
            raise InputError("--dump without a file", fix="name one, or - for stdin")
    policies = [NEVER, *preemption_policy_names()]
    if options.preempt not in policies:
        near = difflib.get_close_matches(options.preempt, policies, n=1)
        fix = f"did you mean {near[0]!r}?" if near else f"choose from {', '.join(policies)}"
        raise InputError(f"--preempt: unknown policy {options.preempt!r}", fix=fix)
    if options.preempt == FAIR_RECLAIM and options.queues is None:
        raise InputError("--preempt fair-reclaim without --queues", fix="name the queue file")
    if options.json is not None and options.json != STDOUT:
        if options.json.startswith("-"):
            raise InputError("--json without a file", fix="name one, or - for stdout")
        read = [*options.dump, options.nodes, options.pods, options.queues]
        if Path(options.json).resolve() in {path.resolve() for path in read if path is not None}:
            raise InputError(
                "this file is read as input", file=display(options.json), fix="write to another"
            )


def _scene(options: Options, *, images: bool) -> Scene:
    if options.dump:
        return scene_of_dump(options.dump, images=images)
    assert options.nodes is not None
    assert options.pods is not None
    return scene_of_files(options.nodes, options.pods, options.format)


def _workload(scene: Scene) -> Workload:
    """Return the mix of all pods, running and waiting: what room is kept for."""
    running = [pod.request for pod in scene.cluster.pods.values()]
    return typical_workload([*running, *scene.requests] or [_ANY])


def _compile(scene: Scene, options: Options) -> None:
    groups = ["decide"]
    needed = {
        "baselines": any(part in options.policy for part in ("best-fit", "dot-product", "gpu-")),
        "power": "pwr" in options.policy,
        "governed": "mig-" in options.policy or not scene.cluster.view.kinds.all_plain,
        "gangs": any(unit.gang for unit in scene.units),
        "preempt": options.preempt != NEVER,
    }
    groups += [group for group, is_needed in needed.items() if is_needed]
    if is_warm(groups):
        return  # those that are called are loaded then: not all are
    print("bayplan: compiling the kernels; this takes some seconds", file=sys.stderr, flush=True)
    warm(groups)


def _say_problems(scene: Scene, options: Options) -> None:
    count = len(scene.problems)
    what = f"{count:,} problem{'s' if count > 1 else ''}"
    files = ", ".join(display(path) for path in options.dump) or "the files"
    print(f"bayplan: {what} in {files}; the rest was planned", file=sys.stderr)
