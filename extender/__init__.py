"""The Kubernetes scheduler extender: the edge between kube-scheduler and the engine.

``objects`` are the Kubernetes objects as far as they are read; ``api`` talks to the API server,
``watch`` follows what is in it.
"""
