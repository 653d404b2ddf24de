"""Preemption: who leaves so that a pod or a gang fits."""
