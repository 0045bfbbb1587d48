"""The concatenation model of the SymAE paper (section 4.3): when does a masked code forget the state, and when not?

Data are all pairs (s, l) of a state s = 0 .. 9 and a nuisance l = 0 .. 19. CEnc gives s, NEnc gives N = alpha s + beta l twice,
and the decoder sum_j relu(a_j s + b_j N_1 + c_j N_2) / scale of m units is to give l back. (The paper has scale = 1, the
authors' code 10.) N has forgotten the state if alpha / beta = 0; alpha and beta themselves trade off against the decoder.

The paper leaves open why Gaussian noise does not forget. It never takes a copy away; it costs more the larger N^2 is
(`expected_gaussian_loss`). States and nuisances are counted from 0, so that the mean of s l is not 0 and N = l - k s has less
power than l, down to k = 1.5; the decoder adds k s again from C, which has no noise. Against it counts that units are
rectified: where l is small and N is not, noise turns units off and the mean is no longer right. For m equal units relu(k s +
(t_1 + t_2) N / 2) / m the sum of both is least at k = 0.7, for what is learned with them on the exact expectation at 0.61, and
there, at ratios alpha / beta of -0.61 to -0.78, all such trainings end. With draws they are not at an end after 10,000 steps
(ratios of -0.80 to 0.42, a fifth of them positive), but not at 0 either. If states are counted from their mean (`centre`),
equal units do best at k = 0: |alpha / beta| ends below 0.03 from every initialisation on the expectation, and with draws below
0.04 from nine of ten. (States have both signs then, too; a nuisance of both signs no sum of rectified units can give.) Nor is
a ratio of either sign left by Bernoulli masks then (`mask_landscape`): they forget the state from every initialisation, before
from four of five.

Losses are plain functions of one model; a row of a grid of initialisations is one call of `trained`.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from time import monotonic
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Float, Int, Key

from .. import plots
from ..nets import glorot_uniform
from ..schedules import Number
from ..storage import read_json, write_json
from .record import Work, cores, slug

STATES, NUISANCES = (np.ravel(g).astype(np.float32) for g in np.meshgrid(np.arange(10), np.arange(20), indexing="ij"))
MASKS = np.array([[1, 1], [0, 1], [1, 0]], np.float32)
"""Both copies of N, or one of them; without any, nothing could be reconstructed (eq. 10)."""
ALL, NONE = np.array([1, 1, 1], np.float32), np.array([1, 0, 0], np.float32)
"""Weights of the three: of eq. 10, and of the control without masks."""


class Model(NamedTuple):
    """3 m + 2 parameters."""

    alpha: Float[Array, ""]
    beta: Float[Array, ""]
    units: Float[Array, "3 m"]  # a, b, c


def start(key: Key[Array, ""], alpha: Float[Array, ""], beta: Float[Array, ""], m: int = 100) -> Model:
    """A fresh decoder, Glorot uniform, and the given nuisance encoder."""
    return Model(alpha, beta, glorot_uniform(key, (3, m)))


def nuisance(model: Model, centre: float = 0.0) -> Float[Array, " pairs"]:
    """N of every pair, of states that are counted from `centre`."""
    return model.alpha * (STATES - centre) + model.beta * NUISANCES


def decoded(model: Model, masks: Float[Array, "masks 2 #m"], scale: float, centre: float = 0.0) -> Float[Array, "masks pairs"]:
    """dec(s, t_1 N, t_2 N) of every pair, for some masks (t_1, t_2), which may be other ones for every unit."""
    a, b, c = model.units
    slope = masks[:, 0] * b + masks[:, 1] * c
    sums: Any = rectified(a + slope * model.alpha, slope * model.beta, centre)
    return sums / scale


@partial(jax.custom_vjp, nondiff_argnums=(2,))
def rectified(a: Float[Array, "masks m"], b: Float[Array, "masks m"], centre: float = 0.0) -> Float[Array, "masks pairs"]:
    """sum_j relu(a_j s + b_j l) of every pair. Its gradient is told, as two matrix products: on a CPU a step of XLA's own takes
    several times as long.
    """
    return jax.nn.relu(_sums(a, b, centre)) @ jnp.ones(a.shape[1])


def _sums(a: Float[Array, "masks m"], b: Float[Array, "masks m"], centre: float) -> Float[Array, "masks pairs m"]:
    return a[:, None] * (STATES - centre)[:, None] + b[:, None] * NUISANCES[:, None]


def _forward(a: Array, b: Array, centre: float) -> tuple[Array, tuple[Array, Array]]:
    return rectified(a, b, centre), (a, b)


def _backward(centre: float, given: tuple[Array, Array], slope: Float[Array, "masks pairs"]) -> tuple[Array, ...]:
    on = jax.lax.optimization_barrier((_sums(*given, centre) > 0).astype(slope.dtype))  # not made twice, inside both products
    return tuple(jnp.einsum("ipj,ip->ij", on, slope * known) for known in (STATES - centre, NUISANCES))


rectified.defvjp(_forward, _backward)


# -- losses: of a model and a key; the sum of eq. 10 over pairs is a mean here ----------------------------------------------


def bernoulli_loss(
    model: Model, key: Key[Array, ""], weights: Float[Array | np.ndarray, " masks"], scale: float, centre: float = 0.0
) -> Float[Array, ""]:
    """Equation 10: the mean squared errors under the three masks, by their weights: `ALL` or `NONE`, or in the authors' sweep
    over rates r (1 - r, r, r).
    """
    return jnp.asarray(weights) @ jnp.mean(  # eq. 10
        (decoded(model, jnp.asarray(MASKS)[:, :, None], scale, centre) - NUISANCES) ** 2, axis=1
    )


def gaussian_loss(model: Model, key: Key[Array, ""], scale: float, own: bool, centre: float = 0.0) -> Float[Array, ""]:
    """The mean squared error under one draw of t_1, t_2 ~ N(1, 1): for every unit its own, as printed, or the same for all
    units, as in the authors' code.
    """
    t = 1 + jax.random.normal(key, (1, 2, model.units.shape[1] if own else 1))
    return jnp.mean((decoded(model, t, scale, centre) - NUISANCES) ** 2)


def expected_gaussian_loss(model: Model, key: Key[Array, ""], scale: float, centre: float = 0.0) -> Float[Array, ""]:
    """The expectation of `gaussian_loss` where every unit draws its own t: exact. It penalises the power of N, as far as units
    pass it on, and nothing else.

    z_j = a_j s + t_1 b_j N + t_2 c_j N is normal with mean a_j s + (b_j + c_j) N and variance (b_j^2 + c_j^2) N^2,
    independently over the units, so that with rectified normal variables

        E (sum_j relu(z_j) / scale - l)^2 = (sum_j E relu(z_j) / scale - l)^2 + sum_j var relu(z_j) / scale^2,

    and of a unit that is on var relu(z_j) = var z_j. So a unit's noise costs N^2, however much of N is the state.
    """
    a, b, c = model.units
    n = nuisance(model, centre)[:, None]
    mean, deviation = a * (STATES - centre)[:, None] + (b + c) * n, jnp.sqrt((b**2 + c**2) * n**2 + 1e-12)
    first, variance = rectified_normal(mean, deviation)
    return jnp.mean((first.sum(axis=1) / scale - NUISANCES) ** 2 + variance.sum(axis=1) / scale**2)


@jax.custom_jvp
def rectified_normal(mean: Float[Array, "*z"], deviation: Float[Array, "*z"]) -> tuple[Float[Array, "*z"], Float[Array, "*z"]]:
    """E relu(z) and var relu(z) of normal z. Their derivatives are told, which need no more than they themselves do."""
    above, density = _normal(mean / deviation)
    first = mean * above + deviation * density
    return first, deviation**2 * above - first * (first - mean)


def _normal(x: Float[Array, "*z"]) -> tuple[Float[Array, "*z"], Float[Array, "*z"]]:
    """The distribution function and the density of the normal distribution."""
    return (1 + jax.lax.erf(x / 2**0.5)) / 2, jnp.exp(-(x**2) / 2) / (2 * np.pi) ** 0.5


@rectified_normal.defjvp
def _slopes(at: tuple[Array, Array], by: tuple[Array, Array]) -> tuple[tuple[Array, Array], tuple[Array, Array]]:
    (mean, deviation), (up, wider) = at, by
    above, density = _normal(mean / deviation)
    first, variance = rectified_normal(mean, deviation)
    of_variance = 2 * (first * (1 - above) * up + (deviation * above - first * density) * wider)
    return (first, variance), (above * up + density * wider, of_variance)


# -- training ---------------------------------------------------------------------------------------------------------------

Loss = Callable[..., Float[Array, ""]]


def trained(
    loss: Loss,
    models: Model,
    keys: Key[Array, " members"],
    steps: int,
    stop: Number = 0.0,
    held: bool = False,
    weights: Float[Array, "members masks"] | None = None,
) -> tuple[Model, Float[Array, " members"], Int[Array, " members"]]:
    """Every member after so many steps of Adam (lr 1e-3), or when its loss fell below `stop`: parameters, last loss, and steps.
    If the ratio is held, alpha / beta stays as it is.

    One program: on a CPU each core takes one member after the other through it, whose arrays then stay in its cache; elsewhere
    all go at once.
    """
    settings = {"steps": steps, "held": held}
    if jax.default_backend() != "cpu":
        return jax.vmap(partial(_trained, loss, stop=stop, **settings))(models, keys, weights)
    members = [jax.tree.map(lambda leaf, i=i: leaf[i], (models, keys, weights)) for i in range(len(keys))]
    with ThreadPoolExecutor(cores()) as pool:
        result = list(pool.map(lambda member: jax.block_until_ready(_trained(loss, *member, stop=stop, **settings)), members))
    return jax.tree.map(lambda *leaves: jnp.stack(leaves), *result)


@partial(jax.jit, static_argnames=("loss", "steps", "held"))
def _trained(
    loss: Loss, model: Model, key: Key[Array, ""], weights: Float[Array, " masks"] | None, stop: Number, steps: int, held: bool
) -> tuple[Model, Float[Array, ""], Int[Array, ""]]:
    adam, ratio = optax.adam(1e-3, eps=1e-7), model.alpha / model.beta
    given = () if weights is None else (weights,)

    def of(model: Model) -> Model:
        return model._replace(alpha=ratio * model.beta) if held else model

    def step(carry: Any, t: Array) -> tuple[Any, None]:
        model, state, _, taken = carry
        value, slope = jax.value_and_grad(lambda model: loss(of(model), jax.random.fold_in(key, t), *given))(model)
        moves: Any
        moves, state = adam.update(slope, state)
        going = value >= stop
        model = jax.tree.map(lambda p, by: jnp.where(going, p + by, p), model, moves)
        return (model, state, value, taken + going), None

    carry, _ = jax.lax.scan(step, (model, adam.init(model), jnp.inf, 0), jnp.arange(steps))
    return of(carry[0]), carry[2], carry[3]


# -- Figures 8 and 9 --------------------------------------------------------------------------------------------------------

AXIS = np.linspace(-1, 1, 21)
"""Initial values of alpha, and of beta."""

CENTRE = float(STATES.mean())
"""Counted from here, the mean of s l over all pairs is 0."""


class Case(NamedTuple):
    """A loss to train the whole grid of initialisations on, and where to stop."""

    loss: Loss
    stop: float = 0.0


def figure_8(work: Work) -> None:
    """Do masks forget the state? alpha, beta and |alpha / beta| after 10,000 steps on eq. 10, from 21 x 21 initialisations: yes
    from most, as the paper says, if the output is over 10 (81 %; as printed 44 %), and from all if states are centred.

    With the output as printed and over 10, as in the authors' code, there also with its early stop, and without masks; and,
    which is ours, with states that are counted from their mean. Writes `symae_figure_8.json` and `figure_8.png`.
    """
    printed, code = (partial(bernoulli_loss, weights=ALL, scale=scale) for scale in (1.0, 10.0))
    cases = {
        "output / 10": Case(code),
        "output / 10, until loss 2e-5": Case(code, stop=2e-5),
        "as printed": Case(printed),
        "output / 10, no masks": Case(partial(code, weights=NONE)),
        "output / 10, states from their mean": Case(partial(code, centre=CENTRE)),
    }
    _figure(work, "figure_8", cases)


def figure_9(work: Work) -> None:
    """Do Gaussian masks? No, neither by draws nor by their expectation; but they do if states are centred.

    The same grid with one t for all units, as in the authors' code, with one for each, as printed, and the expectation of the
    latter; and both of these with states that are counted from their mean. Writes `symae_figure_9.json` and `figure_9.png`.
    """
    each, expected = partial(gaussian_loss, scale=10.0, own=True), partial(expected_gaussian_loss, scale=10.0)
    cases = {
        "output / 10, one t for all units": Case(partial(gaussian_loss, scale=10.0, own=False)),
        "output / 10, one t for each unit": Case(each),
        "output / 10, the expectation over these": Case(expected),
        "as printed": Case(partial(gaussian_loss, scale=1.0, own=True)),
        "output / 10, one t for each unit, states from their mean": Case(partial(each, centre=CENTRE)),
        "output / 10, the expectation, states from their mean": Case(partial(expected, centre=CENTRE)),
    }
    _figure(work, "figure_9", cases)


def _figure(work: Work, name: str, cases: dict[str, Case]) -> None:
    steps, panels, result = 200 if work.fast else 10_000, {}, {}
    for label, case in cases.items():
        grid = _grid(work.folder / slug(label), case, steps)
        ratio = np.abs(grid["alpha"] / grid["beta"])
        panels[label] = {"alpha": grid["alpha"], "beta": grid["beta"], "|alpha / beta|": ratio}
        quantiles = dict(zip(("10 %", "50 %", "90 %"), np.quantile(ratio, (0.1, 0.5, 0.9)), strict=True))
        measured = {"share_below_1e-2": float(np.mean(ratio < 1e-2)), "ratio_quantiles": quantiles, "stop": case.stop}
        result[label] = measured | grid | {"seconds": float(grid["seconds"].sum())}
        work.write({"steps": steps, "alpha_0_rows_beta_0_columns": AXIS, "cases": result})
    work.save(plots.heat_maps(panels, AXIS, "initial alpha", "initial beta", f"after {steps:,} steps"), name)


def _grid(folder: Path, case: Case, steps: int) -> dict[str, np.ndarray]:
    """alpha, beta, loss and steps taken, (21, 21), a row an initial alpha; what is in the folder is not trained again."""
    rows = []
    for i, alpha in enumerate(AXIS):
        path = folder / f"row-{i:02}.json"
        if not path.exists():
            begun = monotonic()
            keys = jax.vmap(partial(jax.random.fold_in, jax.random.key(0)))(i * len(AXIS) + np.arange(len(AXIS)))
            models = jax.vmap(start)(keys, jnp.full(len(AXIS), alpha), jnp.asarray(AXIS, jnp.float32))
            model, loss, taken = trained(case.loss, models, keys, steps, case.stop)
            row = {"alpha": model.alpha, "beta": model.beta, "loss": loss, "steps": taken}
            write_json(path, {k: np.asarray(v) for k, v in row.items()} | {"seconds": monotonic() - begun})
        rows.append(read_json(path))
    return {name: np.array([row[name] for row in rows], float) for name in rows[0]}
