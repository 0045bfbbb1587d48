"""What is ours: terms that compose with any method that has one part of its code per group and one per row.

The SymAE paper aligns the nuisance codes of the states by dropout and by a penalty on their distributions. Each term here adds
one idea to that. A term is a small object with a weight, a ramp and one function, and its docstring says what is known of it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.fft import dctn, idctn
from jaxtyping import Array, Float, Key

from ... import dependence
from ...data.grid import grid
from ...errors import InputError
from ...schedules import Linear, Number, Ramp, at
from ..protocol import check_fields, ramped
from .term import Step, Term

# -- coarse before fine ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Blur(Term):
    """Rows are smooth at first, those that are encoded and those to be decoded (`coarse`).

    The weight is the standard deviation of a Gaussian as a share of the length of a row. It has to end at 0, because a model
    gets sharp rows. The reconstruction error is that of blurred rows meanwhile, and may rise until these are sharp.

    Why: a net learns first what makes up most of the variance. For a state that nearly repeats after half of its shifts, that
    is a curve of codes that runs twice around; for another state, a curve that runs once around, through the same region. No
    penalty on distributions sees the difference, and no small step leads from one to the other. States that are smooth agree
    on a coarse nuisance, and detail is added to codes that mean the same.

    Evidence: on Fourier states, four of five trainings without it kept a second loop, and swaps of two were useless
    (`results/symae_swaps_fourier_101_without_blur.json`); with it none of five. It costs some reconstruction of fine detail.
    Leave it out if rows oscillate about zero, as filtered seismograms do, or if neighbouring numbers are unrelated.
    """

    weight: Number = 0.25
    ramp: Ramp = Linear(1.0, 0.0, until=0.3)  # noqa: RUF009
    name: ClassVar[str] = "blur"

    def before(self, x: Float[Array, "groups instances ..."]) -> Float[Array, "groups instances ..."]:
        """Coarse rows."""
        return coarse(x, self.weight)

    def check(self, batch: Sequence[int]) -> None:
        """Refuse a blur that stays."""
        if (left := float(at(ramped(self.weight, self.ramp), jnp.ones(())))) > 0:
            raise InputError(
                f"blur is {left:g} at the end of the training; it must be 0 then, because a model gets sharp rows."
            )


def smooth(x: Float[Array, "groups instances ..."], width: Number) -> Float[Array, "groups instances ..."]:
    """Rows convolved along their axes (of `data.grid`), not their channels, with a Gaussian whose standard deviation is `width`
    of the axis.

    A row is reflected at its ends: in the cosine transform, the wave of k half periods is multiplied by
    exp(-(pi k width)^2 / 2).
    """
    axes = row_axes(x)
    waves = dctn(x, axes=axes, norm="ortho")
    for axis in axes:
        k = jnp.arange(x.shape[axis]).reshape(-1, *[1] * (x.ndim - axis - 1))
        waves *= jnp.exp(-0.5 * (jnp.pi * k * width) ** 2)
    return idctn(waves, axes=axes, norm="ortho")


def row_axes(x: Any) -> tuple[int, ...]:
    """The axes of a batch (groups, instances, *row) along which its rows extend, without channels."""
    return tuple(range(2, 2 + len(grid(x.shape[2:]).space)))


def coarse(x: Float[Array, "groups instances ..."], width: Number) -> Float[Array, "groups instances ..."]:
    """Smooth rows that vary as much as they did, group by group; at width 0 the rows themselves, without work if seeds train
    one after the other.

    The rescaling lets states of much detail learn their little coarse variation as soon as others do. The means of rows are not
    enlarged: they would outgrow what varies.
    """

    def fade(x: Array) -> Array:
        mean, rows = jnp.mean(x, axis=row_axes(x), keepdims=True), smooth(x, width)
        old, new = (jnp.mean((a - mean) ** 2, axis=range(1, a.ndim), keepdims=True) for a in (x, rows))
        return mean + (rows - mean) * jnp.sqrt(old / jnp.maximum(new, dependence.TINY))

    return jax.lax.cond(width > 0, fade, lambda x: x, x)


# -- a code of any half of a group ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Pooling(Term):
    """The code of a group is made of a random share of its instances, drawn anew in each step. The weight is the share.

    Why: made of all instances, as in the paper, the code of each group of the data becomes one fixed vector, which may suit
    other groups of the same state less. Evidence: fresh groups of the same state were reconstructed with twice the error (by
    hand, by former defaults); `results/symae_ablation.json`, of 1,000 steps, does not show it.
    """

    weight: float = 0.5
    name: ClassVar[str] = "pooled"

    def __post_init__(self):
        check_fields(self)
        if not 0 < self.weight <= 1:
            raise InputError(f"pooled={self.weight}; a share of the instances above 0 and at most 1 is needed.")

    def pooled(self, key: Key[Array, ""], x: Float[Array, "groups instances ..."]) -> Float[Array, "groups some ..."]:
        """A random share of the instances of each group, at least one."""
        return some_of_each(jax.random.fold_in(key, x.shape[0]), x, self.weight)


def some_of_each(key: Key[Array, ""], x: Float[Array, "groups instances ..."], share: float) -> Float[Array, "groups some ..."]:
    """A share of the instances of each group, drawn at random; at least one."""
    groups, instances = x.shape[:2]
    some = max(round(share * instances), 1)
    if some == instances:
        return x
    chosen = jnp.argsort(jax.random.uniform(key, (groups, instances)), axis=1)[:, :some]
    return x[jnp.arange(groups)[:, None], chosen]


# -- the same nuisance, the same step -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Isometry(Term):
    """The distance of two nuisance codes of a group tells how far their recordings are apart (`isometry_penalty`).

    Why: nuisance codes of the same distribution are not yet the same codes for the same nuisance. From state to state the map
    from nuisance to code may be stretched here and squeezed there, and a penalty on distributions of finite groups even asks
    for that. Often the same step of the nuisance moves the recordings of a state equally far wherever it is taken, as a shift
    does. Half of the recordings compared are virtual, where another term makes some.

    Evidence: it halves the swap error on multi-reference alignment (`results/symae_ablation.json`). It rises while the penalty
    falls: from the start, the codes of each state would take the shape of its recordings. Leave it out if the same step of the
    nuisance moves some recordings further than others.
    """

    weight: Number = 75.0
    ramp: Ramp = Linear(0.0, 1.0, until=0.6)  # noqa: RUF009
    name: ClassVar[str] = "isometry"

    def penalty(self, step: Step) -> Float[Array, ""]:
        """`isometry_penalty` of real and virtual recordings."""
        n, x = step.n, step.x
        if step.virtual is not None:
            n, x = half_and_half(n, step.virtual.again), half_and_half(x, step.virtual.x)
        return if_it_counts(self.weight, isometry_penalty, n, x)


def isometry_penalty(
    codes: Float[Array, "groups instances q"], x: Float[Array, "groups instances ..."], width: float = 0.05, near: float = 1.0
) -> Float[Array, ""]:
    """How much the distances of recordings vary among pairs of one group whose codes are equally far apart.

    Distances count relative to their mean in the group. Each d = |X_ij - X_ij'| is compared with a leave-one-out regression on
    the distances of codes: local linear, with a Gaussian kernel of the given width. The squared differences are averaged with
    weights exp(-(d / near)^2), because the distances of far recordings follow the autocorrelation of a signal and would hold
    codes that are half a period astray. The penalty is near zero if, in every group, the distances of recordings are a smooth
    function of those of codes. Of large groups, 32 instances are compared.
    """
    codes, x = codes[:, :32], x[:, :32]
    if codes.shape[1] < 3:
        return jnp.zeros(())
    first, second = np.triu_indices(codes.shape[1], 1)

    def apart(rows: Float[Array, "instances ..."]) -> Float[Array, " pairs"]:
        rows = rows.reshape(len(rows), -1)
        between = dependence.distances(rows, rows)[first, second]
        return between / jnp.maximum(between.mean(), dependence.TINY)

    def variation(codes: Float[Array, "instances q"], x: Float[Array, "instances ..."]) -> Float[Array, ""]:
        ours, given = apart(codes), apart(x)
        return jnp.sum(jax.nn.softmax(-((given / near) ** 2)) * (given - leave_one_out(ours, given, width)) ** 2)

    return jnp.mean(jax.vmap(variation)(codes, x))


def leave_one_out(at: Float[Array, " n"], value: Float[Array, " n"], width: float) -> Float[Array, " n"]:
    """Every value as predicted from the others: a local linear regression of values on where they are."""
    offset = at[None] - at[:, None]
    near = jnp.exp(-0.5 * (offset / width) ** 2) * (1 - jnp.eye(len(at))) + 1e-9
    weight, slope, square = (jnp.sum(near * offset**power, axis=1) for power in range(3))
    square += 1e-3 * width**2 * weight  # without neighbours on both sides, rather their mean than an extrapolation
    return (square * (near @ value) - slope * ((near * offset) @ value)) / (square * weight - slope**2)


# -- a swap has the nuisance that it was given ----------------------------------------------------------------------------


@dataclass(frozen=True)
class Consistency(Term):
    """A swap that is encoded again has the nuisance code that it was decoded with (`consistency_penalty`).

    Why: the curves of two states in the nuisance codes may be alike in distribution and yet lie beside each other. A swap is
    then decoded off the curve of its state; encoded again, it shows by how much. The virtual recordings also fill the gaps
    between the real ones, which `Isometry` uses.

    Evidence: without it, the state is read from the nuisance code in most cases (`results/symae_ablation.json`). With a weight
    of 1 and no blur about half of the trainings tried by hand went wrong; with 5 none. The weight is a plain number, so that a
    step without the term does without its work.
    """

    weight: float = 5.0
    name: ClassVar[str] = "consistency"
    swaps: ClassVar[bool] = True

    def penalty(self, step: Step) -> Float[Array, ""]:
        """`consistency_penalty` of the virtual recordings."""
        return jnp.zeros(()) if step.virtual is None else consistency_penalty(step.virtual.again, step.virtual.given)


def consistency_penalty(again: Float[Array, "*rows q"], given: Float[Array, "*rows q"]) -> Float[Array, ""]:
    """The mean squared difference between the codes that swaps have and those that they were given, over the variance of the
    codes. Zero if a code means the same in every state; the same for codes of any scale. A single row gives 0.
    """
    again, given = (codes.reshape(-1, codes.shape[-1]) for codes in (again, given))
    if len(given) < 2:
        return jnp.zeros(())
    return jnp.mean((again - given) ** 2) / jnp.maximum(jnp.mean(jnp.var(given, axis=0)), dependence.TINY)


def half_and_half(real: Float[Array, "groups instances ..."], virtual: Float[Array, "groups half ..."]) -> Array:
    """As many of the real as of the virtual instances of each group, at most 16 of each."""
    each = min(virtual.shape[1], 16)
    return jnp.concatenate([real[:, :each], virtual[:, :each]], axis=1)


# -- what coincides nearly, coincides -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Coincidence(Term):
    """Codes of two groups that nearly coincide are drawn together (`coincidence_penalty`).

    Why: often the same nuisances come again in every state. The codes of two states are then two copies of one set of points,
    and nothing else minds if one copy lies half a step beside the other: swaps are of nuisances in between.

    Evidence: without it, swaps on multi-reference alignment are 2.4 to 3.0 times as wrong as reconstructions; with it 1.1
    times (`results/symae_swaps_without_coincidence.json`, `results/symae_swaps.json`). It rises late and until the end: a code
    that is not yet near its like would lock to another one. With its full weight by 80 % of the training, 39 % and 47 % of the
    codes of one state did (by hand). Leave it out if no nuisance comes twice.
    """

    weight: Number = 0.06
    ramp: Ramp = Linear(0.0, 1.0, since=0.6)  # noqa: RUF009
    name: ClassVar[str] = "coincidence"

    def penalty(self, step: Step) -> Float[Array, ""]:
        """`coincidence_penalty` of the nuisance codes."""
        return if_it_counts(self.weight, coincidence_penalty, step.n)


def coincidence_penalty(codes: Float[Array, "groups instances q"], width: float = 0.2) -> Float[Array, ""]:
    """How few codes have their like in other groups:

        1 - mean over codes N_ij and other groups k of exp(-min_l |N_ij - N_kl|^2 / 2 w^2),

    from 0, where every code is one of every other group, to 1. The kernel is narrow: w is the given share of the median
    distance of a code to the next one of its group. So it draws codes together that nearly coincide, and the rest does not
    feel it. Where nuisances are a continuum of one dimension and none comes twice, it draws codes by chance, about as far as
    w. Of large groups, 32 instances are compared.
    """
    groups, instances, q = codes[:, :32].shape
    if groups < 2 or instances < 2:
        return jnp.ones(())
    rows, each = codes[:, :32].reshape(-1, q), np.arange(groups)
    apart = dependence.distances(rows, rows).reshape(groups, instances, groups, instances)
    own = apart[each, :, each]  # a row that a batch holds twice is not its own neighbour
    step = jnp.nanmedian(jnp.min(jnp.where(own > 0, own, jnp.inf), axis=2))
    w = width * jax.lax.stop_gradient(jnp.clip(step, dependence.TINY, 1 / dependence.TINY))
    alike = jnp.exp(-0.5 * (jnp.min(apart, axis=3) / w) ** 2)
    return 1 - jnp.sum(alike * (each[:, None, None] != each)) / (groups * instances * (groups - 1))


def if_it_counts(weight: Number, penalty: Callable[..., Array], *of: Array) -> Float[Array, ""]:
    """A penalty; zero where its weight is, without its work if seeds train one after the other, and with nothing kept for its
    gradient.
    """
    return jax.lax.cond(weight > 0, jax.checkpoint(penalty), lambda *_: jnp.zeros(()), *of)


# -- which ----------------------------------------------------------------------------------------------------------------

RECOMMENDED: tuple[Term, ...] = (Blur(), Pooling(), Isometry(), Consistency(), Coincidence())


def recommended(**weights: float) -> tuple[Term, ...]:
    """The recommended terms with other weights, by name: `recommended(blur=0, isometry=10)`. Their ramps stay; a weight of 0
    leaves a term out.

    Raises:
        InputError: if there is no such term.
    """
    return reweighted(RECOMMENDED, **weights)


def reweighted(terms: Sequence[Term], **weights: float) -> tuple[Term, ...]:
    """These terms with other weights, by name; a weight of 0 leaves a term out."""
    if unknown := weights.keys() - {term.name for term in terms}:
        raise InputError(f"there is no term {', '.join(sorted(unknown))}; there are {', '.join(t.name for t in terms)}.")
    changed = [replace(t, weight=weights[t.name]) if weights.get(t.name, 0) else t for t in terms]
    return tuple(t for t in changed if weights.get(t.name, 1) != 0)
