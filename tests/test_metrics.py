"""Measures of codes and factors: laws that hold for all of them, and codes whose scores are known."""

import inspect
from functools import partial

import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import spearmanr
from sklearn.feature_selection import mutual_info_classif
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import mutual_info_score, roc_auc_score
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC

import unentangle as un
from unentangle import metrics
from unentangle.metrics.infomec import nearest_information
from unentangle.metrics.sap import machines
from unentangle.metrics.tables import Decided, parted, table
from unentangle.metrics.udr import lasso, one_to_one, spearman
from worlds import factor_grid, known_codes

RNG = np.random.default_rng(0)
FEW = {"train": 600, "test": 600}
SCORES = {
    "mig": metrics.mig,
    "sap": metrics.sap,
    "dci": partial(metrics.dci, trees="forest"),
    "modularity": metrics.modularity,
    "explicitness": metrics.explicitness,
    "infomec": metrics.infomec,
    "irs": metrics.irs,
    "factor_vae_score": partial(metrics.factor_vae_score, **FEW),
    "beta_vae_score": partial(metrics.beta_vae_score, pairs=20, **FEW),
}
EVERY = pytest.mark.parametrize("name", SCORES)


def scores(name, codes, factors):
    """All numbers of a measure."""
    return np.atleast_1d(np.asarray(SCORES[name](codes, factors), float))


# -- laws of all ----------------------------------------------------------------------------------------------------------


@EVERY
@pytest.mark.parametrize("world", known_codes())
def test_scores_lie_between_nothing_and_the_best(name, world):
    found = scores(name, *known_codes()[world])[:3]  # without the number of active latents
    assert np.isfinite(found).all()
    assert (found >= 0).all()
    assert (found <= 1).all()


@EVERY
def test_names_order_and_sign_of_latents_and_of_values_do_not_matter(name):
    codes, v = known_codes()["perfect"]
    codes = codes + 0.3 * RNG.standard_normal(codes.shape)
    before = scores(name, codes, v)
    words = np.array(["one", "two", "three", "four", "five"])[v]
    np.testing.assert_array_equal(scores(name, codes, un.Factors({"a": words[:, 0], "b": words[:, 1]}))[:3] > 0, before[:3] > 0)
    np.testing.assert_allclose(scores(name, codes, 3 * v + 1), before, atol=1e-9)
    np.testing.assert_allclose(scores(name, -codes[:, ::-1], v), before, atol=0.06)


@EVERY
def test_rows_that_are_missing_do_not_stop_a_score(name):
    codes, v = known_codes()["perfect"]
    some = RNG.permutation(len(v))[:150]
    assert (scores(name, codes[some] + 0.1, v[some])[0] > 0.5) or name == "sap"


@EVERY
def test_bad_input_is_refused_in_one_sentence(name):
    codes, v = known_codes()["noise"]
    holes = codes.copy()
    holes[3, 1] = np.nan
    with pytest.raises(un.InputError, match="latent 1 of row 3 of codes is nan"):
        SCORES[name](holes, v)
    with pytest.raises(un.InputError, match="codes has 1000 rows"):
        SCORES[name](codes, v[:-1])
    with pytest.raises(un.InputError, match=r"\(n, k\), is needed"):
        SCORES[name](codes, v[:, 0])
    with pytest.raises(un.InputError, match=r"\(n, m\), is needed"):
        SCORES[name](codes[:, 0], v)
    with pytest.raises(un.InputError, match="nothing to measure the codes against; factor 0 has the single value 0"):
        SCORES[name](codes, 0 * v[:, :1])
    with pytest.raises(un.InputError, match="codes holds words"):
        SCORES[name]([["a", "b"]], v)
    with pytest.raises(un.InputError, match="factor 1 is nan in row 2"):
        SCORES[name](codes, np.where(np.arange(2000).reshape(1000, 2) == 5, np.nan, v))
    with pytest.raises(un.InputError, match=r"latent 0 of row 0 of codes is 1e.300; every code must be finite, below 1e38"):
        SCORES[name](np.full_like(codes, 1e300), v)
    measure = getattr(SCORES[name], "func", SCORES[name])
    for setting in {"bins", "pairs", "rows", "train", "test", "neighbours"} & inspect.signature(measure).parameters.keys():
        with pytest.raises(un.InputError, match=rf"{setting}=0; a whole number of at least"):
            measure(codes, v, **{setting: 0})


