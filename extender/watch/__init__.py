"""Watches of the Kubernetes API: lists, then changes, told to a ``Sink`` on the event loop.

``watches`` is the door. ``kinds`` says what is watched, ``machine`` decides what to do (its words
are in ``steps``), ``stream`` does it in a thread for each kind, ``lines`` decodes, ``handing``
hands on to the event loop, ``telling`` counts.
"""

from bayplan.extender.watch.kinds import KINDS, Kind, followed
from bayplan.extender.watch.sink import Sink
from bayplan.extender.watch.watches import Watches

__all__ = ["KINDS", "Kind", "Sink", "Watches", "followed"]
