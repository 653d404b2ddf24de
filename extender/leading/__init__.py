"""Two Pods of which one acts: a Lease of our own, and what kube-scheduler's Lease lets us do.

``election`` is who leads, ``fence`` whether pods may be bound; both without I/O or clock. ``lease``
has the wire, ``runner`` reads and writes, ``settings`` says what it goes by.
"""
