from functools import partial

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import unentangle as un
from unentangle import nets
from unentangle.data.grid import grid
from worlds import compiled

SHAPES = st.one_of(
    st.tuples(st.integers(1, 1500)),
    st.tuples(st.integers(2, 700), st.integers(1, 4)).filter(lambda s: s[0] != s[1]),
    st.tuples(st.integers(1, 70), st.integers(1, 70), st.integers(1, 3)),
    st.integers(2, 40).map(lambda n: (n, n)),
)


@given(SHAPES)
def test_a_grid_cuts_and_joins_any_row(shape):
    g = grid(shape)
    row = np.random.default_rng(0).standard_normal(shape).astype(np.float32)
    cut, joined = compiled(lambda row: (cut := g.cut(row), g.join(cut)), jnp.asarray(row))
    assert cut.shape == (*g.space, g.channels)
    assert max(g.space) <= (128 if len(g.space) == 1 else 16)
    np.testing.assert_array_equal(joined, row)


def test_a_patch_holds_neighbours():
    g = grid((300,))
    np.testing.assert_array_equal(g.cut(jnp.arange(300.0))[1], [3, 4, 5])


@given(SHAPES, st.sampled_from(["multiplicative", "concatenation", "dense"]))
@settings(max_examples=8)  # each is traced anew
def test_default_nets_take_rows_of_any_shape(shape, decoder):
    method = un.SymAE(p=2, q=3, decoder=decoder)

    def forward(key, x):
        net, state = method.init(shape, key)
        c, state = nets.over_rows(net.coherent_1, x, state)
        c, state = nets.over_rows(net.coherent_2, c, state)
        n, state = nets.over_rows(net.nuisance, x, state)
        return c, n, net.decoder(c, n, jnp.arange(2), state)[0]

    c, n, y = jax.eval_shape(forward, jax.random.key(0), jnp.zeros((2, *shape)))
    assert (c.shape, n.shape, y.shape) == ((2, 2), (2, 3), (2, *shape))


def count(net) -> int:
    return sum(x.size for x in jax.tree.leaves(net) if hasattr(x, "size"))


@pytest.mark.parametrize(
    ("architecture", "features", "dec2"),
    [
        ("appendix", 3 * 32, 10 * 200 + 200 + 200 * 200 + 200 + 200 * 100 + 100),  # five pools: 100, 50, 25, 12, 6, 3
        ("authors", 6 * 32, 10 * 2000 + 2000 + 2000 * 500 + 500 + 500 * 100 + 100),  # four pools
    ],
)
def test_the_named_variants_have_the_printed_widths(architecture, features, dec2):
    method = un.SymAE(architecture=architecture)
    net, _ = eqx.filter_eval_shape(method.init, (100,), jax.random.key(0))
    conv = 5 * 32 * 32 + 32
    first, other = 5 * 32 + 32 + conv, 2 * conv
    assert count(net.coherent_1) == first + other
    norm = 2 * 32
    head = norm + features * 5 + 5
    assert count(net.coherent_2) - head in (2 * other, 2 * other + 1)  # one index of the layer's state
    assert count(net.decoder.dec2) == dec2
    with pytest.raises(un.InputError, match="are for signals"):
        method.init((8, 8, 3), jax.random.key(0))


@pytest.mark.parametrize("decoder", ["multiplicative", "concatenation", "dense", "convolution"])
@pytest.mark.parametrize("architecture", ["appendix", "authors"])
@pytest.mark.parametrize("shape", [(100,), (37, 2)])
def test_the_named_variants_decode_signals_of_any_length(architecture, decoder, shape):
    method = un.SymAE(architecture=architecture, decoder=decoder)

    def forward(key):
        net, state = method.init(shape, key)
        return net.decoder(jnp.zeros((3, 5)), jnp.zeros((4, 10)), jnp.array([0, 0, 1, 2]), state)[0]

    assert jax.eval_shape(forward, jax.random.key(0)).shape == (4, *shape)


