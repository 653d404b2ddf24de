"""The engine: data model, cluster state, placement policies, decisions, explanations.

``types`` and ``events`` are what crosses its doors; ``cluster.Cluster`` owns the state;
``engine.Engine`` decides; ``policies`` is the registry.
"""
