"""SymAE, the symmetric autoencoder: what stays and what varies in repeated recordings of the same states.

R. Sun, B. Geshkovski, L. Demanet, "Interpretable Style Swapping with a Symmetric Autoencoder"; the architecture is from
P. Bharadwaj, M. Li, L. Demanet, "Redatuming physical systems using symmetric autoencoders" (2022). Sections below follow the
first paper's.

A datapoint X_i is a group of instances X_ij of one state, each with its own nuisance. One encoder sees the whole group and
forgets the order,

    C_i = CEnc2(mean_j CEnc1(X_ij)),                                   the coherent code, p numbers

the other sees one instance and is disturbed while it trains,

    N_ij = NEnc(X_ij),     SR(N_ij) = N_ij with noise,                  the nuisance code, q numbers

and the decoder gives X_ij back from both. Training minimises, on standardised rows, which are blurred at first,

    mean (dec(C_i, SR(N_ij)) - X_ij)^2  +  lam * penalty(N)  +  three terms that are told below,

the squared error averaged over every sample. The penalty makes the nuisance codes of every group alike in distribution. As
printed it is the energy distance of section 4.2.4, mean_i 2 E(p_i, p), without other terms or blur (`PRINTED`). (The authors'
code also averages the error, but sums the penalty over groups and leaves the factor 2 out: its lambda is 2 / n_x of ours.) By
default it is divided by the mean distance of the codes, because the printed one is lowered as well by making all codes small. A
swap decodes the coherent code of one state with the nuisance code of another's instance.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from numbers import Real
from typing import Any, ClassVar, Literal, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.fft import dctn, idctn
from jax.tree_util import Partial
from jaxtyping import Array, Bool, Float, Int, Key
from scipy.interpolate import CubicSpline

from .. import dependence, nets
from ..data.dataset import Dataset
from ..data.grid import grid
from ..dependence import Penalty
from ..errors import InputError
from ..geodesics import geodesics
from ..schedules import Cosine, Linear, Number, at
from .autoencoder import ADAM
from .latent import half_mean_square
from .protocol import Batch, Piece, Player, Recommended, Trained, check_fields

Named = Literal["energy", "relative-energy", "kl", "wasserstein", "sinkhorn", "hsic", "adversarial"]
Pool = Callable[[Float[Array, "instances *features"], Bool[Array, " instances"]], Float[Array, "*features"]]
Net = nets.Net
Nets = nets.SymAENets


# -- 2.1 the encoder ------------------------------------------------------------------------------------------------------


def mean_pool(features: Float[Array, "instances *f"], mask: Bool[Array, " instances"]) -> Float[Array, "*f"]:
    """The mean over the instances that the mask keeps."""
    kept = mask.reshape(-1, *[1] * (features.ndim - 1))
    return jnp.sum(features * kept, axis=0) / jnp.sum(mask)


def max_pool(features: Float[Array, "instances *f"], mask: Bool[Array, " instances"]) -> Float[Array, "*f"]:
    """The largest value over the instances that the mask keeps (footnote 1)."""
    return jnp.max(jnp.where(mask.reshape(-1, *[1] * (features.ndim - 1)), features, -jnp.inf), axis=0)


def min_pool(features: Float[Array, "instances *f"], mask: Bool[Array, " instances"]) -> Float[Array, "*f"]:
    """The smallest value over the instances that the mask keeps (footnote 1)."""
    return -max_pool(-features, mask)


def coherent_codes(
    net: Nets,
    state: nets.State,
    pool: Pool,
    x: Float[Array, "groups instances ..."],
) -> tuple[Float[Array, "groups p"], nets.State]:
    """C_i = CEnc2(pool_j CEnc1(X_ij)): the same for every order of the instances."""
    features, state = nets.over_rows(net.coherent_1, x.reshape(-1, *x.shape[2:]), state)
    features = features.reshape(*x.shape[:2], *features.shape[1:])
    return pooled_codes(net, state, pool, features, jnp.ones(x.shape[:2], bool))


def pooled_codes(
    net: Nets,
    state: nets.State,
    pool: Pool,
    features: Float[Array, "groups instances *f"],
    mask: Bool[Array, "groups instances"],
) -> tuple[Float[Array, "groups p"], nets.State]:
    """CEnc2 of pooled features."""
    return nets.over_rows(net.coherent_2, jax.vmap(pool)(features, mask), state)


def some_of_each(key: Key[Array, ""], x: Float[Array, "groups instances ..."], share: float) -> Float[Array, "groups some ..."]:
    """A share of the instances of each group, drawn at random; at least one."""
    groups, instances = x.shape[:2]
    some = max(round(share * instances), 1)
    if some == instances:
        return x
    chosen = jnp.argsort(jax.random.uniform(key, (groups, instances)), axis=1)[:, :some]
    return x[jnp.arange(groups)[:, None], chosen]


# -- 2.2 the dropout ------------------------------------------------------------------------------------------------------

Regulariser = Literal["dropout", "dropout-unscaled", "gaussian-noise", "gaussian-dropout"]


def regularise(kind: Regulariser, n: Float[Array, "rows q"], r: Number, key: Key[Array, ""]) -> Float[Array, "rows q"]:
    """SR: noise on every coordinate of every instance independently, with rate r; the identity at r = 0.

    "dropout" multiplies by Bernoulli(1 - r) / (1 - r), as every library does; "dropout-unscaled" by Bernoulli(1 - r), as the
    paper prints it; "gaussian-dropout" by N(1, r / (1 - r)); "gaussian-noise" adds N(0, r^2).
    """
    if kind == "gaussian-noise":
        return n + r * jax.random.normal(key, n.shape)
    if kind == "gaussian-dropout":
        return n * (1 + jnp.sqrt(r / (1 - r)) * jax.random.normal(key, n.shape))
    kept = n * jax.random.bernoulli(key, 1 - r, n.shape)
    return kept / (1 - r) if kind == "dropout" else kept


# -- 4.2 the penalty ------------------------------------------------------------------------------------------------------
#
# The energy distance of the paper and the rivals that it argues against are in `dependence.PENALTIES`. And the game of another
# paper: two opponents predict each code from the other, and the encoders lower the covariances of the codes with these
# predictions (NashAE, eq. 4).


class Pairs(NamedTuple):
    """The codes of the rows of a batch, standardised, so that neither can hide by being small."""

    coherent: Float[Array, "rows p"]
    nuisance: Float[Array, "rows q"]


def standardised(codes: Float[Array, "rows d"]) -> Float[Array, "rows d"]:
    """Zero mean and unit variance over the rows of a batch; a number that does not vary, beyond rounding, stays near zero."""
    mean = jnp.mean(codes, axis=0)
    return (codes - mean) / jnp.sqrt(jnp.var(codes, axis=0) + 1e-6 * mean**2 + dependence.TINY)


def predictions(opponents: nets.Opponents, codes: Pairs) -> Pairs:
    """Each code as the opponents have it from the other."""
    return Pairs(jax.vmap(opponents.coherent)(codes.nuisance), jax.vmap(opponents.nuisance)(codes.coherent))


def adversarial_penalty(codes: Pairs, predicted: Pairs) -> Float[Array, ""]:
    """The mean over all numbers of both codes of the covariance with the prediction; the code itself is held constant.

    At the best predictions it is the share of their variance that the other code explains.
    """
    true, found = (jnp.concatenate(pair, axis=1) for pair in (jax.lax.stop_gradient(codes), predicted))
    return jnp.mean(dependence.prediction_covariance(true, found))


# -- beyond the paper: coarse before fine ---------------------------------------------------------------------------------
#
# A net learns first what makes up most of the variance. Of a state that nearly repeats after half of its shifts, that needs a
# curve of codes that runs twice around; of another state, one that runs once around, through the same region. No penalty on
# distributions minds, both are smooth, and no small step leads from the one to the other. Smooth rows of several states differ
# less: the states agree on a coarse nuisance, and detail is added to codes that mean the same.


def smooth(x: Float[Array, "groups instances ..."], width: Number) -> Float[Array, "groups instances ..."]:
    """Rows convolved along their axes (of `data.grid`), not their channels, with a Gaussian whose standard deviation is `width`
    of the axis.

    Beyond its ends a row is reflected: in the cosine transform the wave of k half periods is multiplied by
    exp(-(pi k width)^2 / 2).
    """
    axes = row_axes(x)
    waves = dctn(x, axes=axes, norm="ortho")
    for axis in axes:
        k = jnp.arange(x.shape[axis]).reshape(-1, *[1] * (x.ndim - axis - 1))
        waves *= jnp.exp(-0.5 * (jnp.pi * k * width) ** 2)
    return idctn(waves, axes=axes, norm="ortho")


def row_axes(x: Any) -> tuple[int, ...]:
    """The axes of a batch (groups, instances, *row) along which its rows extend, channels left out."""
    return tuple(range(2, 2 + len(grid(x.shape[2:]).space)))


def coarse(x: Float[Array, "groups instances ..."], width: Number) -> Float[Array, "groups instances ..."]:
    """Smooth rows that vary as much as they did, every group for itself: what little is coarse in a state of much detail is to
    be learned as soon as in others, and the means of rows are not to outgrow what varies. At width 0 the rows themselves,
    without work (if seeds take turns).
    """

    def fade(x: Array) -> Array:
        mean, rows = jnp.mean(x, axis=row_axes(x), keepdims=True), smooth(x, width)
        before, after = (jnp.mean((a - mean) ** 2, axis=range(1, a.ndim), keepdims=True) for a in (x, rows))
        return mean + (rows - mean) * jnp.sqrt(before / jnp.maximum(after, dependence.TINY))

    return jax.lax.cond(width > 0, fade, lambda x: x, x)


# -- beyond the paper: the same nuisance, the same step -------------------------------------------------------------------
#
# Nuisance codes of the same distribution are not yet the same codes for the same nuisance: from state to state the map from
# nuisance to code may be stretched here and squeezed there, and a penalty on distributions, which sees finite groups, even asks
# for that. What else is known? Often that the same step of the nuisance moves the recordings of a state equally far wherever it
# is taken, as a shift does. Then in a group the distance of two codes should tell how far the recordings are apart. (Not the
# other way round: recordings that are equally far apart may be so by different steps, as those of a periodic signal are.)


def isometry_penalty(
    codes: Float[Array, "groups instances q"], x: Float[Array, "groups instances ..."], width: float = 0.05, near: float = 1.0
) -> Float[Array, ""]:
    """How much the distances of recordings vary among pairs of one group whose codes are equally far apart.

    Distances count relative to their mean in the group. Each d = |X_ij - X_ij'| is compared with what all other pairs of the
    group say about codes at that distance: a local linear regression with a Gaussian kernel of the given width. The differences
    are squared and averaged with the weights exp(-(d / near)^2): the distances of far recordings rise and fall with the
    autocorrelation of a signal, and codes that have gone astray by half a period would be held there by them. Near zero if in
    every group the distances of recordings are a smooth function of those of codes, each group with its own. Unlike images,
    which are all about equally far apart, ask for little. Of large groups, 32 instances are compared.
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
        return jnp.sum(jax.nn.softmax(-((given / near) ** 2)) * (given - others_say(ours, given, width)) ** 2)

    return jnp.mean(jax.vmap(variation)(codes, x))


