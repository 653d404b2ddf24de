"""The Kubernetes scheduler extender: the edge between kube-scheduler and the engine.

``verbs`` is what can be asked; ``wire`` has the bodies of kube-scheduler's calls, ``http`` the
server that takes them. ``live`` keeps the cluster and decides, ``service`` is that with a clock and
the API server around it; ``api`` talks to that server, ``watch`` follows what is in it, ``objects``
says what is read of Kubernetes' objects. ``rpc`` is the gRPC service for our own clients, and
``remote`` such a client. ``config`` reads the configuration, ``serve`` puts all
together; ``logs`` and ``loop`` are how the process writes and runs.
"""
