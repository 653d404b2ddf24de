"""``bayplan extender check``: reads, asks, and prints what was found."""

from __future__ import annotations

import sys
from pathlib import Path

from bayplan.extender.check.findings import code_of, note, report
from bayplan.extender.check.leading import of_election, of_pods
from bayplan.extender.check.looking import look
from bayplan.extender.check.nodes import of_nodes
from bayplan.extender.check.queues import of_queues
from bayplan.extender.check.rights import of_rights, of_running
from bayplan.extender.check.scheduler import of_scheduler
from bayplan.extender.check.scheduler_file import read_scheduler
from bayplan.extender.check.versions import of_apis, of_version
from bayplan.extender.config.policy import check_policy
from bayplan.extender.config.queues import read_tree
from bayplan.extender.config.reading import read_config
from bayplan.extender.connecting import connection_of
from bayplan.scheduler.errors import InputError


def check(
    config: Path | None, scheduler_config: Path | None, kubeconfig: Path | None, account: str
) -> int:
    """Print what is wrong with a set-up; return the exit code, 0 where it is nothing.

    Parameters
    ----------
    config
        The extender's configuration; None: all defaults.
    scheduler_config
        kube-scheduler's; None: it is not looked at.
    kubeconfig
        How the cluster is reached; None: as the extender's configuration says.
    account
        ``namespace/name`` of the service account that the extender runs as; empty: oneself.

    Raises
    ------
    InputError
        A file cannot be used, or the API server cannot be asked.
    """
    if account and not all(account.partition("/")):
        raise InputError(f"--account is {account!r}", fix="write it as namespace/name")
    values = dict(read_config(config))
    check_policy(config, values)
    tree = read_tree(config, values, files=False)
    if kubeconfig is not None:
        values["api.kubeconfig"] = str(kubeconfig)
    scheduler = None if scheduler_config is None else read_scheduler(scheduler_config)
    facts = look(connection_of(values, "name a kubeconfig: --kubeconfig"), values, account)
    found = [*of_version(facts), *of_apis(facts), *of_rights(facts), *of_running(facts)]
    if config is None:
        found.append(note("the configuration", "was not given; the defaults are taken",
                          "name what the extender runs with: --config"))  # fmt: skip
    found += of_pods(facts, values)
    if facts.nodes is not None:
        found += of_nodes(facts.nodes, values, facts.slices)
        found += of_queues(tree, facts.nodes) if tree is not None else ()
    if scheduler is None:
        found.append(note("kube-scheduler", "its configuration was not looked at",
                          "name it: --scheduler-config"))  # fmt: skip
    else:
        found += of_scheduler(scheduler, values, facts)
        found += of_election(scheduler, values)
    sys.stdout.write(report(found))
    return code_of(found)
