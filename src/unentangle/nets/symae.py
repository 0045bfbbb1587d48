"""The nets of SymAE: the recommended ones, appendix A as printed, and those of the authors' code.

Weights start as in Keras: Glorot uniform kernels, zero biases.
"""

from collections.abc import Callable, Iterator
from math import ceil, prod
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from equinox.nn import Lambda, Sequential
from jaxtyping import Array, Complex, Float, Key

from ..data.grid import grid
from ..errors import InputError
from .layers import (
    ELU,
    FLATTEN,
    LINEAR,
    POOL,
    BatchNorm,
    Conv,
    Dense,
    Net,
    State,
    blur_pool,
    keys,
    mlp,
    over_rows,
    reshape,
    upsample,
)
from .own import made, output_shape


class SymAENets(NamedTuple):
    """CEnc1 (row -> features), CEnc2 (pooled features -> p), NEnc (row -> q), a decoder, and the nets of terms by name."""

    coherent_1: Net
    coherent_2: Net
    nuisance: Net
    decoder: Net
    terms: dict[str, Any] = {}  # noqa: RUF012


def with_own(
    base: SymAENets,
    shape: tuple[int, ...],
    sizes: tuple[int, int],
    key: Key[Array, ""],
    coherent_1: Net | None = None,
    coherent_2: Net | None = None,
    nuisance: Net | None = None,
    decoder: Net | str | None = None,
) -> SymAENets:
    """Replace some nets by a user's: Equinox modules, or functions of a key that make one.

    An own CEnc1 without an own CEnc2 is followed by one dense layer. An own decoder takes the vector [C, N], unless it is one
    of the decoders of this module.

    Raises:
        InputError: if a net does not give what is needed, naming it and both shapes.
    """
    (p, q), fresh = sizes, keys(key)

    nets = base._asdict()
    if coherent_1 is not None:
        nets["coherent_1"] = made(coherent_1, next(fresh))
        features = output_shape(nets["coherent_1"], "coherent_1", shape)
        nets["coherent_2"] = Sequential([FLATTEN, Dense(prod(features), p, next(fresh))])
    if coherent_2 is not None:
        nets["coherent_2"] = made(coherent_2, next(fresh))
        output_shape(nets["coherent_2"], "coherent_2", output_shape(nets["coherent_1"], "coherent_1", shape), (p,))
    if nuisance is not None:
        nets["nuisance"] = made(nuisance, next(fresh))
        output_shape(nets["nuisance"], "nuisance", shape, (q,))
    if not (decoder is None or isinstance(decoder, str)):
        own = made(decoder, next(fresh))
        if not isinstance(own, Multiplicative | Concatenation):
            output_shape(own, "decoder", (p + q,), shape)
            own = Concatenation(own)
        nets["decoder"] = own
    return SymAENets(**nets)


class Multiplicative(eqx.Module):
    """dec(C, N) = dec3(dec1(C) * dec2(N)), elementwise product (appendix A; dec1 sees C only and dec2 N only, as in the
    authors' code).

    dec1 depends on the group alone, so it is evaluated once per group.
    """

    dec1: Net
    dec2: Net
    dec3: Net

    def __call__(
        self, coherent: Float[Array, "groups p"], nuisance: Float[Array, "rows q"], group: Array, state: State
    ) -> tuple[Array, State]:
        """Decode nuisance codes, each with the coherent code of its group."""
        a, state = over_rows(self.dec1, coherent, state)
        b, state = over_rows(self.dec2, nuisance, state)
        return over_rows(self.dec3, a[group] * b, state)