def others_say(at: Float[Array, " n"], value: Float[Array, " n"], width: float) -> Float[Array, " n"]:
    """Every value as the others tell it: the local linear regression of values on where they are, at each without itself."""
    offset = at[None] - at[:, None]
    near = jnp.exp(-0.5 * (offset / width) ** 2) * (1 - jnp.eye(len(at))) + 1e-9
    weight, slope, square = (jnp.sum(near * offset**power, axis=1) for power in range(3))
    square += 1e-3 * width**2 * weight  # without neighbours on both sides, rather their mean than an extrapolation
    return (square * (near @ value) - slope * ((near * offset) @ value)) / (square * weight - slope**2)


# -- beyond the paper: a swap has the nuisance that it was given ----------------------------------------------------------
#
# The curves that nuisances trace in the codes of two states may be alike in distribution and yet lie beside each other: a swap
# is then decoded off the curve of its state. Encoded again, it shows by how much. And it is a recording that nobody made: with
# the virtual ones between the real ones, the steps of a group are small enough for the isometry to see where they are uneven.


class Virtual(NamedTuple):
    """Recordings that nobody made: groups under the nuisances of half of the instances of others."""

    x: Float[Array, "groups half ..."]
    given: Float[Array, "groups half q"]  # the codes that they were decoded with
    again: Float[Array, "groups half q"]  # and those that they have


