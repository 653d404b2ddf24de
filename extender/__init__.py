"""The Kubernetes scheduler extender: the edge between kube-scheduler and the engine.

``verbs`` is what can be asked; ``wire`` has the bodies of kube-scheduler's calls, ``http`` the
server that takes them; ``objects`` says what is read of Kubernetes' objects; ``logs`` and ``loop``
are how the process writes and runs.
"""
