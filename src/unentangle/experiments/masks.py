"""The concatenation model (section 4.3 of the SymAE paper): how the rate of masks, and the ratio alpha / beta, decide."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

from .. import plots
from ..recipes.concatenation import ALL, CENTRE, NONE, Loss, Model, bernoulli_loss, expected_gaussian_loss, start, trained
from ..recipes.record import Work

AUTHORS = np.ravel(
    [
        [9.876e-2, 2.28e-5, 9.4e-6, 2.25e-5, 4.28e-5, 6.73e-5, 2.32e-5],
        [2.79e-5, 2.82e-5, 2.81e-5, 4.02e-5, 3.93e-4, 3.92e-5, 2.20e-4],
        [3.13e-5, 4.17e-5, 2.92e-5, 3.82e-5, 1.62e-5, 3.11e-5, 3.23e-3],
    ]
)
"""|alpha| of the authors' sweep, one training for each rate."""


def mask_rates(work: Work) -> None:
    """The authors' sweep (1 - r) mse(1, 1) + r (mse(0, 1) + mse(1, 0)) from alpha = beta = 0, five seeds a rate.

    Without masks alpha stays near 0.1. With the rarest masks it is 0. At r = 1, where N is never seen twice, it is not. Writes
    `symae_mask_rates.json`.
    """
    steps = 200 if work.fast else 10_000
    rates, seeds = np.linspace(0, 1, 21), 5
    weights = jnp.array([[1 - r, r, r] for r in rates for _ in range(seeds)])
    keys = jnp.tile(jax.random.split(jax.random.key(0), seeds), len(rates))
    zeros = jnp.zeros(len(keys))
    loss = partial(bernoulli_loss, scale=10.0)
    model, left, _ = trained(loss, jax.vmap(start)(keys, zeros, zeros), keys, steps, weights=weights)
    values = {"alpha": model.alpha, "beta": model.beta, "loss": left}
    results = {name: np.asarray(value).reshape(len(rates), seeds) for name, value in values.items()}
    medians = {"median_of_abs_alpha": np.median(np.abs(results["alpha"]), axis=1), "authors": AUTHORS}
    work.write({"steps": steps, "rates": rates} | medians | results)


def mask_landscape(work: Work) -> None:
    """Why? The loss that is left if alpha / beta is held and all else learns for 10,000 steps: the least from five fresh
    decoders and from the best decoder of free trainings. Writes `symae_mask_landscape.json` and `mask_landscape.png`.

    Under Bernoulli masks a negative ratio cannot be decoded. The decoder is convex and gives l at (s, N, 0) and at (s, 0, N).
    Halfway between, at (s, N/2, N/2), it gives l or less. But there the code is that of the nuisance (l - ratio s) / 2, which
    is more than l wherever -ratio s is. A positive ratio can be decoded, nearly. Of a variance of 33, less than 1e-3 is left,
    and 2e-5, at which the authors stop, for ratios near 1. So the end of a training of Figure 8 is decided on its way: some
    that begin with |alpha| of 0.7 to 1, and mostly a beta of its sign, end at a positive ratio.
    """
    steps = 200 if work.fast else 10_000
    ratios, seeds = np.linspace(-2, 2, 41), 5
    bernoulli, gaussian = partial(bernoulli_loss, scale=10.0), partial(expected_gaussian_loss, scale=10.0)
    losses: dict[str, Loss] = {
        "no masks": partial(bernoulli, weights=NONE),
        "Bernoulli masks (eq. 10)": partial(bernoulli, weights=ALL),
        "Gaussian masks, expected": gaussian,
        "Gaussian masks, states from their mean": partial(gaussian, centre=CENTRE),
    }
    keys = jnp.tile(jax.random.split(jax.random.key(0), seeds), len(ratios))
    models = jax.vmap(start)(keys, jnp.repeat(jnp.asarray(ratios), seeds), jnp.ones(len(keys)))
    left, free = (dict(work.saved.get(measure, {})) for measure in ("loss", "nothing_held"))
    for name, loss in losses.items():
        if name in left:
            continue
        ends, last, _ = trained(loss, jax.tree.map(lambda leaf: leaf[::seeds], models), keys[::seeds], steps)
        best = Model(*(leaf[jnp.argmin(last)] for leaf in ends))
        free[name] = {"alpha_over_beta": float(best.alpha / best.beta), "loss": float(last.min())}
        moved = [best._replace(alpha=ratio * best.beta) for ratio in jnp.asarray(ratios)]
        begun = jax.tree.map(lambda fresh, *leaves: jnp.concatenate([fresh, jnp.stack(leaves)]), models, *moved)
        last = np.asarray(trained(loss, begun, jnp.concatenate([keys, keys[::seeds]]), steps, held=True)[1])
        left[name] = np.column_stack([last[: len(keys)].reshape(-1, seeds), last[len(keys) :]])
        work.write({"steps": steps, "alpha_over_beta": ratios, "loss": left, "nothing_held": free})
    least = {name: np.min(loss, axis=1) for name, loss in left.items()}
    work.save(plots.lines(ratios, least, "alpha / beta, held", "loss left", "what cannot be repaired"), "mask_landscape")
