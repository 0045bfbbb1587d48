"""All measures at once, with intervals."""

import sys

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
    assert found["dci_forest_completeness"].settings == {"trees": "forest", "seed": 0}
    assert all(s.interval_95[0] <= s.value <= s.interval_95[1] for s in found.values())
    assert not any(name.startswith("tad") for name in found)  # no factor of two values


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


def test_what_cannot_be_measured_is_said():
    codes, v = known_codes()["noise"]
    found = scores(codes, v[:, :1], draws=0)
    assert "two are needed" in found.without["beta_vae_score"]
    assert found.found["mig"].interval_95 == (-np.inf, np.inf)
    assert "scikit-learn" in found.versions
    with pytest.raises(un.InputError, match="nothing to measure"), pytest.warns(UserWarning, match="single value"):
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
