from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pytest

import unentangle as un
from unentangle.datasets.mra import PHI
from unentangle.evaluate import agreement, baselines, evaluate, single_rows
from unentangle.figures import figures
from unentangle.methods.codes import Codes
from worlds import dense_latents, dense_symae, small_mra, untrained

STATES = un.data.fourier_states(3, 6, k=20)
ORBIT = un.data.orbit(STATES)
DATA = un.data.mra(12, 8, states=STATES)
OF_ROWS = replace(DATA, truth=replace(DATA.truth, states=None))  # so that swaps are measured on the rows


@dataclass(frozen=True, eq=False)
class Oracle(un.Model):
    """A model that knows all shifts of all states: its codes are their numbers. Each state can have a zero of its own."""

    method: Any = field(default_factory=lambda: dense_symae(20))
    trained: Any = field(default_factory=lambda: untrained(dense_symae(20), DATA).trained)
    seed: int = 0
    roll: int = 0
    wrong: int | None = None

    def codes(self, data):
        rows = data.rows(np.arange(len(data)))
        nearest = np.argmin(((rows[:, None] - ORBIT.reshape(-1, 20)) ** 2).sum(axis=2), axis=1)
        state, shift = np.divmod(nearest, 20)
        first = np.unique(data.group, return_index=True)[1]
        by_row = np.stack([shift, state], axis=1).astype(float)
        return Codes({"coherent": state[first, None].astype(float)}, {"nuisance": by_row}, data.group)

    def rows(self, state, nuisance):
        shift, donor, state = *nuisance.T.astype(int), np.asarray(state, int)
        rows = ORBIT[state, (shift + self.roll * (state - donor)) % 20]
        return np.where(((state == 0) & (donor == self.wrong))[:, None], 0.0, rows)

    def decode(self, codes):
        return self.rows(codes.coherent[codes.group, 0], codes.nuisance)

    def swap(self, state, style):
        style = self.codes(style) if isinstance(style, un.Dataset) else style
        return np.stack([self.rows(np.full(len(style.nuisance), s), style.nuisance) for s in self.codes(state).coherent[:, 0]])

    def inconsistency(self, codes):
        return 0.0


@pytest.mark.parametrize("data", [DATA, OF_ROWS], ids=["all shifts", "rows"])
def test_right_swaps_have_no_error_up_to_a_roll_of_each_pair_of_states(data):
    for roll in (0, 3):
        values = evaluate(Oracle(roll=roll), data)
        for name in ("swap_error", "swap_error_worst", "swap_error_between", "swap_error_relative", "swap_error_phi"):
            assert values[name] == pytest.approx(0, abs=1e-10)
        assert values["reconstruction_error"] == pytest.approx(0, abs=1e-10)


@pytest.mark.parametrize("data", [DATA, OF_ROWS], ids=["all shifts", "rows"])
def test_a_wrong_pair_is_one_of_thirty(data):
    values = evaluate(Oracle(wrong=1), data)
    assert values["swap_error_worst"] == pytest.approx(np.mean(STATES[0] ** 2))
    assert values["swap_error"] == pytest.approx(np.mean(STATES[0] ** 2) / 30)
    assert values["swap_error_phi"] == pytest.approx(np.mean(STATES[0] ** 2) / 6)
    assert values["swap_error_relative"] == pytest.approx(values["swap_error"] / np.var(STATES))
    assert PHI[0] == (0, 1)


def test_what_is_measured_follows_from_the_data():
    whole, rows, unknown = (evaluate(Oracle(), data).keys() for data in (DATA, OF_ROWS, replace(DATA, truth=None)))
    of_swaps = {"swap_error", "swap_error_worst", "swap_error_relative", "swap_error_phi"}
    of_swaps |= {"swap_error_between", "reconstruction_error_between"}
    of_single = {"nuisance_from_coherent", "coherent_from_nuisance", "informativeness"}
    common = {"inconsistency", "reconstruction_error", "reconstruction_relative", "leakage", "leakage_chance"}
    common |= {"J", "J_relative", "J_relative_chance"}
    assert (whole, rows, unknown) == (of_swaps | common, of_swaps | of_single | common, of_single | common)


