"""Encoders and decoders of one row, channel-last: the three nets of SymAE, and those of the methods with one code per row.

A net is a plain function of one row (Equinox style); `over_rows` maps it over leading axes. Weights start as in the code of
each paper's authors: SymAE's as in Keras (Glorot uniform kernels, zero biases), NashAE's as `lecun_normal` says.
"""

from collections.abc import Callable, Iterator
from functools import partial
from itertools import pairwise
from math import ceil, prod
from typing import Any, Literal, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from equinox.nn import Lambda, Sequential
from jaxtyping import Array, Complex, Float, Inexact, Key

from .errors import InputError

Net = Callable[..., Any]
State = eqx.nn.State


# -- layers ---------------------------------------------------------------------------------------------------------------


def drawn(draw: Callable[..., Array], key: Key[Array, ""], shape: tuple[int, ...], *bounds: float) -> Array:
    """`draw(key, shape)` of a distribution of `jax.random`, and a few compiled programs for layers of all sizes: jax's numbers
    do not depend on how many are drawn, so that these are the first of many.
    """
    n = prod(shape)
    return draw(key, (max(2**14, 2 ** (n - 1).bit_length()),), jnp.float32, *bounds)[:n].reshape(shape)


def glorot_uniform(key: Key[Array, ""], shape: tuple[int, ...]) -> Array:
    """Uniform on +-sqrt(6 / (fan in + fan out)), the last two axes being inputs and outputs (Glorot and Bengio 2010)."""
    receptive = prod(shape[:-2])
    limit = (6 / (receptive * (shape[-2] + shape[-1]))) ** 0.5
    return drawn(jax.random.uniform, key, shape, -limit, limit)


def keras(key: Key[Array, ""], inputs: int, outputs: int) -> tuple[Array, Array]:
    """Weights and biases as Keras starts a dense layer."""
    return glorot_uniform(key, (inputs, outputs)), jnp.zeros(outputs)


def lecun_normal(key: Key[Array, ""], inputs: int, outputs: int, gain: float = 1.0) -> tuple[Array, Array]:
    """Normal weights of variance gain^2 / inputs, as SELU wants them with gain 1, and PyTorch's biases, uniform on
    +-1 / sqrt(inputs).
    """
    first, second = jax.random.split(key)
    scale = inputs**-0.5
    weight = gain * scale * drawn(jax.random.normal, first, (inputs, outputs))
    return weight, drawn(jax.random.uniform, second, (outputs,), -scale, scale)


Start = Callable[[Key[Array, ""], int, int], tuple[Array, Array]]


class Dense(eqx.Module):
    """x W + b."""

    weight: Float[Array, "inputs outputs"]
    bias: Float[Array, " outputs"]

    def __init__(self, inputs: int, outputs: int, key: Key[Array, ""], start: Start = keras):
        self.weight, self.bias = start(key, inputs, outputs)

    def __call__(self, x: Float[Array, " inputs"], *, key=None) -> Float[Array, " outputs"]:
        """One row."""
        return x @ self.weight + self.bias


class Conv(eqx.Module):
    """Convolution with zero padding to the same size and stride 1, in one or two dimensions, channels last."""

    weight: Float[Array, "*kernel inputs outputs"]
    bias: Float[Array, " outputs"]

    def __init__(self, kernel: tuple[int, ...], inputs: int, outputs: int, key: Key[Array, ""]):
        self.weight, self.bias = glorot_uniform(key, (*kernel, inputs, outputs)), jnp.zeros(outputs)

    def __call__(self, x: Float[Array, "*space inputs"], *, key=None) -> Float[Array, "*space outputs"]:
        """One row."""
        space = "WH"[: x.ndim - 1]
        layout = (f"N{space}C", f"{space}IO", f"N{space}C")
        strides = (1,) * len(space)
        y = jax.lax.conv_general_dilated(x[None], self.weight, strides, "SAME", dimension_numbers=layout)
        return y[0] + self.bias


class Halve(eqx.Module):
    """A 4 x 4 convolution with stride 2 and padding 1: half the height and width, which must be even."""

    weight: Float[Array, "4 4 inputs outputs"]
    bias: Float[Array, " outputs"]

    def __init__(self, inputs: int, outputs: int, key: Key[Array, ""]):
        weight, self.bias = lecun_normal(key, 16 * inputs, outputs)
        self.weight = weight.reshape(4, 4, inputs, outputs)

    def __call__(self, x: Float[Array, "height width inputs"], *, key=None) -> Float[Array, "half_height half_width outputs"]:
        """One row."""
        return _strided(x[None], self.weight)[0] + self.bias

    def rows(self, x: Float[Array, "n height width inputs"]) -> Float[Array, "n half_height half_width outputs"]:
        """Many rows."""
        return halved(x, self.weight) + self.bias


