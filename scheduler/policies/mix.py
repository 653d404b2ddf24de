"""Several policies at once, each with a weight."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from bayplan.scheduler.arrays import FloatArray, IntArray
from bayplan.scheduler.errors import InputError
from bayplan.scheduler.mig.places import Places
from bayplan.scheduler.needs import Needs
from bayplan.scheduler.policies._base import Ask, PlacementPolicy, Ties, uses_images
from bayplan.scheduler.shape import Shape
from bayplan.scheduler.view import View

_PART = re.compile(r"(\d+(?:\.\d+)?)\*([^*+]+)")
MAX_WEIGHT = 1000.0


@dataclass(frozen=True, slots=True)
class Mix:
    """The weighted sum of several policies' scores, such as ``0.9*fgd+0.1*pwr``.

    Scores are added as they are: those of fgd, pwr and image-locality run from 0 to 100, those of
    best-fit and dot-product up to 100. The policy with the largest weight, the first among equals,
    chooses the GPUs and breaks ties. As kube-scheduler weighs its score plugins.
    """

    parts: tuple[tuple[float, PlacementPolicy], ...]

    @property
    def _leading(self) -> PlacementPolicy:
        return max(self.parts, key=lambda part: part[0])[1]

    @property
    def ties(self) -> Ties:
        """The tie rule of the leading policy."""
        return self._leading.ties

    @property
    def uses_images(self) -> bool:
        """Whether one of them looks at images."""
        return any(uses_images(policy) for _, policy in self.parts)

    @property
    def places(self) -> Places | None:
        """Where the one policy that places MIG instances itself lets them start."""
        return next((p for p in (_places(policy) for _, policy in self.parts) if p), None)

    def score(
        self, view: View, shape: Shape, needs: Needs, rows: IntArray, out: FloatArray
    ) -> None:
        """Score by the weighted sum."""
        total = np.zeros(rows.size)
        for weight, policy in self.parts:
            policy.score(view, shape, needs, rows, out)
            total += weight * out[rows]
        out[rows] = total

    def choose(self, view: View, shape: Shape, ask: Ask, out: IntArray) -> None:
        """Choose as the leading policy does."""
        self._leading.choose(view, shape, ask, out)


def is_mix(name: str) -> bool:
    """Whether a policy's name is a weighted sum."""
    return "*" in name


def parse_mix(name: str, make: Callable[[str], PlacementPolicy]) -> Mix:
    """Read ``0.9*fgd+0.1*pwr``.

    Raises
    ------
    InputError
        It is no such sum, a weight is 0 or beyond 1000, or a policy is unknown.
    """
    parts = []
    for text in name.split("+"):
        match = _PART.fullmatch("".join(text.split()))
        if match is None or not 0.0 < float(match[1]) <= MAX_WEIGHT:
            raise InputError(
                f"policy {name!r}: {text.strip()!r} is no weight (up to 1000) and policy",
                fix="write it as 0.9*fgd+0.1*pwr",
            )
        parts.append((float(match[1]), make(match[2].strip())))
    if sum(_places(policy) is not None for _, policy in parts) > 1:
        raise InputError(
            f"policy {name!r}: two of them place MIG instances", fix="name one policy mig-…"
        )
    return Mix(tuple(parts))


def _places(policy: PlacementPolicy) -> Places | None:
    places: Places | None = getattr(policy, "places", None)
    return places