def test_rows_may_be_noisier_than_the_truth():
    noisy = un.data.mra(12, 8, states=STATES, noise=0.05)
    values = evaluate(Oracle(), replace(noisy, truth=replace(noisy.truth, states=None)))
    assert values["swap_error"] == pytest.approx(0, abs=1e-10)
    assert values["reconstruction_error"] == pytest.approx(0.05**2, rel=0.1)


def test_baselines_on_rows():
    whole, rows = baselines(DATA), baselines(OF_ROWS)
    simple = {f"{name}_{by}" for name in ("mean", "additive") for by in ("by_groups", "told_states")}
    assert whole.keys() == rows.keys() == {"constant", "donor", "donor_phi", "alignment_told_shift"} | simple
    assert rows["constant"] == pytest.approx(whole["constant"], rel=1e-6)
    assert rows["donor"] == pytest.approx(whole["donor"], rel=0.2)
    noisy = un.data.mra(12, 8, states=STATES, noise=0.5)
    assert baselines(noisy)["alignment_told_shift"] > 0.01


def test_figures_are_drawn_with_and_without_a_truth():
    data = small_mra()
    model = untrained(dense_symae(), data)
    for some in (data, replace(data, truth=replace(data.truth, states=None)), replace(data, truth=None)):
        assert figures(model, some).keys() == {"redatuming", "codes"}
    assert figures(untrained(dense_latents(un.BetaVAE), data), data).keys() == {"latents", "traversals"}


def test_swaps_are_drawn_after_the_best_roll():
    """Of states that roll by an amount of their own, swaps lie on the truth."""
    for data in (DATA, OF_ROWS):
        figure = figures_of_oracle(data)
        for ax in figure.axes:
            real, *others = (line.get_ydata() for line in ax.get_lines())
            for line in others:
                np.testing.assert_allclose(line, real, atol=1e-6)


def figures_of_oracle(data):
    return figures(Oracle(roll=3), data)["redatuming"]


def test_a_swap_through_transforms_is_compared_after_them():
    """A state and a nuisance that add up, without freedom, seen through a window."""
    state, offset = np.repeat(np.arange(4), 5), np.random.default_rng(0).standard_normal(20)

    def recordings(state, offset):
        return state[:, None] * np.arange(12.0) + offset[:, None]

    data = un.Dataset(recordings(state, offset), groups=state, truth=un.data.Truth(recordings, state, offset))
    window = un.data.Window(2, 8)
    model = untrained(dense_symae(6), data.through(window))
    values, swapped = evaluate(model, data), model.swap(data, data)
    true = np.stack([recordings(np.full(20, s), offset)[:, 2:8] for s in range(4)])
    others = np.arange(4)[:, None] != state
    assert values["swap_error"] == pytest.approx(np.mean((swapped - true)[others] ** 2), rel=1e-5)


def test_single_rows_can_be_given():
    data = replace(small_mra(), truth=None)
    model = untrained(dense_symae(), data)
    single = single_rows(model, data)
    assert single.codes.shape == (30, 3)
    assert evaluate(model, data, single) == evaluate(model, data)


def test_latents_are_measured_by_the_schema():
    data = small_mra()
    vae = evaluate(untrained(dense_latents(un.BetaVAE), data), data)
    nashae = evaluate(untrained(dense_latents(un.NashAE), data), data)
    assert {"learned_latents", "used_latents", "reconstruction_error", "predictability"} <= vae.keys()
    assert nashae.keys() - vae.keys() == {"predictor_r2", "predictor_r2_live"}


def test_models_agree_on_live_latents():
    data = small_mra()
    for kind in (un.AE, un.BetaVAE):
        models = [untrained(dense_latents(kind), data, seed) for seed in (0, 0, 1)]
        same, again, _ = agreement(models, data)
        assert same == pytest.approx(again)
