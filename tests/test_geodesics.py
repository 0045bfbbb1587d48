import gc
import weakref

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import unentangle as un
from unentangle.geodesics import geodesics
from worlds import dense_symae, untrained


def in_the_plane(polar):
    return jnp.stack([polar[0] * jnp.cos(polar[1]), polar[0] * jnp.sin(polar[1])])


def test_the_geodesics_of_a_linear_decoder_are_straight():
    rng = np.random.default_rng(0)
    weight, ends = rng.normal(size=(7, 3)).astype(np.float32), rng.normal(size=(4, 3)).astype(np.float32)
    paths = geodesics(lambda codes: codes @ weight.T, ends, pieces=8)
    straight = np.linspace(ends[:-1], ends[1:], 9, axis=1)
    np.testing.assert_allclose(paths, straight, atol=1e-4)


def test_where_codes_are_polar_the_geodesic_is_the_chord():
    """The decoder maps (radius, angle) into the plane, whose shortest paths are known."""
    ends = np.array([[1.0, 0.2], [2.0, 1.7]], np.float32)
    [path] = geodesics(jax.vmap(in_the_plane), ends, pieces=16)
    decoded = np.stack([in_the_plane(code) for code in path])
    np.testing.assert_allclose(decoded, np.linspace(decoded[0], decoded[-1], 17), atol=2e-3)
    np.testing.assert_allclose(path[[0, -1]], ends, atol=1e-6)


@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e3])
def test_a_path_among_the_codes_of_data_keeps_to_them(scale):
    """The data lies on a circle: the shortest path between two of its points cuts through the middle, this one does not."""
    angle = np.linspace(0, 2 * np.pi, 60, endpoint=False)
    circle = scale * np.stack([np.cos(angle), np.sin(angle)], axis=1).astype(np.float32)
    ends = circle[[0, 25]]
    radius = {}
    for name, among in (("free", None), ("among", circle)):
        [path] = geodesics(lambda codes: codes, ends, among)
        radius[name] = np.linalg.norm(path, axis=1) / scale
    assert radius["free"].min() == pytest.approx(np.cos(25 * np.pi / 60), rel=0.02)
    np.testing.assert_allclose(radius["among"], 1, atol=0.1)  # the circle's codes are 0.1 apart


@pytest.mark.long
def test_a_model_goes_through_its_instances_on_either_path():
    rows = np.random.default_rng(0).normal(size=(20, 12)).astype(np.float32)
    data = un.Dataset(rows, groups=np.repeat(np.arange(4), 5))
    model = untrained(dense_symae(), data)
    group = data.take(data.group == 0)
    again = model.reconstruct(group)
    for options in ({}, {"path": "geodesic"}, {"path": "geodesic", "among": data}):
        path = model.interpolate(group, [0, 1, 3, 4, 9], at=[0, 1, 3, 4, 9], **options)
        np.testing.assert_allclose(path, again, atol=1e-4)
        there, back = (model.interpolate(group, way, at=[2, 6], **options) for way in ([0, 1, 3, 4, 9], [9, 8, 6, 5, 0]))
        np.testing.assert_allclose(there, model.interpolate(group, [9, 8, 6, 5, 0], at=[7, 3], **options), atol=1e-3)
        assert np.abs(there - back).max() > 1e-3
    with pytest.raises(un.InputError, match="among is for geodesics"):
        model.interpolate(group, among=data)


def test_no_program_outlives_its_path():
    def decode(codes):
        return codes

    geodesics(decode, np.eye(2, dtype=np.float32), pieces=4)
    last = weakref.ref(decode)
    del decode
    gc.collect()
    assert last() is None


def test_ends_that_are_no_path_and_codes_that_are_no_data_are_refused():
    ends = np.eye(2, dtype=np.float32)
    with pytest.raises(un.InputError, match="a path needs two ends"):
        geodesics(lambda codes: codes, ends[:1])
    with pytest.raises(un.InputError, match="among holds one code only"):
        geodesics(lambda codes: codes, ends, ends[[0, 0]])
    np.testing.assert_array_equal(geodesics(lambda codes: codes, ends[[0, 0]], ends), np.tile(ends[0], (1, 17, 1)))


def test_a_path_keeps_to_a_noisy_ring_in_many_dimensions():
    rng, angle = np.random.default_rng(0), np.linspace(0, 2 * np.pi, 200, endpoint=False)
    ring = np.concatenate([np.cos(angle)[:, None], np.sin(angle)[:, None], np.zeros((200, 18))], axis=1)
    ring = (ring + 0.02 * rng.normal(size=ring.shape)).astype(np.float32)
    free, kept = (geodesics(lambda codes: codes, ring[[0, 80]], among)[0] for among in (None, ring))
    assert np.linalg.norm(free[:, :2], axis=1).min() < 0.4 < 0.85 < np.linalg.norm(kept[:, :2], axis=1).min()