@EVERY
def test_a_factor_of_one_value_is_left_out_and_said(name):
    codes, v = known_codes()["perfect"]
    with pytest.warns(UserWarning, match="colour has the single value white: it is left out"):
        found = scores(name, codes, {"a": v[:, 0], "colour": np.full(len(v), "white"), "b": v[:, 1]})
    np.testing.assert_array_equal(found, scores(name, codes, v))


def test_columns_beside_words_stay_numbers_and_names_of_rows_are_no_factor():
    codes, v = known_codes()["perfect"]
    names = [f"{row}.png" for row in range(len(v))]
    beside = np.array([*zip(RNG.uniform(size=len(v)), v[:, 0].astype(str), names, strict=True)], object)
    with pytest.warns(UserWarning, match="factor 2 has another value in every row"):
        columns = table(codes, beside)[1]
    assert [f.discrete for f in columns] == [False, True]


@EVERY
def test_a_latent_that_varies_by_rounding_only_is_measured(name):
    codes, v = known_codes()["perfect"]
    dead = 1 + np.finfo(float).eps * RNG.integers(3, size=(len(v), 1))
    assert np.isfinite(scores(name, np.concatenate([codes, dead], axis=1), v)).all()


@EVERY
def test_a_continuum_is_measured_too(name):
    v = RNG.uniform(size=(1500, 2))
    perfect, mixed = scores(name, v, v)[0], scores(name, v @ np.array([[1, 1], [-1, 1]]), v)[0]
    assert perfect > mixed or (name in {"explicitness", "beta_vae_score"} and perfect > 0.9)


@EVERY
def test_docstrings_name_the_paper_the_range_and_the_failure(name):
    words = inspect.getdoc(getattr(SCORES[name], "func", SCORES[name]))
    assert "(best)" in words
    assert "Known failure" in words
    assert "section" in words or "eq." in words


# -- which columns are classes --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("column", "discrete"),
    [
        (np.arange(49) % 5, True),  # few whole numbers, in a small sample
        (np.arange(49) % 5 / 1.0, True),  # also as floats
        (np.arange(2000) % 101 / 100, False),  # a measurement that was rounded, in any number of rows
        (np.arange(2000) % 101, True),  # but not names that are numbers
        (np.arange(19) % 2 == 0, True),
        (np.arange(1000) % 500, False),  # a depth, a year, a count
        (np.linspace(0, 1, 32)[np.arange(1000) % 32], True),  # a grid
        (np.arange(40) / 7, False),
        (np.array(["left", "right"])[np.arange(10) % 2], True),
    ],
)
def test_classes_are_known_by_what_is_in_a_column(column, discrete):
    """The same in a mapping and in the factors of a data set, and of what is decided, rows do not matter."""
    codes = RNG.standard_normal((len(column), 2))
    for factors in ({"a": column}, un.Factors({"a": column})):
        assert table(codes, factors)[1][0].discrete == discrete
    some = np.arange(0, len(column), 3)
    assert table(codes[some], Decided(table(codes, {"a": column})[1], some))[1][0].discrete == discrete


def test_a_declared_kind_is_kept_to():
    column, codes = np.arange(40) % 4 / 4, RNG.standard_normal((40, 2))
    for kind, discrete in (("continuous", False), ("categorical", True), ("binary", True)):
        factors = un.Factors(un.Factors({"a": (column, kind)}).take(np.arange(40)))
        assert table(codes, factors)[1][0].discrete == discrete


def test_numbers_beside_words_in_a_list_stay_numbers():
    columns = table(np.ones((40, 1)), [["ab"[i % 2], i / 7] for i in range(40)])[1]
    assert [f.discrete for f in columns] == [True, False]


def test_numbers_of_any_type_are_looked_at():
    codes = np.ones((40, 1))
    times = np.arange(40).astype("timedelta64[s]")
    assert [f.discrete for f in table(codes, [[jnp.float32(i / 7), i % 3] for i in range(40)])[1]] == [False, True]
    assert not table(codes, {"a": times})[1][0].discrete
    with pytest.raises(un.InputError, match=r"a is 1e.200 in row 3; numbers below 1e38"):
        table(codes, {"a": np.where(np.arange(40) == 3, 1e200, np.arange(40) / 7)})


