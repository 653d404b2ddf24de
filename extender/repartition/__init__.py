"""The MIG repartition controller: idle nodes take the layout that pods wait for.

``settings`` is what it goes by, ``configuring`` makes it of a file; ``configs`` are the layouts
that a node's MIG manager has names for, ``configs_file`` reads them. ``observing`` keeps what is
seen of nodes and waiting pods beside the live state, ``mark`` is what is written on a node so that
a restart goes on. ``candidates`` says which nodes may be changed, ``asking`` who waits and what
for, ``planning`` which node takes which layout. ``machine`` takes a node from step to step.
``controller`` puts these together, without I/O; ``runner`` carries out what it says, ``report``
prints it, ``numbers`` are its metrics.
"""
