"""Talking to the Kubernetes API server: raw JSON in and out, no model objects.

``connection`` sends one request at a time, from threads. ``client`` is the asynchronous door for
writes: each waits for its turn in the ``budget``, and is sent again as ``retry`` says. ``binding``,
``patches``, ``recorder`` are what is written; ``served`` finds out what the server has.
"""

from bayplan.extender.api.binding import bind
from bayplan.extender.api.client import Client
from bayplan.extender.api.connection import Connection
from bayplan.extender.api.errors import ApiError
from bayplan.extender.api.patches import annotate_node, annotate_pod, patch_node
from bayplan.extender.api.recorder import Recorder
from bayplan.extender.api.series import About

__all__ = [
    "About",
    "ApiError",
    "Client",
    "Connection",
    "Recorder",
    "annotate_node",
    "annotate_pod",
    "bind",
    "patch_node",
]