def test_the_convolution_decoder_convolves_every_channel_with_one_wavelet():
    """dec(C, N) is the circular convolution, on a longer line, of what C and what N decode to."""
    dec = nets.convolution((21, 4), 2, 3, nets.keys(jax.random.key(0)))
    c, n = jnp.array([[0.5, -1.0]]), jnp.array([[1.0, 0.3, -0.7]])
    spectra = [np.asarray(compiled(part, code[0])) for part, code in ((dec.dec1, c), (dec.dec2, n))]
    assert [s.shape for s in spectra] == [(15, 4), (15, 1)]
    response, wavelet = (np.fft.irfft(s, 28, axis=0) for s in spectra)
    rolled = np.stack([np.roll(response, k, axis=0) for k in range(28)])
    expected = np.sqrt(28) * np.einsum("k,ktc->tc", wavelet[:, 0], rolled)[:21]
    found = compiled(dec, c, n, jnp.array([0]), eqx.nn.State({}))[0]
    assert found.dtype == np.float32
    np.testing.assert_allclose(found[0], expected, atol=1e-5)
    with pytest.raises(un.InputError, match="for signals"):
        nets.convolution((8, 8), 2, 3, nets.keys(jax.random.key(0)))


def test_convolution_is_the_textbook_sum():
    conv = nets.Conv((3,), 1, 1, jax.random.key(0))
    x = np.random.default_rng(0).standard_normal(9).astype(np.float32)
    padded = np.pad(x, 1)
    expected = [sum(padded[i + j] * float(conv.weight[j, 0, 0]) for j in range(3)) for i in range(9)]
    np.testing.assert_allclose(conv(jnp.asarray(x)[:, None])[:, 0], expected, atol=1e-6)


@pytest.mark.parametrize(("ours", "theirs"), [(nets.elu, jax.nn.elu), (nets.selu, jax.nn.selu)])
def test_activations_and_their_derivatives_are_the_known_ones(ours, theirs):
    x = jnp.linspace(-9, 9, 400)
    ours, theirs = (compiled(jax.vmap(jax.value_and_grad(function)), x) for function in (ours, theirs))
    np.testing.assert_allclose(ours, theirs, atol=1e-6)


def test_blur_pool_keeps_constants_and_ramps_and_has_the_shape_of_max_pool():
    blur_pool = jax.jit(nets.blur_pool)
    for shape in ((7, 4, 2), (1, 5, 3), (100, 1)):
        blurred = blur_pool(np.ones(shape, np.float32))
        assert blurred.shape == jax.eval_shape(nets.max_pool, jnp.ones(shape)).shape
        np.testing.assert_allclose(blurred, 1, rtol=1e-6)
    ramp = np.asarray(blur_pool(jnp.arange(20.0)[:, None]))[1:-1, 0]
    np.testing.assert_allclose(np.diff(ramp), 2, rtol=1e-5)


def test_blur_pool_changes_less_than_max_pool_when_the_signal_moves_by_one():
    x = jax.random.normal(jax.random.key(0), (64, 8))
    moved = np.roll(x, 1, axis=0)
    pooled = [[np.asarray(compiled(pool, rows)) for rows in (x, moved)] for pool in (nets.blur_pool, nets.max_pool)]
    change = [np.std(still[2:-2] - moved[2:-2]) / np.std(still) for still, moved in pooled]
    assert change[0] < 0.8 * change[1]


def test_max_pool_drops_an_odd_end_and_keeps_a_single_position():
    np.testing.assert_array_equal(nets.max_pool(jnp.array([[1.0], [3.0], [9.0]])), [[3.0]])
    np.testing.assert_array_equal(nets.max_pool(jnp.array([[1.0]])), [[1.0]])
    assert nets.max_pool(jnp.zeros((7, 4, 2))).shape == (3, 2, 2)


@pytest.mark.parametrize("shape", [(1,), (3, 5, 7), (150, 200)])
def test_weights_are_what_jax_draws_in_their_shape(shape):
    keys = jax.random.split(jax.random.key(0), 2)
    for draw, bounds in ((jax.random.normal, ()), (jax.random.uniform, (-0.1, 0.3))):
        found = jax.vmap(lambda key, draw=draw, bounds=bounds: nets.drawn(draw, key, shape, *bounds))(keys)
        np.testing.assert_array_equal(found, [draw(key, shape, jnp.float32, *bounds) for key in keys])


