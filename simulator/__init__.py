"""Workloads through the engine.

``replay`` packs a shuffled, inflated workload onto a cluster: the published packing experiment.
``scenario`` is a cluster, jobs and policies in one file, ``simulate`` runs and compares scenarios,
``report`` makes a page of runs.
Shared by both: ``sharing`` the ways to share GPUs, ``workers`` processes, ``compiling`` kernels,
``targets`` files to be written.
"""
