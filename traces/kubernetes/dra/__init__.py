"""Dynamic resource allocation (DRA, ``resource.k8s.io/v1``): devices, claims, and what is left.

- ``types``: devices, claims, what is allocated
- ``slices``: ResourceSlices → the devices and counters of pools
- ``claims``: ResourceClaims, their templates, DeviceClasses
- ``cel``, ``words``, ``values``: the selectors of claims, as far as they can be judged
- ``columns``: devices of nodes that are alike, judged once
- ``room``: what is left of devices, counters and capacities
- ``allocating``: which devices kube-scheduler would allocate
- ``keeping``: what an allocation leaves of the rest
"""
