"""The settings of the controller, made of the values of a configuration file."""

from __future__ import annotations

from pathlib import Path

from bayplan.extender.config.reading import Values
from bayplan.extender.repartition.configs import Configs
from bayplan.extender.repartition.configs_file import read_configs
from bayplan.extender.repartition.settings import Repartition


def repartition_settings(values: Values) -> Repartition:
    """Return how nodes are repartitioned, or would be.

    Parameters
    ----------
    values
        The values of all keys.

    Raises
    ------
    InputError
        The file of configs cannot be used.
    """
    file = str(values["repartition.configs"])
    return Repartition(
        configs=read_configs(Path(file)) if file else Configs(),
        label=str(values["repartition.label"]),
        max_nodes=int(values["repartition.max_nodes"]),
        wait_s=float(values["repartition.wait_s"]),
        settle_s=float(values["repartition.settle_s"]),
        limit_s=float(values["repartition.limit_s"]),
        cooldown_s=float(values["repartition.cooldown_s"]),
        uncordon_failed=values["repartition.failed"] == "uncordoned",
    )
