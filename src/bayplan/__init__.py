"""Bayplan: one engine that decides which pods go onto which GPUs."""

__version__ = "0.1.0"