@pytest.mark.parametrize("column", [["a", None, "b"], ["a", np.nan, "b"], ["a", "", "b"], [1.0, np.nan, 2.0]])
def test_a_value_that_is_missing_is_no_class(column):
    for values in (np.array(column), np.array(column, object)):
        if values[1] in ("None", "nan"):  # numpy's doing, before anyone could see it
            continue
        with pytest.raises(un.InputError, match=r"b is .* in row 1; a value is needed"):
            table(np.ones((3, 1)), {"b": values})


def test_a_data_frame_keeps_its_names():
    class Frame:
        """As pandas has it."""

        columns = ("left", "right")

        def __getitem__(self, name):
            return np.arange(6) % (2 if name == "left" else 3)

    assert [f.name for f in table(np.ones((6, 1)), Frame())[1]] == ["left", "right"]


# -- the settings that published numbers are made with --------------------------------------------------------------------

CANONICAL = {
    "beta_vae_score": {"pairs": 64, "train": 10_000, "test": 5_000, "classifier": "logistic"},
    "factor_vae_score": {"rows": 64, "train": 10_000, "test": 5_000, "dead": 0.05},
    "mig": {"bins": 20},
    "sap": {"bins": None, "cost": 0.01},
    "dci": {"trees": "boosting"},
    "modularity": {"bins": 20},
    "irs": {"quantile": 0.99},
    "infomec": {"neighbours": 10, "share": 0.05},
    "tad": {"mode": "paper", "capture": 0.75, "dependence": 0.2, "dead": 0.2},
    "threshold_auroc": {"thresholds": 101},
    "udr": {"relation": "lasso", "alpha": 0.1},
}


@pytest.mark.parametrize("name", CANONICAL)
def test_defaults_are_the_canonical_settings(name):
    given = inspect.signature(getattr(metrics, name)).parameters
    assert {key: given[key].default for key in CANONICAL[name]} == CANONICAL[name]


def test_what_is_learned_is_measured_on_other_rows():
    """Of noise nothing can be read but on the rows themselves: chance, but for chance."""
    v = factor_grid(2, 2, repeats=75)
    codes = RNG.standard_normal((len(v), 20))
    assert metrics.dci(codes, v, trees="forest").informativeness == pytest.approx(0.5, abs=0.15)
    assert metrics.explicitness(codes, v) == pytest.approx(0.5, abs=0.15)
    assert metrics.sap(codes, v) < 0.1
    assert metrics.beta_vae_score(codes, v, **FEW) == pytest.approx(0.5, abs=0.1)


# -- codes whose scores are known -----------------------------------------------------------------------------------------

EXACT = {
    # world: MIG, modularity, IRS, FactorVAE score, InfoM, InfoC, active
    "perfect": (1, 1, 1, 1, 1, 1, 2),
    "permuted": (1, 1, 1, 1, 1, 1, 2),
    "rotated": (0, 0, None, None, 0, 0, 2),
    "duplicated": (0, 1, 1, 1, 1, 1 / 3, 4),
    "with dead ones": (1, 0.5, 1, 1, 1, 1, 2),
    "half": (0.5, 0.5, 1, None, 1, 1, 1),
    "constant": (0, 0, 0, 0, 0, 0, 0),
}


@pytest.mark.parametrize("world", EXACT)
def test_scores_of_known_codes(world):
    codes, v = known_codes()[world]
    m = metrics.infomec(codes, v)
    found = (
        metrics.mig(codes, v),
        metrics.modularity(codes, v),
        metrics.irs(codes, v),
        metrics.factor_vae_score(codes, v, **FEW),
        m.modularity,
        m.compactness,
        m.active,
    )
    for value, known in zip(found, EXACT[world], strict=True):
        assert known is None or value == pytest.approx(known, abs=1e-9)


def test_a_latent_that_tells_of_none_of_the_factors_is_not_modular():
    v = factor_grid(3, 4, 5)
    assert metrics.modularity(v[:, :1], v[:, 1:]) == 0


