"""Measures of a latent space on codes whose answers are known."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import unentangle as un
from unentangle.metrics import (
    beta_vae_score,
    effects,
    learned_by_range,
    learned_by_variance,
    squared_correlation,
    used_latents,
)

RNG = np.random.default_rng(0)


def test_learned_latents_are_counted_by_each_rule():
    codes = np.stack([np.linspace(0, 1, 50), np.linspace(0.4, 0.6, 50), np.full(50, 0.5)], axis=1)
    assert (learned_by_range(codes), learned_by_range(codes, 0.19), learned_by_range(codes, 2.0)) == (1, 2, 0)
    variances = np.stack([np.full(50, 0.1), np.linspace(0.6, 1.0, 50), np.ones(50)], axis=1)
    assert learned_by_variance(variances) == 2
    with pytest.raises(un.InputError, match="latent 0 of row 0 of codes is nan; every code must be finite"):
        learned_by_range([[np.nan]])


def test_effects_are_the_shares_of_independent_latents():
    """Of a linear decoder of independent latents, each does the share of the variance that it has; dead ones do nothing."""
    codes = RNG.standard_normal((20_000, 4)) * [3, 1, 1, 0]
    weights = np.diag([1.0, 2.0, 0.0, 5.0])
    np.testing.assert_allclose(effects(lambda z: z @ weights, codes), [9 / 13, 4 / 13, 0, 0], atol=0.02)
    assert used_latents(lambda z: z @ weights, codes) == 2
    assert used_latents(lambda z: 0 * z, codes) == 0


@given(st.floats(-5, 5), st.floats(0.1, 5), st.integers(0, 50))
def test_r2_knows_no_scale_and_is_one_for_a_line(shift, scale, seed):
    codes = np.random.default_rng(seed).standard_normal((40, 3))
    assert squared_correlation(codes, -scale * codes + shift).mean == pytest.approx(1)
    noise = np.random.default_rng(seed + 1).standard_normal((40, 3))
    moved = squared_correlation(codes * scale + shift, noise).each
    np.testing.assert_allclose(moved, squared_correlation(codes, noise).each, atol=1e-9)


def test_r2_of_dead_latents_is_zero():
    codes = RNG.standard_normal((100, 4)) * [1, 1, 0.01, 0]
    found = squared_correlation(codes, codes * [1, 0, 1, 1], dead=0.2)
    np.testing.assert_allclose(found.each, [1, 0, 0, 0])
    assert (found.mean, found.live) == (0.25, 0.5)
    np.testing.assert_allclose(squared_correlation(codes, codes).each, [1, 1, 1, 0])


@pytest.mark.long
def test_predictability_of_any_codes():
    """Independent latents say nothing of each other; a function of others is known; a mean-independent one is not."""
    a, b, c = RNG.standard_normal((3, 1000))
    free = un.predictability(np.stack([a, b, c], axis=1), steps=100)
    assert free.mean < 0.05
    tied = un.predictability(np.stack([a, b, a * b + 3], axis=1), steps=150)
    assert tied.each[2] > 0.8
    assert un.predictability(np.stack([a, -a, c], axis=1), steps=100).each[:2].min() > 0.9
    rare = np.stack([np.arange(1000) % 20 == 0, np.ones(1000), np.ones(1000)], axis=1)
    assert un.predictability(rare, steps=100).mean == 0
    assert un.predictability(a[:, None], steps=100).mean == 0
    assert un.predictability(np.zeros((1000, 3)), steps=100).mean == 0


def test_the_beta_vae_score_of_perfect_and_of_empty_codes():
    grid = np.stack(np.meshgrid(np.arange(5), np.arange(8), indexing="ij"), axis=-1).reshape(-1, 2)
    options = {"pairs": 20, "train": 500, "test": 500}
    assert beta_vae_score(grid * 1.0, grid, **options) == 1.0
    turned = grid @ np.array([[1, 1], [-1, 1]])  # an entangled code: both factors move both latents
    assert beta_vae_score(RNG.standard_normal((40, 2)), grid, **options) < 0.8  # the same 40 rows, so noise tells a little
    assert beta_vae_score(np.zeros((40, 2)), grid, **options) < 0.6
    assert beta_vae_score(turned * 1.0, grid, **options) <= 1.0
    probe = {"pairs": 20, "train": 3000, "test": 500, "classifier": "adagrad"}
    assert beta_vae_score(grid * 0.1, grid, **probe) > 0.98
    assert beta_vae_score(np.zeros((40, 2)), grid, **probe) < 0.6
    incomplete = RNG.permutation(40)[:25]
    named = un.Factors({"a": grid[incomplete, 0], "b": grid[incomplete, 1]})
    assert beta_vae_score(grid[incomplete] * 1.0, named, **options) > 0.95
    with pytest.raises(un.InputError, match="two are needed"):
        beta_vae_score(grid * 1.0, grid[:, :1])