class Double(eqx.Module):
    """A transposed 4 x 4 convolution with stride 2 and padding 1: twice the height and width; the transpose of `Halve`."""

    weight: Float[Array, "4 4 outputs inputs"]
    bias: Float[Array, " outputs"]

    def __init__(self, inputs: int, outputs: int, key: Key[Array, ""]):
        first, second = jax.random.split(key)
        weight, _ = lecun_normal(first, 16 * outputs, inputs)  # PyTorch counts the outputs of such a layer as its inputs
        self.weight = weight.reshape(4, 4, outputs, inputs)
        _, self.bias = lecun_normal(second, 16 * outputs, outputs)

    def __call__(self, x: Float[Array, "height width inputs"], *, key=None) -> Float[Array, "twice_height twice_width outputs"]:
        """One row."""
        return _transposed(x[None], self.weight)[0] + self.bias

    def rows(self, x: Float[Array, "n height width inputs"]) -> Float[Array, "n twice_height twice_width outputs"]:
        """Many rows."""
        return doubled(x, self.weight) + self.bias


# The two are each other's gradient. jax would take that of the first by a convolution of an image with holes, which is ten
# times slower on a CPU than one of 2 x 2 blocks. That works on many rows only (`mapped`), because the gradient of a kernel is a
# sum over rows.


def _strided(x: Any, kernel: Any) -> Float[Array, "n half_h half_w o"]:
    return jax.lax.conv_general_dilated(x, kernel, (2, 2), [(1, 1), (1, 1)], dimension_numbers=("NHWC", "HWIO", "NHWC"))


def _transposed(y: Any, kernel: Any) -> Float[Array, "n twice_h twice_w c"]:
    """Every 2 x 2 block of an image with a border of one, from 2 x 2 pixels."""
    n, height, width, outputs = y.shape
    blocks = kernel.reshape(2, 2, 2, 2, -1, outputs)[::-1, :, ::-1].transpose(0, 2, 5, 1, 3, 4).reshape(2, 2, outputs, -1)
    y = jax.lax.conv_general_dilated(y, blocks, (1, 1), [(1, 1), (1, 1)], dimension_numbers=("NHWC", "HWIO", "NHWC"))
    y = y.reshape(n, height + 1, width + 1, 2, 2, -1).transpose(0, 1, 3, 2, 4, 5)
    return y.reshape(n, 2 * height + 2, 2 * width + 2, -1)[:, 1:-1, 1:-1]


def _of_kernel(x: Any, y: Float[Array, "n half_h half_w o"]) -> Float[Array, "4 4 c o"]:
    """The gradient of sum(_strided(x, kernel) * y) for the kernel; for images of few channels by the patches that it meets."""
    channels, outputs = x.shape[3], y.shape[3]
    if channels > 4:
        kernel = jnp.zeros((4, 4, channels, outputs))
        return jax.linear_transpose(lambda kernel: _strided(x, kernel), kernel)(y)[0]
    x = jnp.pad(x, [(0, 0), (1, 1), (1, 1), (0, 0)])
    last = [n - 2 for n in x.shape[1:3]]
    patches = jnp.concatenate([x[:, i : last[0] + i : 2, j : last[1] + j : 2] for i in range(4) for j in range(4)], axis=3)
    return (patches.reshape(-1, 16 * channels).T @ y.reshape(-1, outputs)).reshape(4, 4, channels, outputs)


@jax.custom_vjp
def halved(x: Any, kernel: Any) -> Float[Array, "n half_h half_w o"]:
    """`Halve` of many rows, without its bias."""
    return _strided(x, kernel)


@jax.custom_vjp
def doubled(y: Any, kernel: Any) -> Float[Array, "n twice_h twice_w c"]:
    """`Double` of many rows, without its bias."""
    return _transposed(y, kernel)


def _halved_gradient(kept: tuple[Array, Array], slope: Array) -> tuple[Array, Array]:
    x, kernel = kept
    return _transposed(slope, kernel), _of_kernel(x, slope)


def _doubled_gradient(kept: tuple[Array, Array], slope: Array) -> tuple[Array, Array]:
    y, kernel = kept
    return _strided(slope, kernel), _of_kernel(slope, y)