def test_single_machines_and_trees_on_known_codes():
    worlds = known_codes()
    assert metrics.sap(*worlds["duplicated"]) == 0
    assert metrics.sap(*worlds["constant"]) == 0
    two = factor_grid(2, 2, repeats=100)
    assert metrics.sap(10.0 * two - 5, two) == pytest.approx(0.5, abs=0.1)  # all right, against one of two by guessing
    codes, v = worlds["perfect"]
    beside = np.concatenate([codes + 0.1 * RNG.standard_normal(codes.shape), worlds["noise"][0], np.ones_like(codes)], axis=1)
    for trees in ("forest", "boosting"):
        assert metrics.dci(codes, v, trees=trees) == pytest.approx((1, 1, 1), abs=0.01)
    assert metrics.dci(beside, v, trees="forest") == pytest.approx((1, 1, 1), abs=0.01)
    turned = metrics.dci(*worlds["rotated"], trees="forest")
    assert turned.disentanglement < 0.1
    assert turned.informativeness == 1
    twice = metrics.dci(*worlds["duplicated"], trees="forest")
    assert (twice.disentanglement, twice.completeness) == pytest.approx((1, 0.5), abs=0.05)
    assert metrics.dci(*worlds["constant"], trees="forest")[:2] == (0, 0)


def test_dci_of_tables_of_importances():
    """Identity is best; rows or columns that are alike are worst; a latent that matters to nothing does not count."""
    assert metrics.disentanglement(np.eye(4)) == pytest.approx(1)
    assert metrics.completeness(np.eye(4)) == pytest.approx(1)
    assert metrics.disentanglement(np.ones((3, 4))) == pytest.approx(0, abs=1e-9)
    assert metrics.completeness(np.zeros((3, 4))) == pytest.approx(0, abs=1e-9)
    copies = np.concatenate([np.eye(3), np.eye(3)]) / 2  # two latents for every factor
    assert metrics.disentanglement(copies) == pytest.approx(1)
    assert metrics.completeness(copies) == pytest.approx(1 - np.log(2) / np.log(6))
    spare = np.concatenate([np.eye(3), np.zeros((2, 3))])
    assert metrics.disentanglement(spare) == pytest.approx(1)
    assert metrics.disentanglement(np.ones((3, 1))) == metrics.completeness(np.ones((1, 3))) == 1


def test_irs_is_that_of_common_use():
    """Step by step as disentanglement_lib has it: classes are cut into twenty bins, too."""
    v = np.stack([RNG.integers(3, size=900), RNG.integers(32, size=900)], axis=1)
    z = v @ np.array([[1.0, 0.4, 0.0], [0.1, 0.2, 0.0]]) + 0.2 * RNG.standard_normal((900, 3))
    robust, weights = [], []
    for latent in z.T:
        largest, each = np.abs(latent - latent.mean()).max(), []
        for factor in v.T:
            bins = np.digitize(factor, np.histogram(factor, 20)[1][:-1])
            kept = [np.percentile(np.abs(latent[bins == b] - latent[bins == b].mean()), 99) for b in np.unique(bins)]
            each.append(1 - np.mean(kept) / largest)
        robust.append(max(each))
        weights.append(largest)
    assert metrics.irs(z, v) == pytest.approx(np.average(robust, weights=weights))


def test_explicitness_is_that_of_common_use():
    codes = RNG.standard_normal((600, 3))
    v = np.stack([codes[:, 0] > 0, np.digitize(codes[:, 1] + 0.5 * RNG.standard_normal(600), [-1, 0, 1])], axis=1)
    train, test = parted(600, 0)
    z, areas = StandardScaler().fit(codes[train]).transform(codes), []
    for factor in v.T:
        told = LogisticRegression().fit(z[train], factor[train]).predict_proba(z[test])
        areas.append(np.mean([roc_auc_score(factor[test] == c, told[:, c]) for c in np.unique(factor)]))
    assert metrics.explicitness(codes, v) == pytest.approx(np.mean(areas), abs=1e-3)


def test_all_latents_count_for_infoe_whatever_their_scale():
    v = RNG.integers(5, size=(1000, 2))
    large, small = v[:, 0] - 2.0, (v[:, 1] - 2) / 100
    found = metrics.infomec(np.stack([large, small], axis=1), v)
    assert found.active == 1
    assert found.explicitness == pytest.approx(1, abs=1e-3)


