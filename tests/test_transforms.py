"""What transforms do to signals that are known, and that a model keeps them."""

import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import unentangle as un
from unentangle.data import Bandpass, Envelope, Resample, Taper, Window
from unentangle.data.transforms import Chain, Transform, restored
from worlds import dense_latents, dense_symae, small_mra, untrained

TIME = np.arange(400) / 20  # seconds, at 20 samples per second
EVERY = (Window(20, 380), Bandpass(0.5, 8, rate=20), Envelope(), Taper(0.1), Resample(90))
INSIDE = slice(100, 300)


def sine(frequency, phase=0.0):
    return np.sin(2 * np.pi * frequency * TIME + phase)[None]


def through(rows, *transforms):
    return Chain(rows.shape[1:], transforms).forward(rows)


@pytest.mark.parametrize("frequency", [1.5, 3.0, 5.0])
def test_a_band_keeps_what_is_in_it_where_it_is(frequency):
    rows = sine(frequency, 0.4)
    np.testing.assert_allclose(through(rows, Bandpass(0.5, 8, 20))[:, INSIDE], rows[:, INSIDE], atol=0.01)


@pytest.mark.parametrize(
    ("band", "frequency"), [((2, 4), 0.3), ((2, 4), 9.0), ((0, 2), 7.0), ((2, 10), 0.3), ((2, 4), 0.0), ((2, 10), 0.0)]
)
def test_a_band_takes_away_what_is_outside(band, frequency):
    assert np.abs(through(1 + sine(frequency), Bandpass(*band, rate=20)) - (band[0] == 0))[:, INSIDE].max() < 0.01


def test_a_filter_is_symmetric_in_time_and_linear():
    rows = np.random.default_rng(0).standard_normal((2, 400))
    band = Bandpass(1, 6, 20)
    np.testing.assert_allclose(through(rows[:, ::-1], band)[:, INSIDE], through(rows, band)[:, ::-1][:, INSIDE], atol=1e-3)
    np.testing.assert_allclose(through(rows[:1] + rows[1:], band), through(rows, band).sum(axis=0, keepdims=True), atol=1e-9)


def test_the_envelope_of_a_modulated_sine_is_its_modulation():
    slow = 2 + np.cos(2 * np.pi * 0.1 * TIME)
    np.testing.assert_allclose(through(slow * sine(4.0), Envelope())[0], slow, atol=1e-6)


def test_a_taper_fades_both_ends_alike_and_nothing_else():
    tapered = through(np.ones((1, 400, 2)), Taper(0.25))[0, :, 1]
    assert tapered[0] == tapered[-1] == 0
    np.testing.assert_allclose(tapered, tapered[::-1])
    np.testing.assert_array_equal(tapered[100:300], 1)
    assert tapered[50] == pytest.approx(0.5, abs=0.01)
    np.testing.assert_array_equal(through(np.ones((1, 400)), Taper(0)), 1)


@given(before=st.integers(2, 60), after=st.integers(1, 60))
def test_resampling_keeps_straight_lines_and_comes_back_to_the_length(before, after):
    rows = np.stack([np.linspace(3, 3, before), np.arange(before) / 7.0])
    chain = Chain((before,), (Resample(after),))
    new = chain.forward(rows)
    assert new.shape == (2, after)
    np.testing.assert_allclose(new[0], 3, rtol=1e-9)
    np.testing.assert_allclose(new[1], np.arange(after) * before / after / 7, atol=1e-9)
    assert chain.undo(new).shape == rows.shape


def test_resampling_is_undone():
    rows, chain = sine(1.5, 0.3), Chain((400,), (Resample(130),))
    np.testing.assert_allclose(chain.undo(chain.forward(rows))[:, INSIDE], rows[:, INSIDE], atol=0.01)
    windowed = Chain((400,), (Resample(200), Window(50, 150)))
    np.testing.assert_allclose(windowed.undo(windowed.forward(rows))[0, 20:180], rows[0, 120:280], atol=0.01)


def test_what_is_cut_off_or_filtered_stays_away():
    rows = np.random.default_rng(0).standard_normal((3, 400, 2)).astype(np.float32)
    chain = Chain((400, 2), EVERY)
    seen = chain.forward(rows)
    assert (seen.shape, seen.dtype, chain.row_shape) == ((3, 90, 2), np.float32, (90, 2))
    assert chain.undo(seen).shape == (3, 360, 2)
    for transform in EVERY[:-1]:
        np.testing.assert_array_equal(Chain((400, 2), (transform,)).undo(through(rows, transform)), through(rows, transform))


def test_transforms_come_back_from_json():
    assert restored(Chain((400,), EVERY).described()) == EVERY
    for described in ({"transform": "Trojan"}, {"transform": "Taper"}, {"transform": "Resample", "samples": 2.5}):
        with pytest.raises(un.InputError):
            restored([described])
    with pytest.raises(un.InputError, match="a thousand times"):
        Chain((400,), (Resample(10**9),)).row_shape  # noqa: B018


class Counting:
    """An array on disk that counts how many rows were read."""

    def __init__(self, x):
        self.x, self.shape, self.dtype, self.chunks, self.rows = x, x.shape, x.dtype, (1,), 0

    def __getitem__(self, index):
        rows = self.x[index]
        self.rows += len(rows)
        return rows


