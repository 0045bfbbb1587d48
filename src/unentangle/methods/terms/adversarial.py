"""NashAE's game between the two codes of a method with a part per group and one per row, as a term."""

from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import jax
import jax.numpy as jnp
from equinox.nn import Sequential
from jaxtyping import Array, Float, Key

from ... import dependence, nets
from ...schedules import Linear, Number, Ramp
from ..protocol import ADAM, Batch, Player, half_mean_square
from .term import Step, Term


@dataclass(frozen=True)
class Adversarial(Term):
    """NashAE's game between the two codes: opponents predict each from the other (eq. 2), and the encoders lower the
    covariances of the codes with these predictions (eq. 4).

    Evidence: as an alternative to the energy penalty in `results/symae_penalties.json` and
    `results/symae_penalties_alone.json`.
    """

    weight: Number = 0.3
    ramp: Ramp = Linear(1.0, 0.0, until=0.6)  # noqa: RUF009
    name: ClassVar[str] = "adversarial"

    def opponents(self, p: int, q: int, key: Key[Array, ""], width: int = 64) -> "Opponents":
        """Opponents of two hidden SELU layers, started as NashAE's predictors are."""
        ks = nets.keys(key)
        sides = [[q, width, width, p], [p, width, width, q]]
        return Opponents(*(Sequential(nets.mlp(widths, nets.SELU, ks, nets.lecun_normal)) for widths in sides))

    def player(self) -> Player:
        """The opponents move five times a step, ten times as fast."""
        return Player(self.predict, ("terms.adversarial",), times=5, optimiser=ADAM, pace=10.0)

    def predict(self, net: Any, state: nets.State, shared: tuple[Array, Array], batch: Batch):
        """Half the mean squared error of the predictions (NashAE, eq. 2)."""
        codes = pairs(*shared)
        predicted = predictions(net.terms[self.name], codes)
        error = half_mean_square(predicted.coherent, codes.coherent) + half_mean_square(predicted.nuisance, codes.nuisance)
        return error, ({"prediction": error}, state)

    def penalty(self, step: Step) -> Float[Array, ""]:
        """`adversarial_penalty` of the codes of the batch."""
        codes = pairs(step.c, step.n)
        return adversarial_penalty(codes, predictions(step.nets[self.name], codes))


class Opponents(NamedTuple):
    """Nets that predict the coherent code from the nuisance code (q -> p), and the nuisance code from the coherent (p -> q)."""

    coherent: nets.Net
    nuisance: nets.Net


class Pairs(NamedTuple):
    """The codes of the rows of a batch, standardised, so that neither can hide by being small."""

    coherent: Float[Array, "rows p"]
    nuisance: Float[Array, "rows q"]


def pairs(c: Float[Array, "groups p"], n: Float[Array, "groups instances q"]) -> Pairs:
    """Both codes of every row, standardised."""
    return Pairs(standardised(jnp.repeat(c, n.shape[1], axis=0)), standardised(n.reshape(-1, n.shape[2])))


def standardised(codes: Float[Array, "rows d"]) -> Float[Array, "rows d"]:
    """Zero mean and unit variance over the rows of a batch; a number that does not vary, beyond rounding, stays near zero."""
    mean = jnp.mean(codes, axis=0)
    return (codes - mean) / jnp.sqrt(jnp.var(codes, axis=0) + 1e-6 * mean**2 + dependence.TINY)


def predictions(opponents: Opponents, codes: Pairs) -> Pairs:
    """Each code as the opponents have it from the other."""
    return Pairs(jax.vmap(opponents.coherent)(codes.nuisance), jax.vmap(opponents.nuisance)(codes.coherent))


def adversarial_penalty(codes: Pairs, predicted: Pairs) -> Float[Array, ""]:
    """The mean covariance of all numbers of both codes with their predictions; the code itself is held constant.

    At the best predictions it is the share of their variance that the other code explains.
    """
    true, estimate = (jnp.concatenate(pair, axis=1) for pair in (jax.lax.stop_gradient(codes), predicted))
    return jnp.mean(dependence.prediction_covariance(true, estimate))