def test_batch_norm_normalises_over_rows_and_positions():
    norm, state = eqx.nn.make_with_state(lambda: eqx.nn.Sequential([nets.BatchNorm(2)]))()
    x = np.random.default_rng(0).standard_normal((8, 5, 2)).astype(np.float32) * 3 + 1
    y, state = nets.over_rows(norm, jnp.asarray(x), state)
    np.testing.assert_allclose(np.mean(y, axis=(0, 1)), 0, atol=1e-5)
    np.testing.assert_allclose(np.std(y, axis=(0, 1)), 1, atol=1e-3)
    by_row = jax.vmap(norm.layers[0].norm, axis_name="rows", in_axes=(0, None), out_axes=(0, None))  # as Equinox has it
    true, true_state = by_row(x.transpose(0, 2, 1), state)
    found, found_state = nets.over_rows(norm, jnp.asarray(x), state)
    np.testing.assert_allclose(found, true.transpose(0, 2, 1), atol=1e-5)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-5), found_state, true_state)


def test_batch_norm_at_rest_has_what_keras_keeps():
    """After t steps on the same rows, m^t of what it began with, 0 and 1, and the rest of what it saw."""
    norm, state = eqx.nn.make_with_state(nets.BatchNorm)(2)
    x = 3 * jax.random.normal(jax.random.key(0), (8, 5, 2)) + 1
    for steps in (0, 10, 600):
        seen = jax.lax.fori_loop(0, steps, lambda _, s: norm(x, s)[1], state)
        y, after = eqx.nn.inference_mode(norm)(x, seen)
        mean, variance = (1 - 0.99**steps) * x.mean((0, 1)), 0.99**steps + (1 - 0.99**steps) * x.var((0, 1))
        np.testing.assert_allclose(y, (x - mean) / np.sqrt(variance + 1e-3), atol=1e-4)
        jax.tree.map(np.testing.assert_array_equal, after, seen)


@pytest.mark.parametrize(("height", "width", "channels"), [(1, 1, 1), (3, 2, 3)])
def test_halving_is_a_strided_convolution_and_doubling_its_transpose(height, width, channels):
    x, y = (
        jax.random.normal(jax.random.key(i), shape)
        for i, shape in enumerate([(2 * height, 2 * width, channels), (height, width, 5)])
    )
    halve, double = nets.Halve(channels, 5, jax.random.key(2)), nets.Double(5, channels, jax.random.key(3))
    pair = eqx.tree_at(lambda d: d.weight, double, halve.weight)
    strided, doubled = (np.asarray(compiled(layer, of) - layer.bias) for layer, of in ((halve, x), (pair, y)))
    assert float(np.sum(doubled * np.asarray(x))) == pytest.approx(float(np.sum(strided * np.asarray(y))), rel=1e-3, abs=1e-3)
    assert doubled.shape == x.shape
    patch = np.pad(x, [(1, 1), (1, 1), (0, 0)])[:4, :4]
    np.testing.assert_allclose(strided[0, 0], np.einsum("ijc,ijco->o", patch, np.asarray(halve.weight)), atol=1e-4)


@pytest.mark.parametrize("kind", [nets.Halve, nets.Double])
def test_gradients_of_halving_and_doubling_are_those_of_what_they_compute(kind):
    """Of many rows at once as of each alone, and of kernels side by side."""
    layer, x = kind(2, 3, jax.random.key(0)), jax.random.normal(jax.random.key(1), (4, 4, 6, 2))

    def loss(layer, x):
        return jnp.sum(jnp.sin(nets.mapped(layer, x)))

    def plain_loss(layer, x):
        return jnp.sum(jnp.sin(jax.vmap(layer)(x)))

    np.testing.assert_allclose(compiled(nets.mapped, layer, x), compiled(jax.vmap(layer), x), atol=1e-5)
    (together, rows), (plain, each) = (compiled(jax.grad(of, argnums=(0, 1)), layer, x) for of in (loss, plain_loss))
    np.testing.assert_allclose(together.weight, plain.weight, atol=1e-4)
    np.testing.assert_allclose(rows, each, atol=1e-4)
    two = jax.tree.map(lambda w: jnp.stack([w, 2 * w]), layer)
    beside = compiled(eqx.filter_vmap(jax.grad(loss), in_axes=(0, None)), two, x).weight
    np.testing.assert_allclose(beside[0], together.weight, atol=1e-4)