def test_rows_are_transformed_as_they_are_read():
    x = np.random.default_rng(1).standard_normal((40, 400)).astype(np.float32)
    disk = Counting(x)
    lazy, whole = un.Dataset(disk).through(*EVERY), un.Dataset(x, transforms=EVERY)
    assert disk.rows == 0
    np.testing.assert_array_equal(lazy.rows([[3, 3], [39, 0]]), through(x, *EVERY)[[[3, 3], [39, 0]]])
    assert disk.rows == 3
    np.testing.assert_array_equal(np.concatenate([rows for _, rows in lazy.chunks()]), through(x, *EVERY))
    some = whole.take([5, 2])
    np.testing.assert_array_equal(some.x, x[[5, 2]])
    np.testing.assert_array_equal(some.rows([0, 1]), through(x, *EVERY)[[5, 2]])
    assert whole.through(Taper(0.2)).transforms == (*EVERY, Taper(0.2))
    assert lazy.fingerprint == whole.fingerprint != un.Dataset(x).through(*EVERY[:-1]).fingerprint
    assert "through Window(first=20, last=380)" in repr(whole)


def test_whole_numbers_and_packed_rows_become_real_ones():
    bits = np.random.default_rng(2).integers(0, 2, (9, 16)).astype(np.uint8)
    packed = un.Dataset(un.data.Packed.of([bits]), transforms=(Resample(8),))
    np.testing.assert_array_equal(packed.rows([4, 1]), un.Dataset(bits, transforms=(Resample(8),)).rows([4, 1]))
    assert packed.take([1, 2]).rows([0]).dtype == np.float32
    counts = un.Dataset(np.full((2, 16), 2**30 + 1), transforms=(Window(1, 5),))
    assert counts.rows([0])[0, 0] == 2**30 + 1


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: Window(5, 5), "first < last"),
        (lambda: Bandpass(3, 2, 20), "0 <= low < high"),
        (lambda: Bandpass(0, 10, 20), "not both"),
        (lambda: Bandpass(1, 11, 20), "rate / 2"),
        (lambda: Bandpass(1, 2, 20, order=0), "order"),
        (lambda: Taper(0.6), "0 to 0.5"),
        (lambda: Resample(0), "at least 1"),
        (lambda: un.Dataset(np.zeros((2, 8)), transforms=(Window(2, 9),)), "ends at sample 9; the rows have 8"),
        (lambda: un.Dataset(np.zeros((2, 8)), transforms=[Transform()]), "it may hold Window"),
    ],
)
def test_impossible_transforms_are_refused(make, says):
    with pytest.raises(un.InputError, match=says) as caught:
        make()
    assert "\n" not in str(caught.value)


def test_values_that_are_not_finite_are_found_behind_transforms():
    x = np.random.default_rng(3).standard_normal((6, 400))
    x[4, 200] = np.inf
    with pytest.raises(un.InputError, match="row 4 of x holds no value"):
        _ = un.Dataset(x, transforms=EVERY).scale


CHAIN = (Bandpass(0.05, 0.4, rate=1.0), Taper(0.1), Window(2, 34), Resample(16))


@pytest.mark.parametrize("method", [dense_symae(16), dense_latents(un.AE, 16)], ids=["SymAE", "AE"])
def test_a_model_takes_raw_rows_and_gives_them_back(method, tmp_path):
    raw = small_mra(k=40)
    data = raw.through(*CHAIN)
    model = untrained(method, data)
    plain = un.Model(method, model.trained._replace(chain=Chain((16,))), 0)  # the same net without transforms
    rows = model.reconstruct(raw)
    assert rows.shape == (30, 32)
    np.testing.assert_array_equal(rows, model.reconstruct(data))
    before = plain.reconstruct(un.Dataset(data.rows(np.arange(30)), groups=raw.groups))
    np.testing.assert_allclose(rows, data.chain.undo(before), atol=1e-5)
    parts = None if model.grouped else {"latents": [0]}
    assert model.swap(raw, raw, parts).shape[2:] == (32,)
    model.save(tmp_path / "model.safetensors")
    np.testing.assert_array_equal(un.Model.load(tmp_path / "model.safetensors", method).reconstruct(raw), rows)
    if isinstance(method, un.SymAE):
        error = np.mean((rows - data.chain.undo(data.rows(np.arange(30)))) ** 2, dtype=float)
        assert un.evaluate(model, raw)["reconstruction_error"] == pytest.approx(error)
    with pytest.raises(un.InputError, match=r"rows have shape \(41,\); this model was trained on rows of \(40,\)"):
        model.encode(np.zeros((3, 41)))
    with pytest.raises(un.InputError, match="trained through"):
        model.encode(raw.through(Taper(0.1)))


def test_large_data_is_transformed_as_it_is_read_and_is_other_data(monkeypatch, tmp_path):
    data, method = small_mra(k=40).through(*CHAIN), dense_latents(un.AE, 16)
    models, options = [], {"steps": 2, "batch": 8, "progress": False}
    for room in (1 << 30, 0):
        monkeypatch.setattr(sys.modules["unentangle.train.batches"], "RESIDENT_BYTES", room)
        models.append(un.train(method, data, out=tmp_path / f"{room}", **options)[0])
    np.testing.assert_allclose(models[0].encode(data), models[1].encode(data), atol=1e-5)
    with pytest.raises(un.InputError, match="data differs"):
        un.train(method, data.through(Taper(0)), out=tmp_path / "0", **options)