def consistency_penalty(again: Float[Array, "*rows q"], given: Float[Array, "*rows q"]) -> Float[Array, ""]:
    """How far the nuisance codes of swaps are from those that the swaps were decoded with: the mean square of the difference
    over the variance of the codes. Zero if every state means the same by a code; the same for codes of any scale. A single
    row says nothing.
    """
    again, given = (codes.reshape(-1, codes.shape[-1]) for codes in (again, given))
    if len(given) < 2:
        return jnp.zeros(())
    return jnp.mean((again - given) ** 2) / jnp.maximum(jnp.mean(jnp.var(given, axis=0)), dependence.TINY)


def half_and_half(real: Float[Array, "groups instances ..."], virtual: Float[Array, "groups half ..."]) -> Array:
    """As many of the real as of the virtual instances of each group; 16 of each are enough."""
    each = min(virtual.shape[1], 16)
    return jnp.concatenate([real[:, :each], virtual[:, :each]], axis=1)


# -- beyond the paper: what coincides nearly, coincides -------------------------------------------------------------------
#
# Often the nuisances of a data set come again: the same shifts, the same sources in every state. Then the codes of two states
# are two copies of one set of points, and nothing above minds if one copy lies half a step beside the other: both are smooth,
# and swaps are of nuisances in between. A penalty on distributions sees it only if it looks closer than the points are apart.