halved.defvjp(lambda x, kernel: (_strided(x, kernel), (x, kernel)), _halved_gradient)
doubled.defvjp(lambda y, kernel: (_transposed(y, kernel), (y, kernel)), _doubled_gradient)


class Residual(eqx.Module):
    """x + two convolutions of it, the second of which starts from zero."""

    first: Conv
    second: Conv

    def __init__(self, kernel: tuple[int, ...], channels: int, key: Key[Array, ""]):
        self.first, second = Conv(kernel, channels, channels, key), Conv(kernel, channels, channels, key)
        self.second = eqx.tree_at(lambda conv: conv.weight, second, jnp.zeros_like(second.weight))

    def __call__(self, x: Float[Array, "*space c"], *, key=None) -> Float[Array, "*space c"]:
        """One row."""
        return x + self.second(selu(self.first(selu(x))))


class BatchNorm(eqx.nn.StatefulLayer):
    """Normalise each channel over all rows and positions, as Keras does (momentum 0.99, epsilon 1e-3; running statistics begin
    at 0 and 1, and that is not corrected).

    Weights and running statistics are Equinox's, whose own form, of one row among others, takes six times as long.
    """

    norm: Any

    def __init__(self, channels: int):
        self.norm = eqx.nn.BatchNorm(channels, axis_name="rows", momentum=0.99, eps=1e-3, mode="batch")

    def __call__(self, x: Float[Array, "n *space c"], state: State, *, key=None) -> tuple[Float[Array, "n *space c"], State]:
        """Many rows, unlike other layers."""
        norm, axes = self.norm, tuple(range(x.ndim - 1))
        count, running = state.get(norm.batch_counter), state.get(norm.batch_state_index)
        if norm.inference:
            mean, variance = running
        else:
            mean = x.mean(axis=axes)
            variance = jnp.mean((x - mean) ** 2, axis=axes)
            moved = [
                norm.momentum * old + (1 - norm.momentum) * new for old, new in zip(running, (mean, variance), strict=True)
            ]
            state = state.set(norm.batch_counter, count + 1).set(norm.batch_state_index, tuple(moved))
        return (x - mean) * (norm.weight / jnp.sqrt(variance + norm.eps)) + norm.bias, state


def max_pool(x: Float[Array, "*space c"]) -> Float[Array, "*half c"]:
    """Halve every space axis longer than 1 by the larger of two neighbours; an odd last position is dropped, as in Keras."""
    for axis in range(x.ndim - 1):
        if x.shape[axis] > 1:
            x = jnp.maximum(*_even_and_odd(x, axis))
    return x


def blur_pool(x: Float[Array, "*space c"]) -> Float[Array, "*half c"]:
    """Halve every space axis longer than 1: the larger of two neighbours at every position, then every second one of their
    averages with weights (1, 3, 3, 1) / 8, so that a shift by one position changes little (Zhang 2019).
    """
    for axis in range(x.ndim - 1):
        if x.shape[axis] > 1:
            even, odd = _even_and_odd(x, axis)
            within, between = jnp.maximum(even, odd), jnp.maximum(odd, _moved(even, axis, 1))
            x = (_moved(between, axis, -1) + 3 * within + 3 * between + _moved(within, axis, 1)) / 8
    return x


def _even_and_odd(x: Array, axis: int) -> tuple[Array, Array]:
    """Every second position along an axis, and the others; an odd last one is dropped."""
    half = x.shape[axis] // 2
    pairs = jax.lax.slice_in_dim(x, 0, 2 * half, axis=axis).reshape(*x.shape[:axis], half, 2, *x.shape[axis + 1 :])
    even, odd = (jnp.take(pairs, i, axis=axis + 1) for i in (0, 1))
    return even, odd


def _moved(x: Array, axis: int, by: Literal[1, -1]) -> Array:
    """Every position's next (1) or last (-1) neighbour along an axis; at the end, itself."""
    parts = [(1, None), (-1, None)] if by == 1 else [(None, 1), (None, -1)]
    return jnp.concatenate([x[(*[slice(None)] * axis, slice(*part))] for part in parts], axis=axis)


def upsample(factor: int) -> Lambda:
    """Repeat every position `factor` times along every space axis."""

    def repeat(x: Float[Array, "*space c"]) -> Float[Array, "*larger c"]:
        for axis in range(x.ndim - 1):
            x = jnp.repeat(x, factor, axis=axis)
        return x

    return Lambda(repeat)


