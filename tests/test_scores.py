"""All measures at once, with intervals."""

import sys
from functools import partial

import numpy as np
import pytest

import unentangle as un
from unentangle import metrics
from unentangle.metrics import scores
from worlds import factor_grid, known_codes

RNG = np.random.default_rng(0)


def test_scores_are_those_of_the_functions_with_their_settings():
    codes, v = known_codes()["perfect"]
    codes = codes + 0.3 * RNG.standard_normal(codes.shape)
    found = scores(codes, v, draws=2).found
    some = np.random.default_rng(0).permutation(len(v))
    assert found["mig"].value == metrics.mig(codes[some], v[some])
    assert found["mig"].settings == {"bins": 20}
    assert found["dci_forest_completeness"].settings["trees"] == "forest"
    assert all(s.interval_95[0] <= s.value <= s.interval_95[1] for s in found.values())
    assert not any(name.startswith("tad") for name in found)  # no factor of two values


@pytest.mark.long
def test_intervals_cover_the_number_of_all_rows(monkeypatch):
    """Of 1,000 rows drawn from many, the interval holds the score of the many; of four times the rows it is half as wide."""
    monkeypatch.setattr(sys.modules["unentangle.metrics.scores"], "MEASURES", {})
    codes = RNG.standard_normal((40_000, 3)) @ RNG.standard_normal((3, 3))
    truth = metrics.gaussian_total_correlation(codes)

    def interval(part, rows):
        return scores(codes[part], codes[part] > 0, rows=rows, draws=20).found["gaussian_total_correlation"].interval_95

    small = np.array([interval(slice(n, None, 40), 1000) for n in range(40)])
    assert np.sum((small[:, 0] <= truth) & (truth <= small[:, 1])) >= 34
    large = np.array([interval(slice(n, None, 10), 4000) for n in range(5)])
    assert np.diff(small).mean() / np.diff(large).mean() == pytest.approx(2, rel=0.2)


def test_intervals_know_the_bias_of_few_rows(monkeypatch):
    """Of 400 rows MIG and modularity are off by more than they spread; three intervals of four hold the score of the many."""
    rng = np.random.default_rng(0)
    v = rng.integers(0, 10, (40_000, 2))
    codes = v @ np.array([[1.0, 0.5], [0.3, 1.0]]) + 3 * rng.standard_normal(v.shape)
    truth = {name: getattr(metrics, name)(codes, v) for name in ("mig", "modularity")}
    monkeypatch.setattr(sys.modules["unentangle.metrics.scores"], "MEASURES", {name: getattr(metrics, name) for name in truth})
    each = [scores(codes[n::100], v[n::100], seed=n).found for n in range(24)]
    for name, true in truth.items():
        assert np.sum([low <= true <= high for low, high in (found[name].interval_95 for found in each)]) >= 18


def test_it_is_said_what_was_measured():
    codes, v = known_codes()["with dead ones"]
    columns = {"a": v[:, 0], "depth": RNG.uniform(size=len(v)), "colour": np.full(len(v), "white")}
    found = scores(codes, columns, draws=0, seed=3)
    assert found.factors == {"a": "5 classes", "depth": "a continuum"}
    assert found.left_out == {"colour": "has the single value white"}
    assert (found.latents, found.still, found.rows) == (4, [1, 3], len(v))
    assert found.settings == {"rows": 10_000, "draws": 0, "seed": 3}
    for wrong in ({"draws": 1}, {"draws": -3}, {"rows": 1}):
        with pytest.raises(un.InputError):
            scores(codes, columns, **wrong)


def test_halves_without_a_rare_value_are_drawn_again_or_it_is_said(recwarn, monkeypatch):
    monkeypatch.setattr(sys.modules["unentangle.metrics.scores"], "MEASURES", {"mig": metrics.mig})
    codes, v = known_codes()["perfect"]
    for some, bounded in ((3, True), (1, False)):
        found = scores(codes, {"a": v[:, 0], "rare": np.arange(len(v)) < some}, draws=8)
        assert np.isfinite(found.found["mig"].interval_95).all() == bounded
        assert ("mig" in found.without_interval) != bounded
    assert "rare has the single value" in found.without_interval["mig"]
    assert not [w for w in recwarn if "left out" in str(w.message)]


def test_intervals_end_where_the_measure_does_and_know_its_draws(monkeypatch):
    measures = {"mig": metrics.mig, "factor_vae_score": partial(metrics.factor_vae_score, train=300, test=300)}
    monkeypatch.setattr(sys.modules["unentangle.metrics.scores"], "MEASURES", measures)
    codes, v = known_codes()["perfect"]
    found = scores(codes + 0.02 * RNG.standard_normal(codes.shape), v, draws=4).found
    assert max(score.interval_95[1] for score in found.values() if score.value <= 1) <= 1
    assert min(score.interval_95[0] for score in found.values()) >= 0
    one = scores(codes[:, :1] + RNG.standard_normal((len(v), 1)), v, draws=4).found["factor_vae_score"]
    assert one.interval_95[0] < one.value < one.interval_95[1]


def test_what_cannot_be_measured_is_said():
    codes, v = known_codes()["noise"]
    found = scores(codes, v[:, :1], draws=0)
    assert "two are needed" in found.without["beta_vae_score"]
    assert found.found["mig"].interval_95 == (-np.inf, np.inf)
    assert "scikit-learn" in found.versions
    with pytest.raises(un.InputError, match=r"nothing to measure .*factor 0 has the single value 1.0"):
        scores(codes, np.ones((len(v), 1)))


def test_a_number_whose_halves_cannot_be_measured_has_no_bounds(monkeypatch):
    monkeypatch.setattr(sys.modules["unentangle.metrics.scores"], "MEASURES", {"sap": metrics.sap})
    v = factor_grid(2, 5)  # of five rows there are too few to learn from some and measure on others
    found = scores(v[:, [0, 1, 1]] * 1.0, v, draws=2)
    assert found.found["sap"].interval_95 == (-np.inf, np.inf)
    assert "sap" not in found.without
    assert found.found["gaussian_total_correlation"] == (np.inf, (-np.inf, np.inf), {})


def test_binary_factors_are_attributes():
    v = factor_grid(2, 2, 5, repeats=20)
    found = scores(v * 1.0, un.Factors({"a": v[:, 0], "b": v[:, 1] == 1, "c": v[:, 2]}), draws=2).found
    assert found["tad_exact_score"].value == pytest.approx(1)
    assert found["tad_paper_captured"].value == 2
