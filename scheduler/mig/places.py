"""Where new MIG instances start, by mask: the tables of one placement policy."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from bayplan.scheduler.arrays import FloatArray, FloatTable, IntArray, IntTable
from bayplan.scheduler.hardware.types import MigProfile, Product
from bayplan.scheduler.kinds import Kind
from bayplan.scheduler.kindtable import KindTable
from bayplan.scheduler.mig.rules import MigRule
from bayplan.scheduler.mig.tables import (
    N_MASKS,
    Mix,
    all_units,
    gain_table,
    place_table,
)
from bayplan.scheduler.needs import Need, Needs, Want, as_table
from bayplan.scheduler.types import Reason

NO_PLACE = -1
_MIN_ROWS = 16


class Places:
    """Tables by mask for every profile that was asked for, one row each.

    Parameters
    ----------
    rule
        The placement policy.
    mix
        How common each profile is among the pods to come to a product, by name; for
        ``max-options``. Without it, or where it is empty, plain profiles are equally common.
    """

    def __init__(
        self, rule: MigRule = MigRule.MAX_OPTIONS, mix: Callable[[Product], Mix] | None = None
    ) -> None:
        self.rule = rule
        self._mix = mix
        self._rows: dict[tuple[str, str], int] = {}
        self._bits: IntTable = np.zeros((_MIN_ROWS, N_MASKS), np.int64)
        self._gains: FloatTable = np.zeros((_MIN_ROWS, N_MASKS))

    def needs(self, kinds: KindTable, want: Want) -> Needs:
        """Return what a want takes of each kind of slot."""
        needs = [kinds.need(want, number) for number in range(kinds.size)]
        rows = [self._row(kind, need) for kind, need in zip(kinds.kinds, needs, strict=True)]
        return Needs(as_table(needs, rows), self._bits, self._gains, tuple(needs))

    def bits(self, kind: Kind, need: Need, used: int) -> int:
        """Return the units that a new tenant takes of a slot: MIG bits, or one seat."""
        row = self._row(kind, need)
        return 1 if row < 0 else int(self._bits[row, used])

    def _row(self, kind: Kind, need: Need) -> int:
        product = kind.product
        if not kind.is_dynamic_mig or product is None or need.code is not Reason.FITS:
            return NO_PLACE
        key = product.name, need.profile.name if need.profile else ""
        row = self._rows.get(key)
        if row is None:
            row = self._rows[key] = len(self._rows)
            bits, gains = self._tables(product, need.profile)
            if row == len(self._bits):
                # By doubling: all needs that are remembered refer to a few tables.
                self._bits = np.vstack([self._bits, np.zeros_like(self._bits)])
                self._gains = np.vstack([self._gains, np.zeros_like(self._gains)])
            self._bits[row], self._gains[row] = bits, gains
        return row

    def _tables(self, product: Product, profile: MigProfile | None) -> tuple[IntArray, FloatArray]:
        if profile is None:  # the whole GPU, when nothing is on it
            bits, gains = np.zeros(N_MASKS, np.int64), np.full(N_MASKS, -np.inf)
            bits[0], gains[0] = all_units(product), 0.0
            return bits, gains
        mix = self._mix(product) if self._mix else {}
        return (
            place_table(product, profile, self.rule, mix),
            gain_table(product, profile, self.rule, mix),
        )
