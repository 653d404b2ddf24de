"""Dumps of Kubernetes clusters: ``kubectl get nodes,pods -A -o json``.

``reader`` is the door, ``placing`` makes a cluster of what it gives. ``objects`` finds the objects
in files; ``nodes`` and ``gpus``, ``pods`` and ``devices`` read one each; ``resources`` and
``quantity`` are about amounts, ``selectors`` about where pods may go, ``gangs`` and ``budgets``
about pods together; ``registry`` reads what HAMi and Volcano write into annotations, and ``keys``
has the names of all projects.
"""

from bayplan.traces.kubernetes.placing import cluster_of
from bayplan.traces.kubernetes.reader import read_dump
from bayplan.traces.kubernetes.types import BoundPod, Dump, Hint, Problem

__all__ = ["BoundPod", "Dump", "Hint", "Problem", "cluster_of", "read_dump"]
