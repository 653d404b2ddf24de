"""GPUs that are sick: who says so, what follows, and how long.

``exposition`` and ``prometheus`` read metrics as DCGM exporter writes them, ``codes`` says what
they mean, and ``deciding`` what is quarantined or let go: all pure. ``sources`` fetches, ``keeper``
runs the rounds and writes the node annotation, ``entries``, which is the state. ``marking`` reads
that annotation, conditions and taints of a node, and closes GPUs.

Whoever else knows of sick GPUs, such as device taints in ResourceSlices, has two doors: what lasts
as long as an object says so is one more reason in ``marking``; what is to outlast its source is one
more thing that ``shown.Gpu`` shows.
"""
