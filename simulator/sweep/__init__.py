"""What ``bayplan sweep`` does: the runs of a grid, on this machine or many, safe from crashes.

``grid`` is the file that says what to run, ``plan`` its combinations and what they read; ``work``
one run, ``local`` and ``on_ray`` the engines; ``folder`` and ``journal`` keep what is done, and
``table`` is what comes out; ``command`` is ``bayplan sweep``, ``check`` its ``--check``, ``export``
brings a sweep to MLflow.
"""
