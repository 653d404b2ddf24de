"""The HTTP(S) door of the extender.

``settings`` says how it is served, ``app`` answers requests (``calls`` those of kube-scheduler,
``pages`` those of people and probes), ``body`` reads what is sent, ``tls`` has the certificates,
``server`` runs it until it is told to stop, ``metrics`` counts.
"""
