"""What methods share whose code is one vector of m latents per row: the verbs of their trained models."""

from collections.abc import Callable, Sequence
from typing import Any, ClassVar, Literal, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Key

from .. import nets
from ..data.dataset import Dataset
from ..errors import InputError
from .protocol import Batch, Piece, Trained, check_fields


class Latents:
    """The verbs of a method with m latents. Such a method says what of an encoder's output is the code, and what is learned.

    In its nets, `encoder` is a function of one row that gives `heads` numbers per latent, `decoder` a function of one code.
    """

    m: int
    encoder: nets.Net | None
    decoder: nets.Net | None
    second_batch: ClassVar[bool] = False
    may_repeat = True
    heads: ClassVar[int] = 1
    code: ClassVar[Callable[[Float[Array, "..."]], Float[Array, " m"]]]

    def check(self, data: Dataset, batch: int | tuple[int, int]) -> None:
        """Any data will do."""

    def init(self, shape: tuple[int, ...], key: Key[Array, ""]) -> tuple[Any, nets.State]:
        """Fresh nets for rows of this shape."""
        return eqx.nn.make_with_state(self.build)(shape, key)

    def build(self, shape: tuple[int, ...], key: Key[Array, ""]) -> Any:
        """The nets that play: an autoencoder, unless the method has more."""
        return nets.autoencoder(shape, self.m, self.heads, key, self.encoder, self.decoder)

    def share(self, net: Any, state: nets.State, batch: Batch) -> Any:
        """Nothing is shared, unless the method has several players."""

    def learned(self, trained: Trained, data: Dataset) -> int:
        """How many latents are learned, by the rule of the method's paper."""
        raise NotImplementedError

    def encode(self, trained: Trained, data: Dataset) -> Float[np.ndarray, "rows m"]:
        """The code of every row."""
        return trained.rows(_Encoder(type(self).code), data)

    def decode(
        self, trained: Trained, codes: Any, level: Float[np.ndarray, "rows 2"] | None = None
    ) -> Float[np.ndarray, "rows ..."]:
        """The row of every code, at the level of each row where rows were standardised by themselves."""
        return trained.restore(self.shown(trained.map(_decoded, self._codes(trained, codes, "codes"))), level)

    def shown(self, rows: Any) -> Any:
        """Rows as they are shown, of what the decoder gives."""
        return rows

    def reconstruct(self, trained: Trained, data: Dataset) -> Float[np.ndarray, "rows ..."]:
        """Encode and decode."""
        return self.decode(trained, self.encode(trained, data), trained.level(data))

    def shortfall(self, trained: Trained, data: Dataset) -> float:
        """The mean squared error of reconstructions."""
        rows = data.chain.undo(data.rows(np.arange(len(data))))
        return float(np.mean((self.reconstruct(trained, data) - rows) ** 2))

    def swap(
        self, trained: Trained, state: Any, style: Any, pairs: Literal["all", "each"], latents: Sequence[int] | None
    ) -> Float[np.ndarray, "..."]:
        """The rows of `state` with some latents from the rows of `style`."""
        if latents is None:
            raise InputError(
                f"{type(self).__name__} needs to be told which of its {self.m} latents to swap: latents=[0], or --latents 0."
            )
        chosen = self._chosen(latents)
        level = trained.level(state) if isinstance(state, Dataset) else None
        base, other = self._codes(trained, state, "state"), self._codes(trained, style, "style")
        if pairs == "each":
            if len(base) != len(other):
                raise InputError(f"there are {len(base)} states and {len(other)} styles; pairs='each' needs as many.")
            codes = base.copy()
            codes[:, chosen] = other[:, chosen]
            return self.decode(trained, codes, level)
        codes = np.repeat(base[:, None], len(other), axis=1)
        codes[:, :, chosen] = other[:, chosen]
        levels = None if level is None else np.repeat(level, len(other), axis=0)
        rows = self.decode(trained, codes.reshape(-1, self.m), levels)
        return rows.reshape(len(base), len(other), *rows.shape[1:])

    def pieces(self, trained: Trained) -> dict[str, Piece]:
        """The encoder and the decoder."""
        encoder = Piece(_Encoder(type(self).code), {"rows": ("n", *trained.shape)}, "codes")
        return {"encoder": encoder, "decoder": Piece(_Shown(self.shown), {"codes": ("n", self.m)}, "rows")}

    def traverse(
        self, trained: Trained, data: Dataset, row: int, latents: Sequence[int] | None, points: int
    ) -> Float[np.ndarray, "latents points ..."]:
        """One row decoded while one latent at a time goes evenly from its least to its greatest value over the data."""
        codes = self.encode(trained, data)
        chosen = np.arange(self.m) if latents is None else self._chosen(latents)
        paths = np.tile(codes[row], (len(chosen), points, 1))
        for path, i in zip(paths, chosen, strict=True):
            path[:, i] = np.linspace(codes[:, i].min(), codes[:, i].max(), points)
        level = trained.level(data.take([row]))
        levels = None if level is None else np.repeat(level, len(chosen) * points, axis=0)
        rows = self.decode(trained, paths.reshape(-1, self.m), levels)
        return rows.reshape(len(chosen), points, *rows.shape[1:])

    def _codes(self, trained: Trained, given: Any, argument: str) -> Float[np.ndarray, "n m"]:
        codes = self.encode(trained, given) if isinstance(given, Dataset) else np.atleast_2d(np.asarray(given, np.float32))
        if codes.ndim != 2 or codes.shape[1] != self.m:
            raise InputError(f"{argument} has shape {codes.shape}; a Dataset or codes (n, {self.m}) are needed.")
        return codes

    def _chosen(self, latents: Sequence[int]) -> np.ndarray:
        if not np.size(latents) or not np.isin(latents, np.arange(self.m)).all():
            raise InputError(f"latents={latents!r}; a list of some of the latents 0 to {self.m - 1} is needed.")
        return np.atleast_1d(np.asarray(latents, int))

    def _check_numbers(self, **bounds: tuple[float, float]) -> None:
        """Refuse fields that are none (`check_fields`) and numbers outside [low, high)."""
        check_fields(self)
        for name, (low, high) in bounds.items():
            number = getattr(self, name)
            if np.isscalar(number) and not low <= float(number) < high:  # pyright: ignore[reportArgumentType]
                raise InputError(f"{name}={number}; it must be at least {low:g} and less than {high:g}.")


class _Encoder(NamedTuple):
    """Codes of rows, as a function of the net."""

    code: Callable[..., Any]

    def __call__(self, net, state, x):
        return jax.vmap(self.code)(nets.mapped(net.encoder, x))


class _Shown(NamedTuple):
    """Rows as they are shown, as a function of the net and codes."""

    shown: Callable[..., Any]

    def __call__(self, net, state, codes):
        return self.shown(_decoded(net, state, codes))


def _decoded(net, state, codes):
    return nets.mapped(net.decoder, codes)


def half_mean_square(x: Array, y: Array) -> Float[Array, ""]:
    """Half the mean squared difference over rows and samples: the reconstruction error of the NashAE authors' code."""
    return 0.5 * jnp.mean((x - y) ** 2)
