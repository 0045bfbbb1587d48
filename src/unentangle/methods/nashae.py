"""NashAE: as many latents as there are factors, by making each latent unpredictable from the others.

E. Yeats, F. Liu, D. Womble, H. Li, "NashAE: Disentangling Representations through Adversarial Covariance Minimization",
ECCV 2022. Equations below are the paper's.

An autoencoder with latents in (0, 1) plays against m predictors. Predictor i sees all latents but the i-th, which is set to 0,
and lowers (eq. 2)

    L_P = 1/2 mean (z'_i - z_i)^2;

the encoder and the decoder then lower (eq. 5)

    (1 - lam) L_R + lam L_A,     L_A = sum_i Cov(z_i, z'_i)                                                           (eq. 4).

Two things are not as printed but as in the authors' code, because the printed tables come from it:
- L_R is half the MEAN of the squared error over rows and samples (eq. 1 writes the sum over samples). A lam of theirs and ours
  is n lam / (1 - lam + n lam) in the sum's terms, for n samples per row: 0.2 is 0.996 at n = 1000.
- In Cov(z_i, z'_i) the latent z_i is a constant. The encoder feels the covariance only through what the predictor of z_i sees:
  the other latents.
Eq. 2 is the loss of one predictor. L_P is its mean over the predictors, which have no weights in common.

At the optimum z'_i = E[z_i | the others] and Cov(z_i, z'_i) = Var(z'_i): zero if and only if that mean is constant.
"""

from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Key

from .. import nets
from ..dependence import prediction_covariance
from ..schedules import Number
from .codes import Part
from .latent import Latents, by_range, squashed
from .protocol import ADAM, Batch, Player, Recommended, check_fields, half_mean_square

# -- the predictors -------------------------------------------------------------------------------------------------------


class Predictors(eqx.Module):
    """m regressions as one batched network: the i-th gives z_i from the other latents, by m -> 40 -> 40 -> 1 with SELU."""

    first: nets.Dense  # (m, m * width): the first layers side by side
    second: nets.Dense  # (m, width, width)
    third: nets.Dense  # (m, width, 1)

    def __init__(self, m: int, key: Key[Array, ""], width: int = 40):
        def layer(inputs: int, outputs: int, key: Key[Array, ""]) -> nets.Dense:
            return eqx.filter_vmap(lambda k: nets.Dense(inputs, outputs, k, nets.lecun_normal))(jax.random.split(key, m))

        keys = jax.random.split(key, 3)
        first, self.second, self.third = layer(m, width, keys[0]), layer(width, width, keys[1]), layer(width, 1, keys[2])
        side_by_side = first.weight.transpose(1, 0, 2).reshape(m, -1), first.bias.reshape(-1)
        self.first = eqx.tree_at(lambda dense: (dense.weight, dense.bias), first, side_by_side)

    def __call__(self, z: Float[Array, "rows m"]) -> Float[Array, "rows m"]:
        """z': every latent as the others tell it."""
        m, width, _ = self.second.weight.shape
        others = self.first.weight * (1 - jnp.eye(m)).repeat(width, axis=1)  # the i-th entry set to 0, for all i at once
        h = nets.selu(z @ others + self.first.bias)
        h = h.reshape(-1, m, width).transpose(1, 0, 2)
        h = nets.selu(h @ self.second.weight + self.second.bias[:, None])
        return (h @ self.third.weight + self.third.bias[:, None])[:, :, 0].T


class NashAENets(NamedTuple):
    """The autoencoder and its opponents."""

    encoder: nets.Net
    decoder: nets.Net
    predictors: Predictors