def reshape(shape: tuple[int, ...]) -> Lambda:
    """Give a row this shape."""
    return Lambda(lambda x: jnp.reshape(x, shape))


@jax.custom_jvp
def elu(x: Array) -> Array:
    """Exponential linear unit (Clevert et al. 2016). Like that of `selu`, its derivative is taken from its value, without a
    second exponential, where a step would spend much of its time.
    """
    return jnp.where(x > 0, x, jnp.exp(jnp.minimum(x, 0.0)) - 1)


@elu.defjvp
def _elu_jvp(primals: tuple[Array], tangents: tuple[Array]) -> tuple[Array, Array]:
    y = elu(*primals)
    return y, tangents[0] * jnp.where(y > 0, 1, y + 1)


@jax.custom_jvp
def selu(x: Array) -> Array:
    """Scaled exponential linear unit (Klambauer et al. 2017)."""
    return SELU_SCALE * jnp.where(x > 0, x, SELU_ALPHA * (jnp.exp(jnp.minimum(x, 0.0)) - 1))


SELU_SCALE, SELU_ALPHA = 1.0507009873554805, 1.6732632423543772


@selu.defjvp
def _selu_jvp(primals: tuple[Array], tangents: tuple[Array]) -> tuple[Array, Array]:
    y = selu(*primals)
    return y, tangents[0] * jnp.where(y > 0, SELU_SCALE, y + SELU_SCALE * SELU_ALPHA)


ELU, SELU, LINEAR = Lambda(elu), Lambda(selu), Lambda(lambda x: x)
POOL, FLATTEN = Lambda(max_pool), Lambda(jnp.ravel)


def over_rows(net: Net, x: Inexact[Array, "rows ..."], state: State) -> tuple[Array, State]:
    """Apply a net of one row to many, layer by layer, as some layers do many rows faster at once, and pass the state of its
    layers (batch statistics) along.
    """
    if isinstance(net, Sequential):
        for layer in net.layers:
            x, state = over_rows(layer, x, state)
        return x, state
    if isinstance(net, BatchNorm):
        return net(x, state)
    if isinstance(net, eqx.nn.StatefulLayer) and net.is_stateful():
        return jax.vmap(net, axis_name="rows", in_axes=(0, None), out_axes=(0, None))(x, state)
    return net.rows(x) if isinstance(net, Halve | Double) else jax.vmap(net)(x), state


def mapped(net: Net, x: Inexact[Array, "rows ..."]) -> Array:
    """Apply a net of one row, without a state, to many."""
    return over_rows(net, x, STATELESS)[0]


STATELESS = State(())


def keys(key: Key[Array, ""]) -> Iterator[Key[Array, ""]]:
    """Fresh keys without end."""
    while True:
        key, fresh = jax.random.split(key)
        yield fresh


def mlp(widths: list[int], activation: Lambda, ks: Iterator[Key[Array, ""]], start: Start = keras) -> list[Any]:
    """Dense layers of these widths, the activation between them."""
    layers: list[Any] = []
    for inputs, outputs in pairwise(widths):
        layers += [Dense(inputs, outputs, next(ks), start), activation]
    return layers[:-1]


# -- nets of a user -------------------------------------------------------------------------------------------------------


def made(net: Any, key: Key[Array, ""]) -> Any:
    """A net as it is, or made by a function of a key.

    Raises:
        InputError: if it is neither.
    """
    if not callable(net):
        raise InputError(f"{net!r} is no net; an Equinox module, or a function of a key that makes one, is needed.")
    return net if isinstance(net, eqx.Module) else net(key)


def output_shape(net: Any, name: str, inputs: tuple[int, ...], needed: tuple[int, ...] | None = None) -> tuple[int, ...]:
    """The shape that a net of the user makes of one row, without running it.

    Raises:
        InputError: if it is not what is needed, naming the net and both shapes.
    """
    if isinstance(net, eqx.nn.StatefulLayer) and net.is_stateful():
        raise InputError(f"the net {name} keeps state in its layers; your own nets must be without.")
    try:
        found = eqx.filter_eval_shape(net, jnp.zeros(inputs)).shape
    except Exception as error:
        raise InputError(f"the net {name} does not take a row of shape {inputs}: {str(error).splitlines()[0]}") from error
    if needed and found != needed:
        raise InputError(f"the net {name} makes {found} of a row of shape {inputs}; {needed} is needed.")
    return found


# -- rows of any shape ----------------------------------------------------------------------------------------------------