def convolution(shape: tuple[int, ...], p: int, q: int, ks: Iterator[Key[Array, ""]], width: int = 128) -> Multiplicative:
    """The decoder of records that are convolutions (eq. 1): dec1 makes the spectrum of every channel from C, dec2 one spectrum
    for all channels from N, and dec3 is the inverse Fourier transform of the product.

    The convolution is circular, on a line longer by a quarter than the signal.

    Raises:
        InputError: if rows are no signals.
    """
    length, channels = _signal(shape, "the convolution decoder is")
    whole = 2 * ceil(0.625 * length)
    bins = whole // 2 + 1

    def spectrum(channels: int) -> Lambda:
        def complete(x: Float[Array, " both"]) -> Complex[Array, "bins channels"]:
            real, imaginary = x.reshape(2, bins, channels)
            return jax.lax.complex(real, imaginary.at[jnp.array([0, -1])].set(0.0))  # as that of a real signal is

        return Lambda(complete)

    return Multiplicative(
        Sequential([*mlp([p, width, 2 * bins * channels], ELU, ks), spectrum(channels)]),
        Sequential([*mlp([q, width, width, 2 * bins], ELU, ks), spectrum(1)]),
        Lambda(lambda product: jnp.fft.irfft(product, whole, axis=0, norm="ortho")[:length].reshape(shape)),
    )


class Concatenation(eqx.Module):
    """dec(C, N) = dec([C, N]) for one net of a vector of p + q values (Examples 3 and 5)."""

    dec: Net

    def __call__(
        self, coherent: Float[Array, "groups p"], nuisance: Float[Array, "rows q"], group: Array, state: State
    ) -> tuple[Array, State]:
        """Decode nuisance codes, each with the coherent code of its group."""
        return over_rows(self.dec, jnp.concatenate([coherent[group], nuisance], axis=1), state)


class Modulated(eqx.Module):
    """dec(C, N) = a(C) + (1 + g(C)) * b(N) + d([C, N]), where g and d start from zero.

    Its simplest cases are the additive swap and the multiplicative one, of a deviation that each state enlarges in its own way.
    """

    a: Net
    g: Net
    b: Net
    d: Net

    def __call__(
        self, coherent: Float[Array, "groups p"], nuisance: Float[Array, "rows q"], group: Array, state: State
    ) -> tuple[Array, State]:
        """Decode nuisance codes, each with the coherent code of its group."""
        (a, state), (g, state) = (over_rows(net, coherent, state) for net in (self.a, self.g))
        b, state = over_rows(self.b, nuisance, state)
        d, state = over_rows(self.d, jnp.concatenate([coherent[group], nuisance], axis=1), state)
        return a[group] + (1 + g[group]) * b + d, state


def symae_dense(shape: tuple[int, ...], p: int, q: int, decoder: str, key: Key[Array, ""], width: int = 256) -> SymAENets:
    """Dense nets, for rows whose values have no order, or a fixed place: features, spectra, aligned recordings."""
    ks, size = keys(key), prod(shape)

    def to_row(inputs: int, zero: bool = False) -> Net:
        layers = mlp([inputs, width, width, size], ELU, ks)
        if zero:
            layers[-1] = eqx.tree_at(lambda last: last.weight, layers[-1], jnp.zeros((width, size)))
        return Sequential([*layers, reshape(shape)])

    def product(inputs: int) -> Net:
        return Sequential(mlp([inputs, width, width], ELU, ks))

    dec: Net
    if decoder == "multiplicative":
        dec = Multiplicative(product(p), product(q), Sequential([*mlp([width, width, size], ELU, ks), reshape(shape)]))
    elif decoder == "modulated":
        dec = Modulated(to_row(p), to_row(p, zero=True), to_row(q), to_row(p + q, zero=True))
    elif decoder == "convolution":
        dec = convolution(shape, p, q, ks)
    else:  # `with_own` replaces it by one's own
        dec = Concatenation(to_row(p + q))
    return SymAENets(
        Sequential([FLATTEN, *mlp([size, width, width], ELU, ks), ELU]),
        Sequential(mlp([width, width, p], ELU, ks)),
        Sequential([FLATTEN, *mlp([size, width, width, q], ELU, ks)]),
        dec,
    )


