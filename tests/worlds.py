"""Problems with known answers, and small nets that compile fast."""

from dataclasses import dataclass
from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax

import unentangle as un
from unentangle.data.dataset import Scale
from unentangle.methods.protocol import Player, Recommended, Trained
from unentangle.nets import ELU, FLATTEN, Concatenation, Conv, Dense, SymAENets, keys, mlp, reshape
from unentangle.schedules import Number


def small_mra(n_x=6, n_tau=5, k=12, **options) -> un.Dataset:
    """Multi-reference alignment small enough to train in a second."""
    return un.data.mra(n_x, n_tau, k=k, **options)


def dense_symae(k=12, **numbers) -> un.SymAE:
    """SymAE on dense nets, without what is our own: compiles in a second, and trains as one scanned program."""
    p, q = numbers.setdefault("p", 3), numbers.setdefault("q", 4)
    numbers = {"blur": 0.0, "isometry": 0.0, "consistency": 0.0, "coincidence": 0.0, "pooled": 1.0} | numbers

    def net(*widths):
        return lambda key: eqx.nn.Sequential([FLATTEN, *mlp(list(widths), ELU, keys(key))])

    own = {"coherent_1": net(k, 16), "coherent_2": net(16, p), "nuisance": net(k, 16, q), "decoder": net(p + q, 32, k)}
    return un.SymAE(**{**own, **numbers})


def dense_latents(kind, k=12, m=3, **numbers):
    """A method with one code per row on small nets, which compile fast."""
    heads = 1 if kind in (un.AE, un.NashAE) else 2

    def net(*widths):
        return lambda key: eqx.nn.Sequential(mlp(list(widths), ELU, keys(key)))

    own = {"encoder": net(k, 16, heads * m), "decoder": net(m, 16, k)}
    own |= {"discriminator": net(m, 16, 1)} if kind is un.FactorVAE else {}
    return kind(m=m, **{**own, **numbers})


def conv_latents(k=12, m=3) -> un.AE:
    """An autoencoder with a convolution: trains one step at a time."""

    def encoder(key):
        ks = keys(key)
        return eqx.nn.Sequential([reshape((k, 1)), Conv((5,), 1, 4, next(ks)), ELU, FLATTEN, Dense(4 * k, m, next(ks))])

    return dense_latents(un.AE, k, m, encoder=encoder)


LATENTS = (un.AE, un.NashAE, un.VAE, un.BetaVAE, un.BetaTCVAE, un.FactorVAE)


def small_nets(shape, p, q, decoder, key, pool=None) -> SymAENets:
    """Dense nets in place of the default ones of SymAE, where a test is about something else."""
    ks, size = keys(key), int(np.prod(shape))
    return SymAENets(
        eqx.nn.Sequential([FLATTEN, *mlp([size, 16], ELU, ks)]),
        eqx.nn.Sequential(mlp([16, p], ELU, ks)),
        eqx.nn.Sequential([FLATTEN, *mlp([size, 16, q], ELU, ks)]),
        Concatenation(eqx.nn.Sequential([*mlp([p + q, 32, size], ELU, ks), reshape(shape)])),
    )


def linear_symae(k=12, p=2, q=3) -> un.SymAE:
    """SymAE whose coherent code is linear, so that pooling commutes with it."""
    linear = eqx.nn.Sequential([Dense(k, p, jax.random.key(0))])
    return dense_symae(k, p=p, q=q, coherent_1=linear, coherent_2=eqx.nn.Lambda(lambda x: x))


class ChaseNet(eqx.Module):
    """Two numbers that chase each other."""

    hunter: jax.Array
    prey: jax.Array