class Grid(NamedTuple):
    """A row as convolutions see it: patches of neighbouring samples on a line of at most 128 or a square of at most 16.

    Long signals and large images are cut into patches whose samples become channels, so that the cost of a net does not grow
    with their resolution.
    """

    shape: tuple[int, ...]
    row: tuple[int, ...]
    patch: int
    space: tuple[int, ...]
    channels: int

    @property
    def kernel(self) -> tuple[int, ...]:
        """The size of a convolution kernel: 5 on a line, 3 x 3 on a plane."""
        return (5,) if len(self.space) == 1 else (3, 3)

    def _padded(self) -> tuple[int, ...]:
        return tuple(n * self.patch for n in self.space)

    def cut(self, x: Float[Array, "..."]) -> Float[Array, "..."]:
        """A row as (*space, channels), padded with zeros to whole patches."""
        x = x.reshape(*self.row)
        size, dims = x.shape[:-1], len(self.space)
        x = jnp.pad(x, [*((0, full - n) for full, n in zip(self._padded(), size, strict=True)), (0, 0)])
        x = x.reshape(*(n for pair in zip(self.space, (self.patch,) * dims, strict=True) for n in pair), -1)
        return jnp.moveaxis(x, range(0, 2 * dims, 2), range(dims)).reshape(*self.space, self.channels)

    def join(self, x: Float[Array, "..."]) -> Float[Array, "..."]:
        """The inverse of `cut`: (*space, channels) as a row."""
        dims = len(self.space)
        x = x.reshape(*self.space, *(self.patch,) * dims, -1)
        x = jnp.moveaxis(x, range(dims), range(0, 2 * dims, 2)).reshape(*self._padded(), -1)
        return x[tuple(slice(n) for n in self.row[:-1])].reshape(self.shape)


def grid(shape: tuple[int, ...]) -> Grid:
    """How to see a row of this shape: (length,), (length, channels), (height, width) or (height, width, channels).

    Two axes of equal size are a grey image; two of different size are a signal and its channels.
    """
    image = len(shape) == 3 or (len(shape) == 2 and shape[0] == shape[1])
    row = shape if len(shape) == 3 or (len(shape) == 2 and not image) else (*shape, 1)
    size = row[:-1]
    patch = ceil(max(size) / (16 if image else 128))
    return Grid(shape, row, patch, tuple(ceil(n / patch) for n in size), row[-1] * patch ** len(size))


# -- SymAE ----------------------------------------------------------------------------------------------------------------


class Opponents(NamedTuple):
    """Who predicts the coherent code from the nuisance code (q -> p), and the nuisance code from the coherent (p -> q)."""

    coherent: Net
    nuisance: Net


class SymAENets(NamedTuple):
    """What SymAE is made of: CEnc1 (row -> features), CEnc2 (pooled features -> p), NEnc (row -> q), a decoder, and in the game
    between the two codes their opponents.
    """

    coherent_1: Net
    coherent_2: Net
    nuisance: Net
    decoder: Net
    opponents: Opponents | None = None


def with_opponents(base: SymAENets, p: int, q: int, key: Key[Array, ""], width: int = 64) -> SymAENets:
    """Opponents of two hidden SELU layers, started as NashAE's predictors are."""
    ks = keys(jax.random.fold_in(key, 1))
    sides = [[q, width, width, p], [p, width, width, q]]
    return base._replace(opponents=Opponents(*(Sequential(mlp(widths, SELU, ks, lecun_normal)) for widths in sides)))


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


# -- one code per row -----------------------------------------------------------------------------------------------------


class Autoencoder(NamedTuple):
    """An encoder (row -> numbers of the code) and a decoder (code -> row)."""

    encoder: Net
    decoder: Net


def autoencoder(
    shape: tuple[int, ...], m: int, heads: int, key: Key[Array, ""], encoder: Net | None = None, decoder: Net | None = None
) -> Autoencoder:
    """The default nets for rows of any shape, convolutional for images and dense for signals, with a linear head of `heads`
    numbers per latent. A user's own nets take their place.
    """
    ks = keys(key)
    inward, outward = (convolutional if len(grid(shape).space) == 2 else beamsynthesis)(shape, m, heads, ks)
    if encoder is not None:
        inward = made(encoder, next(ks))
        output_shape(inward, "encoder", shape, (heads * m,))
    if decoder is not None:
        outward = made(decoder, next(ks))
        output_shape(outward, "decoder", (m,), shape)
    return Autoencoder(inward, outward)


