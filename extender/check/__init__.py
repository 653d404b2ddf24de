"""``bayplan extender check``: what is wrong with a cluster's set-up, in plain words.

``looking`` asks the cluster once and makes ``Facts`` of it; the other modules are pure functions
from facts, the extender's configuration and kube-scheduler's to findings.
"""
