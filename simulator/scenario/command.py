"""What ``bayplan scenario`` does."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from bayplan.scheduler.errors import InputError
from bayplan.simulator.scenario.reading import read_scenario
from bayplan.simulator.scenario.writing import as_toml, initial
from bayplan.simulator.targets import STDOUT
from bayplan.traces.files import display, write_text


def init(target: str) -> None:
    """Write a scenario with all defaults and their meanings.

    Parameters
    ----------
    target
        The file, or ``-`` for stdout.

    Raises
    ------
    InputError
        The file is there already, or cannot be written.
    """
    if target == STDOUT:
        sys.stdout.write(initial())
        return
    path = Path(target)
    if path.exists():
        raise InputError("there is a file already", file=display(path), fix="name another one")
    write_text(path, initial())
    print(f"written: {display(path)}")


def show(path: Path | None, settings: Sequence[tuple[str, str]]) -> int:
    """Print a scenario with every key that is set; or all that is wrong with it, and return 2.

    Parameters
    ----------
    path
        The file; None: the defaults.
    settings
        What is set over it.
    """
    scenario, problems = read_scenario(path, settings)
    if problems:
        return _tell(problems)
    sys.stdout.write(as_toml(scenario))
    return 0


def check(path: Path | None, settings: Sequence[tuple[str, str]]) -> int:
    """Print all that is wrong with a scenario and return 2, or else what it is made of.

    Jobs and replicas that no node could ever hold are told on stderr: a run would go on without
    them. So are names that nothing knows.

    Parameters
    ----------
    path
        The file; None: the defaults.
    settings
        What is set over it.
    """
    from bayplan.simulator.compiling import compile_kernels
    from bayplan.simulator.scenario.doubts import doubts
    from bayplan.simulator.scenario.ready import try_ready, with_known_names, wrong_with
    from bayplan.simulator.simulate.notes import about_misfits, about_rejections
    from bayplan.simulator.simulate.running import kernel_groups, simulation_of

    scenario, problems = read_scenario(path, settings)
    problems += wrong_with(scenario)
    ready, about_files = try_ready(with_known_names(scenario)[0])
    problems += about_files
    if problems or ready is None:
        return _tell(problems)
    for doubt in doubts(ready):
        print(f"bayplan: warning: {doubt}", file=sys.stderr)
    compile_kernels(kernel_groups(ready))
    simulation = simulation_of(ready)
    notes = *about_rejections(simulation.rejections()), *about_misfits(simulation.misfits())
    for note in notes:
        print(f"bayplan: warning: {note}", file=sys.stderr)
    gpus = sum(node.gpu_count for node in ready.nodes)
    more = f" and up to {len(ready.spare):,} more" if ready.spare else ""
    n_services = len(ready.services)
    beside = f", {n_services:,} service{'' if n_services == 1 else 's'}" if n_services else ""
    print(
        f"{scenario.file or 'the defaults'}: nothing wrong; {len(ready.nodes):,} nodes with"
        f" {gpus:,} GPUs{more}, {len(ready.jobs):,} rows of jobs{beside}"
    )
    return 0


def _tell(problems: Sequence[InputError]) -> int:
    for problem in problems:
        print(f"bayplan: {problem}", file=sys.stderr)
    return 2