def coincidence_penalty(codes: Float[Array, "groups instances q"], width: float = 0.2) -> Float[Array, ""]:
    """How few codes have their like in other groups:

        1 - mean over codes N_ij and other groups k of exp(-min_l |N_ij - N_kl|^2 / 2 w^2),

    from 0, where every code is one of every other group, to 1. The kernel is narrow: w is so much of the median distance of a
    code to the next one of its group. So codes of two groups that nearly coincide are drawn together, and the rest does not
    feel it; other penalties have to bring them so near. Where nuisances are a continuum of one dimension and none comes twice,
    codes are drawn by chance, about as far as w. Of large groups, 32 instances are compared.
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
    """A penalty; zero where its weight is, without its work (if seeds take turns), and with nothing kept for its gradient."""
    return jax.lax.cond(weight > 0, jax.checkpoint(penalty), lambda *_: jnp.zeros(()), *of)


# -- the method -----------------------------------------------------------------------------------------------------------


class Codes(NamedTuple):
    """What SymAE makes of a data set: one coherent code per group, one nuisance code per row."""

    coherent: Float[np.ndarray, "groups p"]
    nuisance: Float[np.ndarray, "rows q"]
    group: Int[np.ndarray, " rows"]  # the group of each row, as an index into `coherent`
    level: Float[np.ndarray, "rows 2"] | None = None  # mean and standard deviation of each row, if standardised by itself

    def restyled(self, group: int, rows: Int[np.ndarray, " styles"]) -> "Codes":
        """One group's coherent code with the nuisance codes of some rows."""
        level = None if self.level is None else self.level[rows]
        return Codes(self.coherent, self.nuisance[rows], np.full(len(rows), group), level)


