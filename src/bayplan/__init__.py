"""Bayplan: one engine that packs, gangs and preempts on GPUs."""

__version__ = "0.1.0"
