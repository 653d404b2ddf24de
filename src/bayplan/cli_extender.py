"""The commands of ``bayplan extender``: they read arguments and call what does the work."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

extender = App(
    name="extender", help="Run beside kube-scheduler and place pods on GPUs as the engine decides."
)


def register(app: App) -> None:
    """Add the commands to the program."""
    app.command(extender)
    app.command(quota)


@extender.command
def serve(*, config: Path | None = None) -> int:
    """Answer the calls of a kube-scheduler until SIGTERM.

    Parameters
    ----------
    config
        Configuration file (TOML); `bayplan extender config` prints one to start from.
    """
    from bayplan.extender.aside import leave
    from bayplan.extender.serve import serve as run

    return leave(run(config))


@extender.command
def config(*, check: Annotated[Path | None, Parameter(name=["--check"])] = None) -> None:
    """Print a configuration file with all keys and their defaults, or check one.

    Parameters
    ----------
    check
        File to check instead: what is wrong is said by key. Files that it names (certificates,
        a kubeconfig, queues) are not looked at: they are those of where the extender runs.
    """
    from bayplan.extender.config.reading import read_config, template

    if check is not None:
        from bayplan.extender.config.policy import check_policy
        from bayplan.extender.config.queues import read_tree

        values = read_config(check)
        check_policy(check, values)
        read_tree(check, values, files=False)
        sys.stdout.write(f"{check}: nothing wrong\n")
        return
    sys.stdout.write(template())


@extender.command
def probe(*, path: str = "/readyz", config: Path = Path("/etc/bayplan/extender.toml")) -> int:
    """Ask the extender of this machine for a page, as a kubelet's probe does.

    Parameters
    ----------
    path
        The page: /readyz or /healthz.
    config
        The configuration that the extender runs with; without such a file, the defaults.
    """
    from bayplan.extender.probing import probe as run

    return run(path, config if config.exists() else None)


@extender.command
def check(
    *,
    config: Path | None = None,
    scheduler_config: Path | None = None,
    kubeconfig: Path | None = None,
    account: str = "",
) -> int:
    """Say what is wrong with a cluster's set-up; nothing is changed.

    Exit code 0: nothing but notes; 1: errors or warnings.

    Parameters
    ----------
    config
        The extender's configuration file; without it all defaults.
    scheduler_config
        The file that kube-scheduler has as --config (YAML).
    kubeconfig
        How the cluster is reached; without it as the configuration says.
    account
        Service account that the extender runs as, namespace/name: its rights are looked at.
        Without it, those of who asks.
    """
    from bayplan.extender.check.run import check as run

    return run(config, scheduler_config, kubeconfig, account)


@extender.command
def repartition(*, config: Path | None = None, kubeconfig: Path | None = None) -> int:
    """Say which nodes would get another MIG layout, and why others would not.

    A dry run: nothing is changed. A running extender does it where `repartition.on` is true.

    Parameters
    ----------
    config
        The extender's configuration file; without it all defaults.
    kubeconfig
        How the cluster is reached; without it as the configuration says.
    """
    from bayplan.extender.repartition.report import repartition as run

    return run(config, kubeconfig)


def quota(
    *,
    namespace: str = "",
    url: str = "http://127.0.0.1:9443",
    ca: Path | None = None,
    certificate: Path | None = None,
    key: Path | None = None,
    json: bool = False,
) -> int:
    """Show which GPUs are free, by model and slice, and what queues leave to a namespace.

    The extender is asked, so that no rights on nodes are needed: by the address of its Service,
    or through `kubectl port-forward -n bayplan deployment/bayplan 9443`.

    Parameters
    ----------
    namespace
        Show the queues that pods of this namespace are in, and what they use; without it all.
    url
        The extender.
    ca
        File of what its certificate is signed by, for an https address.
    certificate
        File of a client certificate, where the extender asks for one.
    key
        File of its private key.
    json
        Print JSON.
    """
    from bayplan.extender.quota_command import show

    return show(namespace, url, (ca, certificate, key), as_json=json)
