import json
import sys

import numpy as np
import pytest

import unentangle as un
from unentangle.experiments import seismic as recipes
from unentangle.nets import convolution, keys
from unentangle.recipes import find
from unentangle.recipes.record import Work, begin
from unentangle.train import Run
from unentangle.train.run import Record
from worlds import dense_symae, untrained

SMALL = {"n_1": 3, "n_2": 8, "samples": 128, "receivers": 4}


@pytest.fixture(scope="module")
def layers(tmp_path_factory):
    """Three layered media, as anybody has them, and the data set of five sources each."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("UNENTANGLE_DATA", raising=False)
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        return un.data.shots(**SMALL), un.data.seismic(5, **SMALL)


def test_rows_are_the_records_of_their_factors(layers):
    made, data = layers
    assert data.row_shape == (128, 4)
    assert data.x.dtype == np.float32
    assert data.factors.kinds == {"state": "categorical", "source": "categorical", "frequency": "continuous"}
    np.testing.assert_array_equal(data.x, made.records(data.factors["state"], data.factors["source"]))
    assert all(len(np.unique(data.factors["source"][data.group == g])) == 5 for g in range(3))
    np.testing.assert_array_equal(data.factors["frequency"], made.frequency[data.factors["source"]])


def test_the_truth_is_the_record_of_every_pair(layers):
    made, data = layers
    np.testing.assert_array_equal(data.truth.under(2), made.records(2, data.factors["source"]))
    assert data.truth.freedom == un.data.ShortFilter(33)
    assert not data.truth.listed


def test_records_are_convolutions(layers):
    made, _ = layers
    by_hand = np.convolve(made.green[2, :, 1], made.wavelets[6])[:128]
    np.testing.assert_allclose(made.records(2, 6)[:, 1], by_hand, atol=1e-4)
    every = made.records(np.arange(3)[:, None], np.arange(8))
    assert every.shape == (3, 8, 128, 4)
    assert np.mean(every.astype(float) ** 2) == pytest.approx(1, rel=1e-3)


def test_media_and_sources_are_as_told(layers):
    made, _ = layers
    assert all(name.startswith("layers") for name in made.names)
    assert ((made.velocity >= 1500) & (made.velocity <= 4700)).all()
    np.testing.assert_allclose(np.linalg.norm(made.wavelets, axis=1), 1, rtol=1e-5)
    power = np.abs(np.fft.rfft(made.wavelets, axis=1)) ** 2
    assert power[:, np.fft.rfftfreq(128, 0.008) > 40].sum() < 1e-5 * power.sum()


def test_simulations_are_kept_and_made_again_if_damaged(cache, monkeypatch):
    module = sys.modules["unentangle.datasets.seismic"]
    monkeypatch.delenv("UNENTANGLE_DATA", raising=False)
    calls = []
    monkeypatch.setattr(module, "impulse_response", lambda *a, **k: calls.append(1) or np.ones((320, 2)))
    first = un.data.shots(1, 2, samples=64, receivers=2)
    np.testing.assert_array_equal(un.data.shots(1, 2, samples=64, receivers=2).green, first.green)
    assert len(calls) == 1
    (kept,) = (cache / "seismic").iterdir()
    kept.write_bytes(kept.read_bytes()[:100])
    np.testing.assert_array_equal(un.data.shots(1, 2, samples=64, receivers=2).green, first.green)
    assert len(calls) == 2
    un.data.shots(1, 2, samples=64, receivers=2, seed=1)
    assert len(calls) == 3


def test_the_marmousi_section_is_read(real_data, tmp_path):
    module = sys.modules["unentangle.datasets.seismic"]
    section = module.marmousi(real_data / "seismic" / "marmousi")
    assert section.shape == (801, 121)
    assert section.min() == pytest.approx(1028, abs=1)
    with pytest.raises(un.InputError, match="Marmousi"):
        module.marmousi(tmp_path)


def test_impossible_sizes_are_refused():
    with pytest.raises(un.InputError, match="n_tau=9"):
        un.data.seismic(9, **SMALL)
    with pytest.raises(un.InputError, match="receivers=1;"):
        un.data.shots(receivers=1)


def test_held_out_pairs_are_those_that_were_not_recorded(layers):
    _, data = layers
    swaps = recipes.held_out(data)
    recorded = set(zip(data.states, data.factors["source"], strict=True))
    pairs = {(m, data.factors["source"][d]) for m, d in zip(*swaps, strict=True)}
    assert len(pairs) > 3
    assert not pairs & recorded
    assert pairs | recorded == {(m, s) for m in range(3) for s in np.unique(data.factors["source"])}


def test_a_filter_that_is_told_the_sources_is_nearly_right(layers):
    """Without noise, from shared sources; one that is not told is wrong, and so is the donor."""
    made, data = layers
    swaps = recipes.held_out(data)
    truth = made.records(swaps.medium, data.factors["source"][swaps.donor])
    found = recipes.baselines(data, swaps, truth)
    assert found["filter_told"]["swap_error"] < 0.1
    assert found["filter"]["swap_error"] > 0.3
    assert found["donor"] > 0.3
    assert recipes._up_to_filters(swaps, 3 * truth, truth)["swap_error_filtered"] < 1e-6


def first_step(work, method, data, seed=0, **training):
    """What `Work.train` returns, before the first step."""
    return Run((seed,), (untrained(method, data, seed),), (Record([1], [0.0], {}),), data)


@pytest.mark.long
def test_redatuming_goes_from_shots_to_numbers_and_pictures(tmp_path, cache, monkeypatch):
    monkeypatch.delenv("UNENTANGLE_DATA", raising=False)

    def decoder(key):
        return convolution((128, 8), 3, 4, keys(key))

    monkeypatch.setattr(recipes, "CONVOLUTIONAL", dense_symae(k=1024, decoder=decoder))
    monkeypatch.setattr(Work, "train", first_step)
    find("seismic.redatuming")(tmp_path, fast=True)
    (found,) = json.loads((tmp_path / "seismic_redatuming_fast.json").read_text())["cases"].values()
    measures = {name: about["values"][0] for name, about in found["measures"].items()}
    assert all(np.isfinite(value) for value in measures.values())
    assert measures["swap_error_filtered"] < measures["swap_error"]
    assert found["baselines"].keys() == {"donor", "mean", "filter", "filter_told"}
    assert {path.name for path in tmp_path.glob("*.png")} == {"seismic_redatuming_fast.png", "seismic_pairs_fast.png"}


def test_what_codes_know_is_measured_on_held_out_rows(tmp_path, monkeypatch):
    """A target that is in the rows is known to codes, and one by chance is not."""
    rng = np.random.default_rng(0)
    group, bend = np.repeat(np.arange(4), 15), rng.uniform(-1, 1, 60)
    t = np.linspace(0, 1, 40)
    x = np.sin(2 * np.pi * (1 + group[:, None]) * t) + bend[:, None] * np.cos(2 * np.pi * t)
    data = un.Dataset(x.astype(np.float32), {"bend": bend}, groups=group)
    monkeypatch.setattr(recipes, "CONVOLUTIONAL", dense_symae(k=40, q=4))
    monkeypatch.setattr(Work, "train", first_step)
    targets = {"bend": bend[:, None], "chance": rng.standard_normal((60, 1))}
    found = recipes.probe(begin(tmp_path, "known", True), data, targets, {})
    assert found["r2"]["principal components"]["bend"] > 0.8
    assert found["r2"]["principal components"]["chance"] < 0.3
    assert found["chance_95"]["principal components"]["bend"] < 0.5
    assert found["group_read_from"]["principal components"] > 0.9
    written = json.loads((tmp_path / "known_fast.json").read_text())
    assert written["settings"]["folds"] == 1