@dataclass(frozen=True)
class SymAE:
    """The symmetric autoencoder, with the settings we recommend.

    Args:
        p: size of the coherent code.
        q: size of the nuisance code.
        rate: r of the stochastic regulariser, in [0, 1). By default it falls from 0.5 to 0 over the first 70 % of the
            training: dropout aligns the nuisance codes of the states, and the rest repairs what that cost in reconstruction.
        lam: weight of the penalty. By default it falls from 0.3 to 0 over the first 60 %: it brings the states together, but
            also bends their codes to the accidents of finite groups. 0.3 suits "relative-energy", which is at most 1, as
            "adversarial" is; "kl" is at most the logarithm of the number of groups of a batch, "hsic" about 0.2; "energy",
            "wasserstein" and "sinkhorn" grow with the codes.
        penalty: what makes the nuisance codes of all groups alike: "energy" (section 4.2.4); "relative-energy", the same over
            the mean distance of the codes; the rivals of section 4.2.1, "kl", "wasserstein" (one-dimensional) and "sinkhorn";
            "hsic"; "adversarial", NashAE's game between the two codes; or a function of codes (groups, instances, q).
        blur: how smooth rows are at first, those that are encoded and those to be decoded: the standard deviation of a
            Gaussian as a share of the length of a row, by default from 0.25 to 0 over the first 30 % (`coarse`). States of much
            and of little detail agree on a coarse nuisance before they learn the rest. The error of reconstruction is that of
            blurred rows meanwhile, and may rise until these are sharp. 0 if rows oscillate about zero, as filtered seismograms
            do, or if neighbouring numbers have nothing to do with each other. A schedule has to end at 0.
        isometry: weight of `isometry_penalty`, which is not the paper's: the distance of two nuisance codes of a group tells
            how far the recordings are apart. By default it rises from 0 while the penalty falls: from the start it would let
            the codes of each state take the shape of its recordings, which differ. 0 if the same step of the nuisance moves
            some recordings further than others.
        consistency: weight of `consistency_penalty`, which is not the paper's either: a swap that is encoded again has the
            nuisance code that it was decoded with, one of half of a batch's. Half of the recordings whose distances `isometry`
            compares are then swaps; all are real if it is 0. No schedule, so that a step without it does without its work.
        coincidence: weight of `coincidence_penalty`, the third that is not the paper's: codes of two groups that nearly
            coincide are drawn together, so that a nuisance that comes again in another state has the same code there. By
            default it rises late, because what is not yet near its like would be drawn to another; and slowly, because a weak
            pull moves the codes of a state as one, and a strong one each to its own neighbour. 0 if no nuisance comes twice.
        regulariser: the kind of noise on the nuisance code (section 2.2).
        decoder: "multiplicative" dec3(dec1(C) * dec2(N)), "concatenation" or "dense"; "convolution", the multiplicative one in
            the frequency domain, for recordings of unknown sources (eq. 1); or a net of the vector [C, N].
        pooled: the share of the instances of a group, drawn anew at every step, that make its coherent code while training. If
            all do, as in the paper (1), the code of a group of the data becomes one fixed vector, which may suit other groups
            of the same state less (not seen in 1,000 steps of `symae.ablation`). Only these go through CEnc1 then, and are
            what its BatchNorm sees, if it has one. No schedule.
        pool: "mean", "max", "min", or a function of (features (instances, ...), mask (instances,)).
        architecture: "default" nets for signals and images of any size; "appendix" and "authors" are appendix A as printed and
            the authors' code, with BatchNorm, for signals.
        coherent_1, coherent_2, nuisance: your own CEnc1 (row -> features), CEnc2 (pooled features -> p), NEnc (row -> q). Like
            `decoder`, an Equinox module (every seed then starts from its weights) or a function of a key that makes one.
    """

    p: int = 5
    q: int = 10
    rate: Number = Linear(0.5, 0.0, until=0.7)  # noqa: RUF009
    lam: Number = Linear(0.3, 0.0, until=0.6)  # noqa: RUF009
    penalty: Named | Penalty = "relative-energy"
    blur: Number = Linear(0.25, 0.0, until=0.3)  # noqa: RUF009
    isometry: Number = Linear(0.0, 75.0, until=0.6)  # noqa: RUF009
    consistency: float = 5.0
    coincidence: Number = Linear(0.0, 0.06, since=0.6)  # noqa: RUF009
    regulariser: Regulariser = "dropout"
    decoder: Literal["multiplicative", "concatenation", "dense", "convolution"] | Net = "multiplicative"
    pooled: float = 0.5
    pool: Literal["mean", "max", "min"] | Pool = "mean"
    architecture: Literal["default", "appendix", "authors"] = "default"
    coherent_1: Net | None = None
    coherent_2: Net | None = None
    nuisance: Net | None = None

    recommended: ClassVar[Recommended] = Recommended(5000, (3, 30), Cosine(1e-3))
    second_batch: ClassVar[bool] = False
    may_repeat = True

    def __post_init__(self):
        check_fields(self)
        for name in ("rate", "lam", "blur", "isometry", "consistency", "coincidence"):
            number, bound = getattr(self, name), 1.0 if name == "rate" else np.inf
            if isinstance(number, Real) and not 0 <= float(number) < bound:
                raise InputError(f"{name}={number}; it must be at least 0 and less than {bound}.")
        if not 0 < self.pooled <= 1:
            raise InputError(f"pooled={self.pooled}; a share of the instances above 0 and at most 1 is needed.")

    def check(self, data: Dataset, batch: Any) -> None:
        """Refuse data without at least two states that have several instances, batches in which a penalty has nothing to
        compare, and a blur that stays.
        """
        compare = self.lam, self.isometry, self.consistency, self.coincidence
        if min(batch) < 2 and any(callable(weight) or float(weight) > 0 for weight in compare):
            raise InputError(f"batch={batch}; the penalties compare groups and instances, so that two of both are needed.")
        if (left := float(at(self.blur, jnp.ones(())))) > 0:
            raise InputError(
                f"blur is {left:g} at the end of the training; it must be 0 then, because a model gets sharp rows."
            )
        if data.groups is None:
            raise InputError("the data has no groups; SymAE needs one key per row that says which rows share a state.")
        if len(data.group_names) < 2 or len(np.unique(data.states)) < 2:
            raise InputError(f"{data!r} has one group or state only; SymAE compares states and needs at least two.")
        if (varied := data.states != data.group_states[data.group]).any():
            name = data.group_names[data.group[np.argmax(varied)]]
            raise InputError(f"the factor 'state' varies inside the group {name}; the instances of a group share one state.")
        if np.sum(np.unique(data.states, return_counts=True)[1] > 1) < 2:
            raise InputError(f"{data!r} has no two states with several rows; SymAE needs several instances of a state.")

    def init(self, shape: tuple[int, ...], key: Key[Array, ""]) -> tuple[Nets, nets.State]:
        """Fresh nets for rows of this shape."""
        return eqx.nn.make_with_state(self._nets)(shape, key)

    def _nets(self, shape: tuple[int, ...], key: Key[Array, ""]) -> Nets:
        build = {"default": nets.symae_default, "appendix": nets.symae_appendix, "authors": nets.symae_authors}
        decoder = self.decoder if isinstance(self.decoder, str) else "own"
        base = build[self.architecture](shape, self.p, self.q, decoder, key)
        base = nets.with_own(base, shape, (self.p, self.q), key, self.coherent_1, self.coherent_2, self.nuisance, self.decoder)
        return nets.with_opponents(base, self.p, self.q, key) if self.penalty == "adversarial" else base

    # -- 2.3 and 4.2.4: the loss

    def players(self) -> tuple[Player, ...]:
        """One player, who moves everything; before it the opponents, if there are any."""
        if self.penalty != "adversarial":
            return (Player(self.loss),)
        opponents = Player(self.predict, ("opponents",), times=5, optimiser=ADAM, pace=10.0)
        return (opponents, Player(self.loss, nets.SymAENets._fields[:-1]))

    def share(self, net: Nets, state: nets.State, batch: Batch) -> Pairs | None:
        """What the opponents start from."""
        return self._pairs(*self._codes(net, state, self._coarse(batch))[:2]) if net.opponents is not None else None

    def predict(self, net: Nets, state: nets.State, shared: Pairs, batch: Batch):
        """The opponents lower half the mean squared error of their predictions (NashAE, eq. 2)."""
        assert net.opponents is not None
        predicted = predictions(net.opponents, shared)
        error = half_mean_square(predicted.coherent, shared.coherent) + half_mean_square(predicted.nuisance, shared.nuisance)
        return error, ({"prediction": error}, state)

    def loss(self, net: Nets, state: nets.State, shared: Any, batch: Batch):
        """Reconstruction error, and the penalties by their weights, for a batch (groups, instances, *row)."""
        batch = self._coarse(batch)
        groups, instances = batch.x.shape[:2]
        c, n, state = self._codes(net, state, batch)
        group = jnp.repeat(jnp.arange(groups), instances)
        rows = n.reshape(groups * instances, -1)
        decoded, state = net.decoder(c, regularise(self.regulariser, rows, self.rate, batch.key), group, state)
        reconstruction = jnp.mean((decoded.reshape(batch.x.shape) - batch.x) ** 2)
        if net.opponents is not None:
            codes = self._pairs(c, n)
            penalty = adversarial_penalty(codes, predictions(net.opponents, codes))
        else:
            penalty = (dependence.PENALTIES[self.penalty] if isinstance(self.penalty, str) else self.penalty)(n)
        compared, inconsistency = (n, batch.x), jnp.zeros(())
        if self.consistency:
            virtual = self._virtual(net, state, c, n)
            inconsistency = consistency_penalty(virtual.again, virtual.given)
            compared = half_and_half(n, virtual.again), half_and_half(batch.x, virtual.x)
        isometry = if_it_counts(self.isometry, isometry_penalty, *compared)
        coincidence = if_it_counts(self.coincidence, coincidence_penalty, n)
        total = reconstruction + self.lam * penalty
        total += self.isometry * isometry + self.consistency * inconsistency + self.coincidence * coincidence
        terms = {"reconstruction": reconstruction, "penalty": penalty}
        terms |= {"isometry": isometry, "consistency": inconsistency, "coincidence": coincidence}
        return total, (terms, state)

    def _virtual(
        self, net: Nets, state: nets.State, c: Float[Array, "groups p"], n: Float[Array, "groups instances q"]
    ) -> Virtual:
        """Each group of a batch decoded with nuisances of the group before: of half of its instances, whose order is random,
        and not of those that `half_and_half` compares themselves.
        """
        given = jnp.roll(n, 1, axis=0)[:, n.shape[1] // 2 :]
        group = jnp.repeat(jnp.arange(len(given)), given.shape[1])
        rows = net.decoder(c, given.reshape(-1, n.shape[2]), group, state)[0]
        rows = jax.lax.stop_gradient(rows)  # as data: the decoder is not to please NEnc
        again = nets.over_rows(net.nuisance, rows, state)[0]
        return Virtual(rows.reshape(*given.shape[:2], *rows.shape[1:]), given, again.reshape(given.shape))

    def _coarse(self, batch: Batch) -> Batch:
        return batch._replace(x=coarse(batch.x, self.blur))

    def _codes(self, net: Nets, state: nets.State, batch: Batch) -> tuple[Array, Array, nets.State]:
        """C (groups, p) and N (groups, instances, q) of a batch."""
        groups, instances, *row = batch.x.shape
        seen = some_of_each(jax.random.fold_in(batch.key, groups), batch.x, self.pooled)
        c, state = coherent_codes(net, state, self._pool(), seen)
        n, state = nets.over_rows(net.nuisance, batch.x.reshape(-1, *row), state)
        return c, n.reshape(groups, instances, -1), state

    def _pairs(self, c: Float[Array, "groups p"], n: Float[Array, "groups instances q"]) -> Pairs:
        rows = n.reshape(-1, n.shape[2])
        return Pairs(standardised(jnp.repeat(c, n.shape[1], axis=0)), standardised(rows))

    def _pool(self) -> Pool:
        return {"mean": mean_pool, "max": max_pool, "min": min_pool}[self.pool] if isinstance(self.pool, str) else self.pool

    # -- 2.4 redatuming: the trained net

    def encode(self, trained: Trained, data: Dataset) -> Codes:
        """Codes of groups of any size, one instance included. Every row is read and goes through the nets once."""
        nuisance, coherent = (np.empty((n, d), np.float32) for n, d in ((len(data), self.q), (len(data.group_names), self.p)))
        level = np.empty((len(data), 2)) if trained.scale.row_axes else None
        pooled = _Pooled(self._pool())
        for members, index, mask in padded_groups(data, 8 * trained.chunk):
            real = index[mask]
            rows = data.rows(real)
            if level is not None:
                level[real] = trained.scale.level(rows)
            rows = trained.scale.standardise(rows)
            nuisance[real] = trained.map(_nuisance, rows)
            features = trained.map(_features, rows)  # not in one program with the other: that takes longer than both
            padded = np.zeros((*mask.shape, *features.shape[1:]), np.float32)
            padded[mask] = features
            coherent[members] = trained.map(pooled, padded, mask)
        return Codes(coherent, nuisance, data.group, level)

    def decode(self, trained: Trained, codes: Codes) -> Float[np.ndarray, "rows ..."]:
        """dec(C_i, N_ij) for every row."""
        if not isinstance(codes, Codes):
            raise InputError(f"codes is of type {type(codes).__name__}; the Codes of `encode` are needed.")
        return trained.restore(trained.map(_decode, codes.coherent[codes.group], codes.nuisance), codes.level)

    def reconstruct(self, trained: Trained, data: Dataset) -> Float[np.ndarray, "rows ..."]:
        """Encode and decode."""
        return self.decode(trained, self.encode(trained, data))

    def swap(
        self, trained: Trained, state: Any, style: Any, pairs: Literal["all", "each"], latents: Sequence[int] | None = None
    ) -> Float[np.ndarray, "..."]:
        """dec(C_i', N_ij) for every coherent code with every nuisance code, or for the first with the first and so on."""
        if latents is not None:
            raise InputError(f"latents={list(latents)}; SymAE swaps whole nuisance codes, so latents is for other methods.")
        state, style = (self.encode(trained, given) if isinstance(given, Dataset) else given for given in (state, style))
        coherent = _checked(state, "state", "coherent", self.p)
        nuisance = _checked(style, "style", "nuisance", self.q)
        level = style.level if isinstance(style, Codes) else None
        if pairs == "each":
            if len(coherent) != len(nuisance):
                raise InputError(f"there are {len(coherent)} states and {len(nuisance)} styles; pairs='each' needs as many.")
            return self.decode(trained, Codes(coherent, nuisance, np.arange(len(nuisance)), level))
        return np.stack([trained.restore(trained.map(_Under(jnp.asarray(c)[None]), nuisance), level) for c in coherent])

    def shortfall(self, trained: Trained, data: Dataset) -> float:
        """The inconsistency of swaps."""
        return self.inconsistency(trained, self.encode(trained, data))

    def inconsistency(self, trained: Trained, codes: Codes, swaps: int = 2000, seed: int = 0) -> float:
        """How far swaps, encoded again, are from the codes that they were decoded with: 0 if a swap has the state of the one
        and the nuisance of the other.

        The `consistency_penalty` of the nuisance codes, or of the coherent codes, whichever is greater: a model that hands the
        donor back keeps its nuisance well. A swap has the nuisance of a random row of another group (which may be of the same
        state), and the swaps of a group, 16 or more, are encoded as one. NaN if there is one group only, or a code is the same
        for all.
        """
        rng, groups = np.random.default_rng(seed), len(codes.coherent)
        if groups < 2 or not (codes.coherent.std(axis=0).any() and codes.nuisance.std(axis=0).any()):
            return np.nan
        chosen = np.sort(rng.permutation(groups)[: max(swaps // 16, 2)])
        each = max(swaps // len(chosen), 16)
        donors = np.concatenate([rng.choice(np.flatnonzero(codes.group != group), each) for group in chosen])
        coherent, nuisance = codes.coherent[chosen], codes.nuisance[donors]
        rows = trained.map(_decode, np.repeat(coherent, each, axis=0), nuisance)
        features = trained.map(_features, rows)
        features = features.reshape(len(chosen), each, *features.shape[1:])
        again = trained.map(_Pooled(self._pool()), features, np.ones((len(chosen), each), bool)), trained.map(_nuisance, rows)
        sides = zip(again, (coherent, nuisance), strict=True)
        return max(float(consistency_penalty(jnp.asarray(found), jnp.asarray(given))) for found, given in sides)

    def pieces(self, trained: Trained) -> dict[str, Piece]:
        """CEnc1, the pool with CEnc2, NEnc and the decoder, each by itself."""
        rows: dict[str, tuple[str | int, ...]] = {"rows": ("n", *trained.shape)}
        x = jax.ShapeDtypeStruct((1, *trained.shape), np.float32)
        features = eqx.filter_eval_shape(_features, trained.net, trained.state, x).shape[1:]
        groups = {"features": ("groups", "instances", *features), "mask": ("groups", "instances")}
        return {
            "features": Piece(_features, rows, "features"),
            "coherent": Piece(_Pooled(self._pool()), groups, "coherent"),
            "nuisance": Piece(_nuisance, rows, "nuisance"),
            "decoder": Piece(_decode, {"coherent": ("n", self.p), "nuisance": ("n", self.q)}, "rows"),
        }

    def interpolate(
        self,
        trained: Trained,
        data: Dataset,
        position: Float[np.ndarray, " n"],
        at: Float[np.ndarray, " m"],
        path: Literal["spline", "geodesic"] = "spline",
        among: Dataset | None = None,
    ) -> Float[np.ndarray, "m ..."]:
        """4.1: a path through the nuisance codes at increasing positions, decoded with the group's C."""
        codes = self.encode(trained, data)
        if path == "geodesic":
            near = None if among is None else trained.rows(_nuisance, among)
            under = Partial(_Under.__call__, _Under(jnp.asarray(codes.coherent)), trained.net, trained.state)
            corners = geodesics(under, codes.nuisance, near)
            pieces = corners.shape[1] - 1
            along = np.interp(np.arange((len(position) - 1) * pieces + 1) / pieces, np.arange(len(position)), position)
            corners = np.concatenate([corners[:, :-1].reshape(-1, self.q), codes.nuisance[-1:]])
            through = np.stack([np.interp(at, along, c) for c in corners.T], axis=1)
        else:
            through = CubicSpline(position, codes.nuisance, bc_type="natural")(at)
        level = None if codes.level is None else np.stack([np.interp(at, position, c) for c in codes.level.T], axis=1)
        return self.decode(trained, Codes(codes.coherent, through.astype(np.float32), np.zeros(len(at), int), level))


PRINTED = SymAE(rate=0.5, lam=0.0, penalty="energy", blur=0.0, isometry=0.0, consistency=0.0, coincidence=0.0, pooled=1.0)
"""The objective of the paper, without its penalty: `dataclasses.replace(PRINTED, lam=...)` has that, too."""


def _checked(given: Any, argument: str, kind: str, size: int) -> Float[np.ndarray, "n size"]:
    """The coherent or nuisance codes among `Codes`, or an array of such codes."""
    codes = np.atleast_2d(np.asarray(getattr(given, kind) if isinstance(given, Codes) else given, np.float32))
    if codes.ndim != 2 or codes.shape[1] != size:
        raise InputError(f"{argument} has shape {codes.shape}; a Dataset, Codes, or {kind} codes (n, {size}) are needed.")
    return codes


class _Pooled(NamedTuple):
    """CEnc2 of pooled features, as a function of these."""

    pool: Pool

    def __call__(self, net, state, features, mask):
        return pooled_codes(net, state, self.pool, features, mask)[0]


class _Under(NamedTuple):
    """A decoder of nuisance codes under one coherent code (1, p)."""

    coherent: Float[Array, "1 p"]

    def __call__(self, net, state, nuisance):
        return net.decoder(self.coherent, nuisance, jnp.zeros(len(nuisance), int), state)[0]


def _features(net, state, x):
    return nets.over_rows(net.coherent_1, x, state)[0]


def _nuisance(net, state, x):
    return nets.over_rows(net.nuisance, x, state)[0]


def _decode(net, state, coherent, nuisance):
    return net.decoder(coherent, nuisance, jnp.arange(nuisance.shape[0]), state)[0]


def padded_groups(
    data: Dataset, chunk: int
) -> Iterator[tuple[Int[np.ndarray, " g"], Int[np.ndarray, "g size"], Bool[np.ndarray, "g size"]]]:
    """Groups of similar size together: their numbers, the rows of each padded to a power of two, and which are real.

    Ragged groups then need one compiled program per power of two, and at most twice the work.
    """
    order, starts, sizes = map(np.asarray, data.layout)
    padded = 1 << np.ceil(np.log2(sizes)).astype(int)
    for size in np.unique(padded):
        alike = np.flatnonzero(padded == size)
        for members in np.array_split(alike, -(-len(alike) * size // max(chunk, size))):
            inside = np.arange(size)
            mask = inside < sizes[members][:, None]
            yield members, order[starts[members][:, None] + np.where(mask, inside, 0)], mask