def test_the_factor_vae_score_is_that_of_common_use():
    """Another draw of the same procedure, point by point."""
    v = factor_grid(4, 5, repeats=30)
    z = np.stack([v[:, 0] + 0.5 * v[:, 1], v[:, 1], RNG.standard_normal(len(v)), 0.01 * v[:, 0]], axis=1)
    spread = z.std(axis=0, ddof=1)
    votes = np.zeros((2, 4, 2))
    for part, count in enumerate((3000, 3000)):
        for _ in range(count):
            k = RNG.integers(2)
            rows = RNG.choice(np.flatnonzero(v[:, k] == RNG.integers(v[:, k].max() + 1)), 8)
            share = np.where(spread >= 0.05, z[rows].var(axis=0) / spread**2, np.inf)
            votes[part, share.argmin(), k] += 1
    by_hand = votes[1][np.arange(4), votes[0].argmax(axis=1)].sum() / 3000
    assert metrics.factor_vae_score(z, v, rows=8, train=3000, test=3000) == pytest.approx(by_hand, abs=0.03)


def test_what_is_explicit_is_told_by_planes():
    """The values of an angle are told from its sine and cosine, those of a radius not, unless it is a latent itself."""
    v = factor_grid(8, 3, repeats=40)
    angle, radius = 2 * np.pi * v[:, 0] / 8, 1.0 + v[:, 1]
    plane = radius[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    assert metrics.explicitness(plane, v[:, :1]) > 0.999
    assert metrics.explicitness(plane, v[:, 1:]) < 0.6
    assert metrics.explicitness(np.stack([radius, 0 * radius], axis=1), v[:, 1:]) > 0.999
    assert metrics.explicitness(0 * plane, v) == pytest.approx(0.5)


# -- against others' code -------------------------------------------------------------------------------------------------


def test_information_is_scikit_learns():
    codes, v = known_codes()["noise"]
    codes = codes + v
    edges = [np.histogram_bin_edges(z, 20)[:-1] for z in codes.T]
    theirs = [[mutual_info_score(np.digitize(z, e), f) for f in v.T] for z, e in zip(codes.T, edges, strict=True)]
    np.testing.assert_allclose(metrics.mutual_information(codes, v), theirs, atol=1e-12)
    for z in codes.T:
        for f in v.T:
            theirs = mutual_info_classif(z[:, None], f, n_neighbors=10, discrete_features=False, random_state=0)
            assert nearest_information(z, f) == pytest.approx(theirs.item(), abs=1e-6)


def test_information_of_latents_that_are_often_at_one_value_is_scikit_learns():
    """As those behind a ReLU are; scikit-learn parts equal values by noise."""
    classes = RNG.integers(4, size=2000)
    for z in (RNG.standard_normal(2000), RNG.standard_normal(2000) + classes - 1.5, classes - 1.5):
        z = np.maximum(z + 1e-3 * RNG.uniform(size=2000), 0)
        theirs = mutual_info_classif(z[:, None], classes, n_neighbors=10, discrete_features=False, random_state=0)
        assert nearest_information(z, classes) == pytest.approx(theirs.item(), abs=0.03)


@given(st.integers(0, 100), st.integers(2, 6))
def test_machines_are_scikit_learns(seed, classes):
    rng = np.random.default_rng(seed)
    label = np.concatenate([np.arange(classes), rng.integers(classes, size=60)])
    x = label * rng.choice([-1.0, 0.3, 2.0]) + rng.standard_normal(len(label))
    theirs = LinearSVC(C=0.01, class_weight="balanced", tol=1e-10, max_iter=10_000).fit(x[:, None], label)
    w, b = machines(x, label, 0.01)
    np.testing.assert_allclose(w, theirs.coef_[:, 0], atol=1e-6)
    np.testing.assert_allclose(b, theirs.intercept_, atol=1e-6)


@given(st.integers(0, 100), st.integers(2, 50))
def test_areas_are_scikit_learns_ties_included(seed, n):
    rng = np.random.default_rng(seed)
    labels = np.concatenate([[[0, 1, 1], [1, 0, 0]], rng.integers(2, size=(n, 3))])
    codes = rng.integers(6, size=(n + 2, 4)) * 1.0
    theirs = [[roc_auc_score(a, z) for a in labels.T] for z in codes.T]
    np.testing.assert_allclose(metrics.auroc(codes, labels), theirs, atol=1e-12)


def test_relations_of_models_are_scipys():
    a, b = RNG.standard_normal((2, 80, 3))
    b[:, 1] += a[:, 0]
    theirs = np.array([[spearmanr(x, y).statistic for y in b.T] for x in a.T])
    np.testing.assert_allclose(spearman(a, b), np.abs(theirs), atol=1e-12)
    assert lasso(a, b).argmax() == 1


# -- TAD ------------------------------------------------------------------------------------------------------------------


def paper_area(z, label):
    """The areas of the NashAE authors' code, threshold by threshold."""
    best = 0
    for sign in (1, -1):
        rates = []
        for t in np.linspace(0, 1, 101) * np.ptp(z) + z.min():
            says = z >= t if sign == 1 else z < t
            rates.append((np.mean(says[~label]), np.mean(says[label])))
        false, true = np.sort(np.array(rates), axis=0).T
        best = max(best, np.sum(true[1:] * np.diff(false)))
    return best


def test_the_papers_area_threshold_by_threshold():
    labels = RNG.uniform(size=(300, 3)) < [0.5, 0.2, 0.8]
    codes = RNG.standard_normal((300, 2)) + labels[:, :2]
    theirs = [[paper_area(z, a) for a in labels.T] for z in codes.T]
    np.testing.assert_allclose(metrics.threshold_auroc(codes, labels), theirs, atol=1e-12)


def test_tad_counts_captured_and_independent_attributes():
    labels = factor_grid(2, 2, 2, repeats=50).astype(bool)
    noise = 0.01 * RNG.standard_normal(labels.shape)
    assert metrics.tad(labels + noise, labels, mode="exact") == pytest.approx((3 * 0.5, 3, 3), abs=0.15)
    twice = np.concatenate([labels, labels], axis=1) * 1.0
    assert metrics.tad(twice, labels, mode="exact") == pytest.approx((0, 3, 3))
    tied = np.concatenate([labels, labels[:, :1]], axis=1)  # two attributes that are the same: neither is independent
    assert metrics.tad(labels * 1.0, tied, mode="exact") == pytest.approx((1, 2, 2))
    assert metrics.tad(0.1 * labels, labels).captured == 0  # dead: the range is too small
    with pytest.raises(un.InputError, match="an attribute has two"):
        metrics.tad(labels * 1.0, factor_grid(2, 2, 3, repeats=50)[: len(labels)][:400])


def test_an_outlier_deceives_the_papers_rule_and_not_the_exact_one():
    label = RNG.uniform(size=(1000, 1)) < 0.2
    z = 1e-3 * RNG.uniform(size=(1000, 1))
    z[0] = 0.3
    assert metrics.threshold_auroc(z, label).item() > 0.75
    assert abs(metrics.auroc(z, label).item() - 0.5) < 0.1


# -- without factors ------------------------------------------------------------------------------------------------------


def test_gaussian_total_correlation_has_a_closed_form():
    z = RNG.standard_normal((5000, 2))
    for r in (0.0, 0.6, -0.9):
        tied = np.stack([z[:, 0], r * z[:, 0] + np.sqrt(1 - r**2) * z[:, 1], np.ones(5000)], axis=1)
        sample = np.corrcoef(tied[:, :2].T)[0, 1]
        assert metrics.gaussian_total_correlation(tied * [5, -0.1, 1] + 3) == pytest.approx(
            -np.log(1 - sample**2) / 2, abs=1e-9
        )
    assert metrics.gaussian_total_correlation(np.stack([z[:, 0], 2 * z[:, 0]], axis=1)) == np.inf
    assert metrics.gaussian_total_correlation(np.ones((10, 3))) == 0


@pytest.mark.parametrize("relation", ["lasso", "spearman"])
def test_udr_is_one_for_the_same_latents_and_low_for_others(relation):
    z = RNG.standard_normal((1000, 3))
    same = [z, -2 * z[:, [2, 0, 1]], np.concatenate([z, np.zeros((1000, 2))], axis=1)]
    angle = np.array([[1, 1, 0], [-1, 1, 0], [0, 0, 1]])
    found = metrics.udr(same, relation=relation)
    assert (found > 0.85).all()
    turned = metrics.udr([*same, z @ angle], relation=relation)
    assert turned[3] < turned[:3].min() - 0.1
    dead = metrics.udr([z, z, np.zeros((1000, 2))], relation=relation)
    assert dead[2] == 0
    with pytest.raises(un.InputError, match="two or more"):
        metrics.udr([z])


def test_one_to_one_tables():
    assert one_to_one(np.eye(3)) == 1
    assert one_to_one(np.ones((4, 4))) == pytest.approx(1 / 4)
    assert one_to_one(np.zeros((2, 3))) == 0
