"""Pods with claims of devices: kube-scheduler allocates, we choose the node.

- ``inventory``: what drivers publish and what claims have, as the watches show it
- ``wanting``: what a pod's claims ask for, and where it may be
- ``judging``: what a node is to them
- ``judged``: what candidates are: who does, and which is the best
- ``steering``: the door of all this
"""
