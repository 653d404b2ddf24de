"""Whether the extender can place by the policy that a configuration names.

Apart from reading the file, since it loads the engine: probes read the file every few seconds.
"""

from __future__ import annotations

import difflib
from pathlib import Path

from bayplan.extender.config.reading import Values
from bayplan.scheduler.errors import InputError
from bayplan.scheduler.policies import make_policy, policy_names


def check_policy(path: Path | None, values: Values) -> None:
    """Make the policy of a configuration, to see whether it can be made.

    Parameters
    ----------
    path
        The file that the values are from; None: they are defaults.
    values
        The values of the configuration's keys.

    Raises
    ------
    InputError
        There is no such policy, or it needs what an extender has not: a trace of pods to come.
    """
    name = str(values["placement.policy"])
    problem = _problem(name)
    if not problem:
        return
    usable = [each for each in policy_names() if not _problem(each)]
    near = difflib.get_close_matches(name, usable, n=1)
    fix = f"did you mean {near[0]}?" if near else f"choose from {', '.join(usable)}"
    raise InputError(f"placement.policy is {name!r}: {problem}", file=path, fix=fix)


def _problem(name: str) -> str:
    try:
        make_policy(name)
    except InputError as problem:
        return str(problem).partition("; ")[0]  # its fixes are for whoever has a trace
    return ""
