"""SymAE, the symmetric autoencoder: what stays and what varies in repeated recordings of the same states.

R. Sun, B. Geshkovski, L. Demanet, "Interpretable Style Swapping with a Symmetric Autoencoder"; the architecture is from P.
Bharadwaj, M. Li, L. Demanet, "Redatuming physical systems using symmetric autoencoders" (2022). Sections and equations are the
first paper's. A datapoint X_i is a group of instances X_ij of one state, each with its own nuisance. The encoders give

    C_i = CEnc2(mean_j CEnc1(X_ij)),   N_ij = NEnc(X_ij),                                                section 2.1, eq. 4

the coherent code of the group, p numbers, and the nuisance code of each instance, q numbers. Training minimises

    L = mean_ij |dec(C_i, SR(N_ij)) - X_ij|^2 + lam J,   J = mean_i 2 E(p_i, p),                         eq. 5, section 4.2.4

where SR is noise on the nuisance code (2.2), p_i and p are the empirical distributions of the nuisance codes of group i and of
all (eq. 9), and E is the energy distance. A swap decodes the coherent code of one state with the nuisance code of another's
instance (2.4, eq. 6). The squared error is averaged over every sample of standardised rows. The authors' code sums the penalty
over groups and leaves the factor 2 out: its lambda is 2 / n_x of ours. The printed lambda stands beside an error summed over a
group. `SymAE.printed` is what the paper prints; `SymAE()` adds the recommended terms of `terms`.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Key

from .. import dependence, nets
from ..data.dataset import Dataset
from ..errors import InputError
from ..schedules import Cosine, Linear, Number, Ramp
from . import terms as ours
from .codes import Part
from .protocol import Batch, Defaults, Player, Recommended, check_fields, check_groups, filled, mean_square
from .terms import RECOMMENDED, Step, Term

Pool = Callable[[Float[Array, "instances *features"], Bool[Array, " instances"]], Float[Array, "*features"]]
Regulariser = Literal["dropout", "dropout-unscaled", "gaussian-noise", "gaussian-dropout"]
Penalty = Literal["energy", "relative-energy", "kl", "wasserstein", "sinkhorn", "hsic"]


# -- 2.1 the encoder ------------------------------------------------------------------------------------------------------


def mean_pool(features: Float[Array, "instances *f"], mask: Bool[Array, " instances"]) -> Float[Array, "*f"]:
    """The mean over the instances in the mask (section 2.1)."""
    return jnp.sum(features * mask.reshape(-1, *[1] * (features.ndim - 1)), axis=0) / jnp.sum(mask)


def max_pool(features: Float[Array, "instances *f"], mask: Bool[Array, " instances"]) -> Float[Array, "*f"]:
    """The largest value over the instances in the mask (footnote 1)."""
    return jnp.max(jnp.where(mask.reshape(-1, *[1] * (features.ndim - 1)), features, -jnp.inf), axis=0)


def min_pool(features: Float[Array, "instances *f"], mask: Bool[Array, " instances"]) -> Float[Array, "*f"]:
    """The smallest value over the instances in the mask (footnote 1)."""
    return -max_pool(-features, mask)


def coherent_features(net: nets.SymAENets, state: nets.State, x: Float[Array, "rows ..."]) -> Array:
    """CEnc1(X_ij), to be pooled."""
    return nets.over_rows(net.coherent_1, x, state)[0]


class CoherentCode(NamedTuple):
    """C_i = CEnc2(pool_j CEnc1(X_ij)), as a function of the features: the same for every order of the instances."""

    pool: Pool

    def __call__(self, net: nets.SymAENets, state: nets.State, features: Array, mask: Bool[Array, "groups instances"]) -> Array:
        """The coherent codes of groups, whose instances are those in the mask."""
        return nets.over_rows(net.coherent_2, jax.vmap(self.pool)(features, mask), state)[0]


def nuisance_code(net: nets.SymAENets, state: nets.State, x: Float[Array, "rows ..."]) -> Float[Array, "rows q"]:
    """N_ij = NEnc(X_ij)."""
    return nets.over_rows(net.nuisance, x, state)[0]  # eq. 4


# -- 2.2 the stochastic regulariser ---------------------------------------------------------------------------------------


def regularise(kind: Regulariser, n: Float[Array, "rows q"], r: Number, key: Key[Array, ""]) -> Float[Array, "rows q"]:
    """SR: noise on every coordinate of every instance independently, with rate r; the identity at r = 0.

    "dropout" multiplies by Bernoulli(1 - r) / (1 - r), as every library does; "dropout-unscaled" by Bernoulli(1 - r), as the
    paper prints it; "gaussian-dropout" by N(1, r / (1 - r)); "gaussian-noise" adds N(0, r^2).
    """
    if kind == "gaussian-noise":
        return n + r * jax.random.normal(key, n.shape)
    if kind == "gaussian-dropout":
        return n * (1 + jnp.sqrt(r / (1 - r)) * jax.random.normal(key, n.shape))
    dropped = n * jax.random.bernoulli(key, 1 - r, n.shape)
    return dropped / (1 - r) if kind == "dropout" else dropped


# -- 2.3 and 4.2: the decoder, the loss and its penalty -------------------------------------------------------------------


def decode(
    net: nets.SymAENets, state: nets.State, group: Array, c: Float[Array, "groups p"], n: Float[Array, "rows q"]
) -> Array:
    """dec(C_i, N_ij) of every row: reconstructions (2.3), or swaps where C is of another group (2.4)."""
    return net.decoder(c, n, group, state)[0]  # the left side of eq. 6; `metrics.swap_errors` compares it with the right one


@dataclass(frozen=True)
class SymAE(Defaults):
    """The symmetric autoencoder, with the settings we recommend.

    Args:
        p, q: the sizes of the coherent and of the nuisance code.
        rate: r of the stochastic regulariser, in [0, 1). Dropout aligns the nuisance codes of the states.
        rate_ramp: a factor of the rate over the training. By default it falls to 0 over the first 70 %, and the rest repairs
            what dropout cost in reconstruction. None for a constant rate.
        lam: weight of the penalty. 0.3 suits "relative-energy", which is at most 1; "kl" is at most the logarithm of the number
            of groups of a batch, "hsic" about 0.2; "energy", "wasserstein" and "sinkhorn" grow with the codes.
        lam_ramp: a factor of lam, by default falling to 0 over the first 60 %: the penalty brings the states together, but also
            bends their codes to the accidents of finite groups. None for a constant weight.
        penalty: what makes the nuisance codes of all groups alike: "energy" (section 4.2.4); "relative-energy", the same over
            the mean distance of the codes, which small codes do not lower; the rivals of section 4.2.1, "kl", "wasserstein"
            (one-dimensional) and "sinkhorn"; "hsic"; or a function of codes (groups, instances, q).
        regulariser: the kind of noise on the nuisance code (section 2.2).
        terms: what is ours: objects of `terms`, for example `terms.recommended(blur=0)`; () for none.
        decoder: "multiplicative" dec3(dec1(C) * dec2(N)), "concatenation" or "dense"; "modulated", which holds the
            additive swap; "convolution", the multiplicative one in the frequency domain, for recordings of unknown sources (eq.
            1); or a net of the vector [C, N].
        pool: "mean", "max", "min", or a function of (features (instances, ...), mask (instances,)).
        architecture: "default" nets for signals and images of any size; "dense" ones for rows without order; "appendix" and
            "authors" are appendix A as printed and the authors' code, with BatchNorm, for signals.
        coherent_1, coherent_2, nuisance: your own CEnc1 (row -> features), CEnc2 (pooled features -> p), NEnc (row -> q). Like
            `decoder`, an Equinox module (every seed then starts from its weights) or a function of a key that makes one.
        recommended: steps, batch and learning rate of a training that is not told otherwise.
    """

    p: int = 5
    q: int = 10
    rate: Number = 0.5
    rate_ramp: Ramp = Linear(1.0, 0.0, until=0.7)  # noqa: RUF009
    lam: Number = 0.3
    lam_ramp: Ramp = Linear(1.0, 0.0, until=0.6)  # noqa: RUF009
    penalty: Penalty | dependence.Penalty = "relative-energy"
    regulariser: Regulariser = "dropout"
    terms: tuple[Term, ...] = RECOMMENDED
    decoder: Literal["multiplicative", "concatenation", "dense", "modulated", "convolution"] | nets.Net = "multiplicative"
    pool: Literal["mean", "max", "min"] | Pool = "mean"
    architecture: Literal["default", "dense", "appendix", "authors"] = "default"
    coherent_1: nets.Net | None = None
    coherent_2: nets.Net | None = None
    nuisance: nets.Net | None = None
    recommended: Recommended = field(default=Recommended(5000, (3, 30), Cosine(1e-3)), compare=False, repr=False)
    encoders = ("coherent_1", "nuisance")

    def __post_init__(self):
        check_fields(self, rate=(0, 1), lam=(0, np.inf))
        ours.check_terms(self.terms)
        if self.decoder == "modulated" and self.architecture != "dense":
            raise InputError(f"decoder='modulated' is for architecture='dense'; it is {self.architecture!r}.")

    @classmethod
    def printed(cls, example: int = 1, **own: Any) -> "SymAE":
        """What the paper prints for Examples 1 to 5, by Adam for 3,000 steps on all rows at once (a saved model forgets that).
        Rows are to be raw: `Dataset(..., scaling=Scale(0, 1))`. Other settings go by their names.

        1: multiplicative decoder and dropout. 2: six groups of 97, a penalty of lambda 10 in place of dropout. 3: concatenation
        decoder. 4: Gaussian noise in place of dropout, 4,000 steps. 5: dense decoder.
        """
        examples: dict[int, dict[str, Any]] = {
            1: {},
            2: {"rate": 0.0, "lam": 10 / 9700},  # beside an error summed over the 97 x 100 samples of a group
            3: {"decoder": "concatenation"},
            4: {"regulariser": "gaussian-noise"},
            5: {"decoder": "dense"},
        }
        if example not in examples:
            raise InputError(f"example={example!r}; the paper has Examples 1 to 5.")
        plain = {"rate_ramp": None, "lam": 0.0, "lam_ramp": None, "penalty": "energy", "terms": ()}
        training = Recommended(4000 if example == 4 else 3000, (6, 97) if example == 2 else (18, 30), 1e-3)
        as_printed = {"regulariser": "dropout-unscaled", "architecture": "appendix", "recommended": training}
        return cls(**(plain | as_printed | examples[example] | own))

    def check(self, data: Dataset, batch: Any) -> None:
        """Refuse data without two states of several instances, and batches in which a penalty has nothing to compare."""
        if min(batch) < 2 and (callable(self.lam) or float(self.lam) > 0):
            raise InputError(f"batch={batch}; the penalties compare groups and instances, so that two of both are needed.")
        for term in self.terms:
            term.check(batch)
        check_groups(self, data)

    def init(self, shape: tuple[int, ...], key: Key[Array, ""]) -> tuple[nets.SymAENets, nets.State]:
        """Fresh nets for rows of this shape."""

        def build() -> nets.SymAENets:
            build = {"default": nets.symae_default, "dense": nets.symae_dense}
            build |= {"appendix": nets.symae_appendix, "authors": nets.symae_authors}
            decoder = self.decoder if isinstance(self.decoder, str) else "own"
            net = build[self.architecture](shape, self.p, self.q, decoder, key)
            own = (self.coherent_1, self.coherent_2, self.nuisance, self.decoder)
            return ours.with_nets(nets.with_own(net, shape, (self.p, self.q), key, *own), self.terms, self.p, self.q, key)

        return eqx.nn.make_with_state(build)()

    @property
    def parts(self) -> tuple[Part, ...]:
        """The coherent code of each group, and the nuisance code of each row."""
        pool = CoherentCode(self._pool)
        return Part("coherent", self.p, "group", coherent_features, pool), Part("nuisance", self.q, "row", nuisance_code)

    decode = staticmethod(decode)

    def players(self) -> tuple[Player, ...]:
        """The opponents of terms, where there are some; then one player that moves encoders and decoder."""
        everything = Player(self.loss, ("coherent_1", "coherent_2", "nuisance", "decoder"))  # eq. 3, over Enc and Dec
        return (*ours.players(self.terms), everything)

    def share(self, net: nets.SymAENets, state: nets.State, batch: Batch) -> Any:
        """Both codes of the batch, which the opponents of terms start from."""
        batch = batch._replace(x=ours.before(self.terms, batch.x, batch.missing))
        return self._codes(net, state, batch)[:2] if ours.players(self.terms) else None

    def loss(self, net: nets.SymAENets, state: nets.State, shared: Any, batch: Batch):
        """Eq. 5 and the penalty of 4.2.4, plus what is ours, for a batch (groups, instances, *row)."""
        batch = batch._replace(x=ours.before(self.terms, batch.x, batch.missing))
        groups, instances = batch.x.shape[:2]
        c, n, state = self._codes(net, state, batch)
        noisy = regularise(self.regulariser, n.reshape(groups * instances, -1), self.rate, batch.key)  # 2.2
        decoded, state = net.decoder(c, noisy, jnp.repeat(jnp.arange(groups), instances), state)
        reconstruction = mean_square(decoded.reshape(batch.x.shape), batch.x, batch.missing)  # eq. 5
        penalty = (dependence.PENALTIES[self.penalty] if isinstance(self.penalty, str) else self.penalty)(n)  # 4.2.4
        step = Step(
            *(filled(batch.x, decoded) if batch.missing else batch.x, c, n),
            decode=lambda c, n, group: net.decoder(c, n, group, state)[0],
            encode=lambda rows: nuisance_code(net, state, rows),
            nets=net.terms,
        )
        more, named = ours.penalties(self.terms, step)
        total = reconstruction + self.lam * penalty + more  # the total loss of 4.2.4, and what is ours
        return total, ({"reconstruction": reconstruction, "penalty": penalty} | named, state)

    def _codes(self, net: nets.SymAENets, state: nets.State, batch: Batch) -> tuple[Array, Array, nets.State]:
        """C (groups, p) and N (groups, instances, q) of a batch."""
        (groups, instances, *row), seen = batch.x.shape, ours.pooled(self.terms, batch.key, batch.x)
        features, state = nets.over_rows(net.coherent_1, seen.reshape(-1, *row), state)
        features = features.reshape(*seen.shape[:2], *features.shape[1:])
        pooled = jax.vmap(self._pool)(features, jnp.ones(seen.shape[:2], bool))
        c, state = nets.over_rows(net.coherent_2, pooled, state)
        n, state = nets.over_rows(net.nuisance, batch.x.reshape(-1, *row), state)  # eq. 4
        return c, n.reshape(groups, instances, -1), state

    @property
    def _pool(self) -> Pool:
        return {"mean": mean_pool, "max": max_pool, "min": min_pool}[self.pool] if isinstance(self.pool, str) else self.pool