@dataclass(frozen=True)
class Chase:
    """A game of two players whose every step is known: the hunter halves the distance `times` times, the prey runs `lam` on.

    Loss of the hunter: (hunter - prey)^2 / 2, of the prey: -lam * prey; both by plain gradient descent. If a gradient leaked,
    the prey would be pulled by the hunter's loss too.
    """

    lam: Number = 1.0
    times: int = 2
    recommended: ClassVar[Recommended] = Recommended(steps=5, batch=3, lr=0.5)
    second_batch: ClassVar[bool] = True
    may_repeat: ClassVar[bool] = True

    def check(self, data, batch):
        pass

    def init(self, shape, key):
        return eqx.nn.make_with_state(lambda: ChaseNet(jnp.asarray(0.0), jnp.asarray(8.0)))()

    def players(self):
        plain: Any = optax.identity()
        return (
            Player(self.hunt, ("hunter",), self.times, plain),
            Player(self.run, ("prey",), 1, plain, 0.5),
        )

    def share(self, net, state, batch):
        return {"seen": net.prey}

    def encode(self, trained, data):
        raise NotImplementedError

    def decode(self, trained, codes):
        raise NotImplementedError

    def reconstruct(self, trained, data):
        raise NotImplementedError

    def shortfall(self, trained, data):
        raise NotImplementedError

    def hunt(self, net, state, shared, batch):
        loss = 0.5 * (net.hunter - net.prey) ** 2
        return loss, ({"distance": jnp.abs(net.hunter - net.prey), "seen": shared["seen"]}, state)

    def run(self, net, state, shared, batch):
        batches = jnp.mean(batch.x) - jnp.mean(batch.second)
        return -self.lam * net.prey + 0.0 * (net.hunter - net.prey) ** 2, (
            {"batches": batches, "n": batch.n + 0.0},
            state,
        )


def gaussian_rows(n=200, k=6, groups=10, seed=0) -> un.Dataset:
    """Rows without structure."""
    return un.Dataset(np.random.default_rng(seed).standard_normal((n, k)).astype(np.float32), groups=np.arange(n) % groups)


@eqx.filter_jit
def compiled(function, *given):
    """What a function makes of these, as one program, as in a training: compiled operation by operation, it takes longer."""
    return function(*given)


def untrained(method, data: un.Dataset, seed: int = 0) -> un.Model:
    """A model of the data as it is before the first step; no step is compiled."""
    net, state = method.init(data.row_shape, jax.random.key(seed))
    return un.Model(method, Trained(eqx.nn.inference_mode(net), state, data.scale, data.chain), seed)


def fresh(method, chain, scale=Scale(3.0, 2.0)) -> un.Model:
    """A model whose weights take three values, so that its file packs well; nothing is compiled."""
    rng = np.random.default_rng(0)

    def some(leaf):
        return rng.integers(-1, 2, leaf.shape).astype(np.float32) * np.float32(1.2 * np.prod(leaf.shape[:-1]) ** -0.5)

    net, state = eqx.filter_eval_shape(method.init, chain.row_shape, jax.random.key(0))
    net = jax.tree.map(lambda leaf: some(leaf) if isinstance(leaf, jax.ShapeDtypeStruct) else leaf, net)
    return un.Model(method, Trained(eqx.nn.inference_mode(net), state, scale, chain), 7)


def factor_grid(*sizes: int, repeats: int = 1) -> np.ndarray:
    """Every combination of factors of these sizes, so many times: whole numbers (n, k)."""
    every = np.stack(np.meshgrid(*map(np.arange, sizes), indexing="ij"), axis=-1).reshape(-1, len(sizes))
    return np.tile(every, (repeats, 1))


def known_codes() -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Codes of two factors of five values whose scores are known, because every combination comes equally often."""
    v = factor_grid(5, 5, repeats=40)
    a, b = v.T - 2.0
    zero = np.zeros(len(v))
    noise = np.random.default_rng(0).standard_normal((len(v), 2))
    return {
        "perfect": (np.stack([a, b], axis=1), v),
        "permuted": (np.stack([-b, 7 + 3 * a], axis=1), v),
        "rotated": (np.stack([a + b, a - b], axis=1), v),
        "duplicated": (np.stack([a, b, a, b], axis=1), v),
        "with dead ones": (np.stack([a, zero, b, zero], axis=1), v),
        "half": (np.stack([a, zero], axis=1), v),
        "constant": (np.stack([zero, zero + 1], axis=1), v),
        "noise": (noise, v),
    }
