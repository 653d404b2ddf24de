"""Replaying workloads through the engine.

``replay`` packs a shuffled, inflated workload onto a cluster: the published packing experiment.
"""
