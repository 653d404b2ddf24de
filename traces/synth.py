"""Synthetic traces: a mixed-model GPU cluster and the pods that ask for it, from one seed.

The distributions are Bayplan's own, in the spirit of what operators publish about production
clusters; ``docs/traces.md`` states them.
"""

from __future__ import annotations

from bayplan.traces.draws import Draws
from bayplan.traces.schema import NodeTable, PodTable
from bayplan.traces.synth_nodes import make_nodes
from bayplan.traces.synth_pods import make_pods
from bayplan.traces.synth_settings import SynthSettings


def synthesize(settings: SynthSettings) -> tuple[NodeTable, PodTable]:
    """Make a cluster and its pods.

    Parameters
    ----------
    settings
        What they look like. Equal settings give equal tables, on every machine.

    Returns
    -------
    The nodes, and the pods in the order of their arrival.
    """
    nodes = make_nodes(settings.nodes)
    return nodes, make_pods(settings, nodes, Draws(settings.seed))
