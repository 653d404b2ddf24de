"""Scenarios: a cluster, jobs and policies in one TOML file.

``keys`` declares every key once, over the ``key`` type; ``values`` checks one value, ``reading``
a whole file and what is set on the command line, ``names`` and ``conflicts`` what only shows
beside the registries and beside other keys; ``ready`` makes nodes, jobs and settings out of a
scenario, with ``jobs``, ``synthetic`` and ``speeds``; ``writing`` is scenarios as text.

Reading, checking and writing load neither Numba nor the engine.
"""
