"""The Kubernetes scheduler extender: the edge between kube-scheduler and the engine.

Nothing lives here yet; the package holds the place that the import contracts speak of.
"""