def symae_default(
    shape: tuple[int, ...], p: int, q: int, decoder: str, key: Key[Array, ""], pool: Callable[[Array], Array] = blur_pool
) -> SymAENets:
    """The recommended nets for rows of any shape: the appendix's layers without BatchNorm, on patches where rows are large.

    BatchNorm is left out because dropout before it makes its training and evaluation statistics differ, and pools blur, because
    a code that depends on even and odd positions may do so differently for every state (1,000 steps do not show it).
    """
    ks, g, width, small = keys(key), grid(shape), 32, 8  # channels of a layer, and of the picture that a decoder starts from
    thick = min(8, g.channels)  # channels of the product: a narrow one makes the states share what they mean by a nuisance

    def shrink(space: tuple[int, ...], inputs: int, blocks: int) -> tuple[list[Any], tuple[int, ...]]:
        layers: list[Any] = []
        for block in range(blocks):
            layers += [Conv(g.kernel, width if block else inputs, width, next(ks)), ELU]
            layers += [Conv(g.kernel, width, width, next(ks)), ELU]
            if max(space) > 6:
                layers.append(Lambda(pool))
                space = tuple(max(n // 2, 1) for n in space)
        return layers, space

    def grow(inputs: int, outputs: int) -> list[Any]:
        half = tuple(ceil(n / 2) for n in g.space)
        crop = Lambda(lambda x: x[tuple(slice(n) for n in g.space)])
        layers = [Dense(inputs, prod(half) * small, next(ks)), ELU, reshape((*half, small))]
        layers += [Conv(g.kernel, small, width, next(ks)), ELU, Conv(g.kernel, width, width, next(ks)), ELU]
        layers += [upsample(2), crop]
        for _ in range(4):
            layers += [Conv(g.kernel, width, width, next(ks)), ELU]
        return [*layers, Conv(g.kernel, width, outputs, next(ks))]

    first, space = shrink(g.space, g.channels, 2)
    second, end = shrink(space, width, 2)
    whole, _ = shrink(g.space, g.channels, 4)
    features, inner = prod(end) * width, prod(g.space) * thick
    dec: Net
    if decoder == "multiplicative":
        dec = Multiplicative(
            Sequential([*grow(p, thick), FLATTEN]),
            Sequential(mlp([q, 200, 200, inner], ELU, ks)),
            Sequential([*grow(inner, g.channels), Lambda(g.join)]),
        )
    elif decoder == "concatenation":
        dec = Concatenation(Sequential([*grow(p + q, g.channels), Lambda(g.join)]))
    elif decoder == "convolution":
        dec = convolution(shape, p, q, ks)
    elif decoder == "own":  # `with_own` has it
        dec = LINEAR
    else:
        dec = Concatenation(Sequential([*mlp([p + q, 512, 512, 512, prod(shape)], ELU, ks), reshape(shape)]))
    return SymAENets(
        Sequential([Lambda(g.cut), *first]),
        Sequential([*second, FLATTEN, Dense(features, p, next(ks))]),
        Sequential([Lambda(g.cut), *whole, FLATTEN, Dense(features, q, next(ks))]),
        dec,
    )


def symae_appendix(shape: tuple[int, ...], p: int, q: int, decoder: str, key: Key[Array, ""]) -> SymAENets:
    """Appendix A as printed: a pool after every block and one more after the BatchNorm, dec2 of 200, 200 and 100.

    The appendix describes the multiplicative decoder only; the others are those of the authors' code.
    """
    ks, k, channels = keys(key), *_signal(shape)

    def block(inputs: int) -> list[Any]:
        return [Conv((5,), inputs, 32, next(ks)), ELU, Conv((5,), 32, 32, next(ks)), ELU, POOL]

    def head(outputs: int) -> list[Any]:
        return [BatchNorm(32), ELU, POOL, FLATTEN, Dense(_pooled(k, 5) * 32, outputs, next(ks))]

    def grow(inputs: int, outputs: int) -> list[Any]:
        layers = [*_start(inputs, k, 2, next(ks)), *_convs(1, 32, 2, ks), upsample(2), _crop(k)]
        layers += [*_convs(32, 32, 2, ks), BatchNorm(32), *_convs(32, 32, 2, ks), Conv((5,), 32, outputs, next(ks))]
        return layers

    if decoder == "multiplicative":
        dec: Net = Multiplicative(
            Sequential([*grow(p, 1), FLATTEN]),
            Sequential(mlp([q, 200, 200, k], ELU, ks)),
            Sequential([*grow(k, channels), reshape(shape)]),
        )
    else:
        dec = _authors_decoder(shape, p, q, decoder, ks)
    return SymAENets(
        Sequential([reshape((k, channels)), *block(channels), *block(32)]),
        Sequential([*block(32), *block(32), *head(p)]),
        Sequential([reshape((k, channels)), *block(channels), *block(32), *block(32), *block(32), *head(q)]),
        dec,
    )


def symae_authors(shape: tuple[int, ...], p: int, q: int, decoder: str, key: Key[Array, ""]) -> SymAENets:
    """The nets of the authors' code: four pools on each path, ELU on both sides of the encoders' BatchNorm, a linear dec2 of
    2000, 500 and 100.
    """
    ks, k, channels = keys(key), *_signal(shape)

    def block(inputs: int) -> list[Any]:
        return _convs(inputs, 32, 2, ks)

    def head(outputs: int) -> list[Any]:
        return [BatchNorm(32), ELU, POOL, FLATTEN, Dense(_pooled(k, 4) * 32, outputs, next(ks))]

    return SymAENets(
        Sequential([reshape((k, channels)), *block(channels), POOL, *block(32), POOL]),
        Sequential([*block(32), POOL, *block(32), *head(p)]),
        Sequential([reshape((k, channels)), *block(channels), POOL, *block(32), POOL, *block(32), POOL, *block(32), *head(q)]),
        _authors_decoder(shape, p, q, decoder, ks),
    )


def _authors_decoder(shape: tuple[int, ...], p: int, q: int, decoder: str, ks: Iterator[Key[Array, ""]]) -> Net:
    k, channels = _signal(shape)
    if decoder == "own":  # `with_own` has it
        return LINEAR
    if decoder == "convolution":
        return convolution(shape, p, q, ks)

    def grow(inputs: int, outputs: int) -> list[Any]:
        layers = [*_start(inputs, k, 2, next(ks)), *_convs(1, 32, 1, ks), upsample(2), _crop(k), *_convs(32, 32, 1, ks)]
        layers += [Conv((5,), 32, 32, next(ks)), BatchNorm(32), ELU, *_convs(32, 32, 2, ks)]
        return [*layers, Conv((5,), 32, outputs, next(ks))]

    if decoder == "multiplicative":
        dec1, dec3 = Sequential([*grow(p, 1), FLATTEN]), Sequential([*grow(k, channels), reshape(shape)])
        return Multiplicative(dec1, Sequential(mlp([q, 2000, 500, k], LINEAR, ks)), dec3)
    if decoder == "concatenation":
        layers = [
            *_start(p + q, k, 10, next(ks)),
            *_convs(1, 64, 1, ks),
            upsample(10),
            _crop(k),
            *_convs(64, 64, 2, ks),
        ]
        layers += [BatchNorm(64), ELU, *_convs(64, 64, 2, ks), Conv((5,), 64, channels, next(ks)), reshape(shape)]
        return Concatenation(Sequential(layers))
    return Concatenation(Sequential([*mlp([p + q, 100, *[5000] * 6, prod(shape)], ELU, ks), reshape(shape)]))


def _signal(shape: tuple[int, ...], what: str = "the paper's nets are") -> tuple[int, int]:
    if len(grid(shape).space) != 1:
        raise InputError(f"rows have shape {shape}; {what} for signals, the default nets also for images.")
    return shape[0], prod(shape[1:])


def _pooled(k: int, times: int) -> int:
    return k if times == 0 else _pooled(max(k // 2, 1), times - 1)


def _start(inputs: int, k: int, factor: int, key: Key[Array, ""]) -> list[Any]:
    return [Dense(inputs, ceil(k / factor), key), ELU, reshape((ceil(k / factor), 1))]


def _convs(inputs: int, width: int, number: int, ks: Iterator[Key[Array, ""]]) -> list[Any]:
    layers: list[Any] = []
    for i in range(number):
        layers += [Conv((5,), width if i else inputs, width, next(ks)), ELU]
    return layers


def _crop(k: int) -> Lambda:
    return Lambda(lambda x: x[:k])
