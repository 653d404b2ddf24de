"""Estimates of run times, and how wrong they are."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from statistics import NormalDist

import numpy as np

from bayplan.scheduler.arrays import FloatArray


def noisy(estimate_s: FloatArray, uids: Sequence[str], sigma: float, seed: int) -> FloatArray:
    """Return estimates times exp(N(0, sigma)), drawn by a hash of the seed and each job's uid.

    So a job's estimate is the same beside whatever other jobs.
    """
    if sigma <= 0:
        return estimate_s.copy()
    normal = NormalDist(0.0, sigma)
    factors = [np.exp(normal.inv_cdf(_uniform(f"{seed} {uid}"))) for uid in uids]
    return estimate_s * np.array(factors, np.float64)


def _uniform(text: str) -> float:
    """Return a number strictly between 0 and 1 from a text."""
    digest = hashlib.blake2b(text.encode(errors="surrogatepass"), digest_size=8).digest()
    # 52 bits and a half are a float exactly: more would round up to 1.
    return ((int.from_bytes(digest, "little") >> 12) + 0.5) / 2.0**52