def both(build: Callable[[Iterator[Key[Array, ""]]], Autoencoder]) -> dict[str, Any]:
    """The two nets of a pair as a method takes them: `NashAE(m=10, **both(partial(dsprites, 10, 1)))`."""
    return {
        "encoder": lambda key: build(keys(key)).encoder,
        "decoder": lambda key: build(keys(jax.random.fold_in(key, 1))).decoder,
    }


def beamsynthesis(shape: tuple[int, ...], m: int, heads: int, ks: Iterator[Key[Array, ""]]) -> Autoencoder:
    """The nets of the NashAE authors' code for Beamsynthesis: 200, 80 and 40 SELU units, and back."""
    size = prod(shape)
    inward = Sequential([FLATTEN, *mlp([size, 200, 80, 40, heads * m], SELU, ks, lecun_normal)])
    return Autoencoder(inward, Sequential([*mlp([m, 40, 80, 200, size], SELU, ks, lecun_normal), reshape(shape)]))


def convolutional(shape: tuple[int, ...], m: int, heads: int, ks: Iterator[Key[Array, ""]]) -> Autoencoder:
    """For images of any size: two residual blocks on patches, the second at half the resolution, and a hidden layer of 256.

    The last layer starts a tenth as large as usual: a full one paints noise, which the first steps undo through the codes, and
    those of NashAE, in (0, 1), end at 0 or 1 and do not come back.
    """
    g, width = grid(shape), 32
    even = all(n % 2 == 0 for n in g.space)
    inner, small = (2 * width, tuple(n // 2 for n in g.space)) if even else (width, g.space)
    down, up = ([Halve(width, inner, next(ks))], [Double(inner, width, next(ks))]) if even else ([], [])
    first = [Lambda(g.cut), Conv(g.kernel, g.channels, width, next(ks)), Residual(g.kernel, width, next(ks)), SELU]
    dense = mlp([inner * prod(small), 256, heads * m], SELU, ks, lecun_normal)
    inward = Sequential([*first, *down, Residual(g.kernel, inner, next(ks)), SELU, FLATTEN, *dense])
    start = [*mlp([m, 256, inner * prod(small)], SELU, ks, lecun_normal), reshape((*small, inner))]
    last = Conv(g.kernel, width, g.channels, next(ks))
    last = eqx.tree_at(lambda conv: conv.weight, last, 0.1 * last.weight)
    middle = [Residual(g.kernel, inner, next(ks)), SELU, *up, Residual(g.kernel, width, next(ks)), SELU]
    return Autoencoder(inward, Sequential([*start, *middle, last, Lambda(g.join)]))


RELU, TANH = Lambda(jax.nn.relu), Lambda(jnp.tanh)


def dsprites(m: int, heads: int, ks: Iterator[Key[Array, ""]]) -> Autoencoder:
    """The dense nets of the NashAE authors' code for dSprites, 64 x 64: two layers of 1,200 units. An autoencoder (one head)
    has ReLU and gain 1 on both sides; a VAE (two) has ReLU's gain, a linear head, and back three layers of tanh and its gain.
    """
    inner, outer = [FLATTEN], [reshape((64, 64))]
    if heads == 1:
        inward, outward = mlp([4096, 1200, 1200, m], RELU, ks, lecun_normal), mlp([m, 1200, 1200, 4096], RELU, ks, lecun_normal)
    else:
        inward = mlp([4096, 1200, 1200], RELU, ks, partial(lecun_normal, gain=2**0.5))
        inward += [RELU, Dense(1200, heads * m, next(ks), lecun_normal)]
        outward = mlp([m, 1200, 1200, 1200, 4096], TANH, ks, partial(lecun_normal, gain=5 / 3))
    return Autoencoder(Sequential([*inner, *inward]), Sequential([*outward, *outer]))


def celeba(m: int, heads: int, ks: Iterator[Key[Array, ""]]) -> Autoencoder:
    """The convolutional nets of the NashAE authors' code for CelebA, 64 x 64 x 3."""
    channels = (3, 32, 32, 64, 64)
    inner = [layer for a, b in pairwise(channels) for layer in (Halve(a, b, next(ks)), SELU)]
    inward = [*inner, FLATTEN, *mlp([1024, 256, heads * m], SELU, ks, lecun_normal)]
    outer = [layer for a, b in pairwise(channels[::-1]) for layer in (Double(a, b, next(ks)), SELU)]
    outward = [*mlp([m, 256, 1024], SELU, ks, lecun_normal), SELU, reshape((4, 4, 64)), *outer[:-1]]
    return Autoencoder(Sequential(inward), Sequential(outward))