@pytest.mark.long
def test_the_printed_nets_have_their_sizes():
    """Dense 4096-1200-1200-m for dSprites, three layers back in a VAE; four convolutions each way for CelebA."""

    def made(build):
        return eqx.filter_eval_shape(lambda key: build(nets.keys(key)), jax.random.key(0))

    def maps(pair, heads, shape):
        code = eqx.filter_eval_shape(pair.encoder, jnp.zeros(shape))
        return eqx.filter_eval_shape(pair.decoder, jax.ShapeDtypeStruct((code.shape[0] // heads,), jnp.float32)).shape == shape

    def weights(net):
        return sum(w.size for w in jax.tree.leaves(eqx.filter(net, lambda w: hasattr(w, "dtype"))))

    for heads, decoder in ((1, 11 * 1200 + 1201 * 1200 + 1201 * 4096), (2, 11 * 1200 + 2 * 1201 * 1200 + 1201 * 4096)):
        pair = made(partial(nets.dsprites, 10, heads))
        assert weights(pair.encoder) == 4097 * 1200 + 1201 * 1200 + 1201 * 10 * heads
        assert weights(pair.decoder) == decoder
        assert maps(pair, heads, (64, 64))
        gains = [1.0] * 6 if heads == 1 else [2**0.5] * 2 + [1.0] + [5 / 3] * 4  # of ReLU, the linear heads, and tanh

        def spreads(key, heads=heads):
            pair = nets.dsprites(10, heads, nets.keys(key))
            dense = [layer.weight for net in pair for layer in net.layers if isinstance(layer, nets.Dense)]
            return [weight.std() * weight.shape[0] ** 0.5 for weight in dense]

        np.testing.assert_allclose(compiled(spreads, jax.random.key(0)), gains, rtol=0.05)
    pair = made(partial(nets.celeba, 32, 1))
    convolutions = 16 * (3 * 32 + 32 * 32 + 32 * 64 + 64 * 64)
    assert weights(pair.encoder) == convolutions + (32 + 32 + 64 + 64) + 1025 * 256 + 257 * 32
    assert weights(pair.decoder) == convolutions + (64 + 32 + 32 + 3) + 33 * 256 + 257 * 1024
    assert maps(pair, 1, (64, 64, 3))


@given(st.tuples(st.integers(3, 70), st.integers(3, 70), st.integers(1, 3)))
def test_convolutional_autoencoders_take_images_of_any_size(shape):
    def forward(key, x):
        pair = nets.autoencoder(shape, 4, 2, key)
        return pair.decoder(pair.encoder(x)[:4])

    assert jax.eval_shape(forward, jax.random.key(0), jax.ShapeDtypeStruct(shape, jnp.float32)).shape == shape


@pytest.mark.parametrize("shape", [(9,), (5, 2), (4, 4, 3)])
def test_a_modulated_decoder_begins_with_the_additive_swap(shape):
    """What a nuisance does is the same in every state, until something else is learned."""
    net, state = nets.symae_dense(shape, 3, 2, "modulated", jax.random.key(0)), eqx.nn.State(())
    c, n = (jax.random.normal(jax.random.key(k), (2, size)) for k, size in ((1, 3), (2, 2)))
    rows = [[net.decoder(c, n[k : k + 1], jnp.array([g]), state)[0][0] for k in (0, 1)] for g in (0, 1)]
    assert rows[0][0].shape == shape
    np.testing.assert_allclose(rows[0][0] - rows[0][1], rows[1][0] - rows[1][1], atol=1e-5)
    with pytest.raises(un.InputError, match="is for architecture='dense'"):
        un.SymAE(decoder="modulated")
