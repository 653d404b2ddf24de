from __future__ import annotations

import numpy as np

from bayplan.traces.draws import Draws, zipf

MANY = 200_000


def test_equal_seeds_give_equal_streams() -> None:
    assert Draws(7).uniform(5).tolist() == Draws(7).uniform(5).tolist()
    assert Draws(7).uniform(5).tolist() != Draws(8).uniform(5).tolist()


def test_indices_are_drawn_as_often_as_their_weights_say() -> None:
    drawn = Draws(1).pick([1, 0, 3], MANY)
    shares = np.bincount(drawn, minlength=3) / MANY
    assert shares[1] == 0
    np.testing.assert_allclose(shares, [0.25, 0, 0.75], atol=0.005)


def test_exponential_and_normal_have_their_moments() -> None:
    waits = Draws(2).exponential(MANY)
    assert waits.min() >= 0
    np.testing.assert_allclose([waits.mean(), waits.std()], [1, 1], atol=0.01)
    bell = Draws(3).normal(MANY)
    np.testing.assert_allclose([bell.mean(), bell.std()], [0, 1], atol=0.01)
    np.testing.assert_allclose((np.abs(bell) < 1).mean(), 0.6827, atol=0.005)


def test_zipf_weights_fall_with_the_rank() -> None:
    assert zipf(4).tolist() == [1, 1 / 2, 1 / 3, 1 / 4]
