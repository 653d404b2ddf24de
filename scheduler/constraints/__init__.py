"""Kubernetes placement constraints, compiled to a mask over nodes.

``types``: the data. ``matching``: what labels, taints and selectors mean, one at a time.
``columns``, ``index``: nodes and pods as arrays. ``static``, ``dynamic``: the filters.
``masks``: the door, ``constraint_reasons``. ``validate``: what makes no sense.
"""