# -- the method -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class NashAE(Latents):
    """The Nash autoencoder.

    Args:
        m: number of latents to start from, more than the factors expected: what is not needed dies.
        lam: weight of the adversarial term against reconstruction, in [0, 1).
        updates: steps of the predictors per step of the autoencoder, on the same batch.
        game: "covariance" is eq. 4-5; "minmax" is eq. 3 with these weights, in which the encoder raises the predictors' squared
            error instead.
        detach: whether z_i is a constant in Cov(z_i, z'_i), as in the authors' code.
        pace: learning rate of the encoder and the decoder as a multiple of the training's; the predictors' is ten times that of
            the training. A schedule that rises from 0 gives the predictors a start: with a decoder that begins near the mean
            row, it is what `nashae.table_2` uses against latents that end at 0 or 1 within some steps.
        encoder: your own net of one row (row -> m numbers, squashed by a sigmoid afterwards): an Equinox module (every seed
            then starts from its weights) or a function of a key that makes one.
        decoder: your own net of one code (m numbers -> row), likewise.
    """

    m: int = 8
    lam: Number = 0.2
    updates: int = 5
    game: Literal["covariance", "minmax"] = "covariance"
    detach: bool = True
    pace: Number = 1.0
    encoder: nets.Net | None = None
    decoder: nets.Net | None = None

    recommended = Recommended(steps=1000, batch=100, lr=1e-3)

    def __post_init__(self):
        check_fields(self, lam=(0, 1), pace=(0, np.inf))

    def build(self, shape: tuple[int, ...], key: Key[Array, ""]) -> NashAENets:
        """An autoencoder, and predictors."""
        base = Latents.build(self, shape, key)
        return NashAENets(base.encoder, base.decoder, Predictors(self.m, jax.random.fold_in(key, 1)))

    @property
    def parts(self) -> tuple[Part, ...]:
        """Latents in (0, 1), with predictors."""
        return (Part("latents", self.m, encode=squashed, predict=predicted, learned=by_range),)

    def players(self) -> tuple[Player, ...]:
        """The predictors move first."""
        predictors = Player(self.predict, ("predictors",), times=self.updates, optimiser=ADAM, pace=10.0)
        return (predictors, Player(self.disentangle, ("encoder", "decoder"), optimiser=ADAM, pace=self.pace))

    def share(self, net: NashAENets, state: nets.State, batch: Batch) -> Float[Array, "rows m"]:
        """The codes of the batch, which every move of the predictors starts from."""
        return squashed(net, state, batch.x)

    def predict(self, net: NashAENets, state: nets.State, z: Float[Array, "rows m"], batch: Batch):
        """Eq. 2: half the mean squared error of the predictions."""
        error = half_mean_square(net.predictors(z), z)  # eq. 2
        return error, ({"prediction": error}, state)

    def disentangle(self, net: NashAENets, state: nets.State, shared: Any, batch: Batch):
        """Eq. 5: reconstruction and the adversarial term, as a function of encoder and decoder."""
        z = squashed(net, state, batch.x)
        reconstruction = half_mean_square(nets.mapped(net.decoder, z), batch.x, batch.missing)  # eq. 1
        z_predicted = net.predictors(z)
        if self.game == "covariance":
            adversarial = jnp.sum(prediction_covariance(jax.lax.stop_gradient(z) if self.detach else z, z_predicted))  # eq. 4
        else:
            adversarial = -0.5 * jnp.mean(jnp.sum((z_predicted - z) ** 2, axis=1))  # eq. 3
        loss = (1 - self.lam) * reconstruction + self.lam * adversarial  # eq. 5
        return loss, ({"reconstruction": reconstruction, "adversarial": adversarial}, state)


def predicted(net: Any, state: nets.State, z: Float[Array, "rows m"]) -> Float[Array, "rows m"]:
    """z': every latent as its predictor has it from the others."""
    return net.predictors(z)


# -- the same game on any codes -------------------------------------------------------------------------------------------


class PredictorsOnly(NamedTuple):
    """Opponents without an autoencoder."""

    predictors: Predictors


@dataclass(frozen=True)
class Prediction(Latents):
    """NashAE's predictors alone, on rows that are codes of m latents: how well can each be told from the others?"""

    m: int
    recommended = Recommended(steps=2000, batch=100, lr=1e-2)

    @property
    def parts(self) -> tuple[Part, ...]:
        """The prediction of every latent of every row."""
        return (Part("latents", self.m, encode=predicted),)

    def build(self, shape: tuple[int, ...], key: Key[Array, ""]) -> PredictorsOnly:
        """Fresh predictors."""
        return PredictorsOnly(Predictors(self.m, key))

    def players(self) -> tuple[Player, ...]:
        """The predictors."""
        return (Player(self.predict, optimiser=ADAM),)

    def predict(self, net: PredictorsOnly, state: nets.State, shared: None, batch: Batch):
        """Eq. 2 on frozen codes."""
        error = half_mean_square(net.predictors(batch.x), batch.x)
        return error, ({"prediction": error}, state)
