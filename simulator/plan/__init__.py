"""What would be placed, who would be evicted, and why the rest waits: ``bayplan plan``.

``scene`` is the cluster and what waits, from a Kubernetes dump or from files; ``planning`` makes
the plan, ``admission`` asks the queues, ``results`` is what comes out; ``waiting`` says why the
rest waits, ``report`` writes JSON and ``table`` tables; ``command`` ties them together.
"""
