import json
from functools import partial
from typing import get_args

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from equinox.nn import Lambda
from sklearn.neighbors import KNeighborsClassifier

import unentangle as un
from unentangle import plots, recipes
from unentangle.data.dataset import Scale
from unentangle.data.transforms import Chain
from unentangle.dependence import energy_distance, energy_penalty
from unentangle.errors import Diverged
from unentangle.experiments import nashae as nashae_experiments
from unentangle.experiments import symae as experiments
from unentangle.methods.codes import Codes, Trained
from unentangle.methods.symae import Penalty
from unentangle.nets import ELU, FLATTEN, Autoencoder, keys, mlp, reshape
from unentangle.recipes import nashae_images, record, symae, symae_digits
from unentangle.recipes.nashae_images import Experiment, Setting, best_detector, sampled
from unentangle.recipes.record import Work, begin, rows_of
from unentangle.storage import read_json
from unentangle.train import Run
from unentangle.train.run import Record
from worlds import Chase, dense_symae, untrained


@pytest.fixture
def trainings(monkeypatch):
    """All trainings by their folder. They end before the first step, are read where they are, and diverge if lr is 1e30."""
    runs = {}

    def train(method, data, *, seeds, out, snapshots=(), lr=None, **rest):
        if lr == 1e30:
            raise Diverged("seed 0 diverged.")
        if out not in runs:
            model = untrained(method, data, seeds)
            snapped = (dict.fromkeys(snapshots, model),)
            runs[out] = Run((seeds,), (model,), (Record([1], [1.0 + len(runs)], {}),), data, snapped)
        return runs[out]

    monkeypatch.setattr(record, "train", train)
    return runs


@pytest.mark.long
def test_swaps_are_measured_after_every_seed_and_gone_on_with(tmp_path, trainings):
    """All numbers are finite, the commit is the one it began at, and finished seeds are not trained again."""
    method, states = dense_symae(k=40), un.data.fourier_states(101, k=40)

    def swaps(seeds):
        work = begin(tmp_path, "swaps", True)
        models = experiments._swaps(work._replace(at="abc"), "some states", states, seeds, {}, method)
        return models, read_json(tmp_path / "swaps_fast.json")

    _, first = swaps(range(1))
    assert first["settings"]["seeds"] == [0]
    models, both = swaps(range(2))
    assert both["settings"]["seeds"] == [0, 1]
    assert both["provenance"]["commit"] == "abc"
    for name, measure in both["measures"].items():
        assert np.isfinite(measure["values"]).all()
        assert len(measure["values"]) == 2
        assert measure["values"][0] == first["measures"][name]["values"][0]  # the seconds of training, too
    assert both["provenance"]["seconds"] > first["provenance"]["seconds"]
    errors = both["measures"]["swap_error"]["values"]
    assert [errors[m.seed] for m in models] == sorted(errors)
    of_each = both["states_of_each_seed"][1]
    assert np.shape([of_each[name] for name in ("first_loop", "second_loop", "orientation", "unevenness")]) == (4, 6)
    assert both["measures"]["unevenness"]["values"][1] == pytest.approx(np.mean(of_each["unevenness"]))


@pytest.mark.long
def test_every_variant_can_be_trained_and_every_penalty_is_compared(tmp_path, monkeypatch):
    """A setting that is refused would be found hours into a comparison."""
    compared = {}

    def compare(work, variants, *rest):
        compared[work.name] = variants
        return {"one": {"measures": {"missing_by_frequency": [1.0] * 51}}}

    monkeypatch.setattr(experiments, "_compare", compare)
    monkeypatch.setattr(symae, "examples", compare)
    names = "ablation", "penalties", "penalties_alone", "figure_2", "figures_6_7", "figures_10_11", "figures_12_13", "figure_14"
    for name in names:
        recipes.find(f"symae.{name}")(tmp_path)
    assert (
        set(compared["symae_penalties"])
        == set(compared["symae_penalties_alone"])
        == {*get_args(Penalty), "adversarial", "none"}
    )
    for variant in (variant for variants in compared.values() for variant in variants.values()):
        assert variant.resolved


def test_the_weights_of_example_2_are_what_the_paper_and_the_code_write(tmp_path, monkeypatch):
    """Equation 5 sums over a group, and 4.2.4 has twice the energy distance; the code averages over all, and sums distances."""
    found = {}
    monkeypatch.setattr(symae, "examples", lambda work, variants, *rest: found.update(variants))
    recipes.find("symae.figures_6_7")(tmp_path)
    rng = np.random.default_rng(0)
    errors, codes = rng.standard_normal((6, 97, 100)) ** 2, jnp.asarray(rng.standard_normal((6, 97, 10)), jnp.float32)
    codes += jnp.arange(6)[:, None, None]
    distances = np.array([energy_distance(own, codes.reshape(-1, 10)) for own in codes])
    printed, code = (
        errors.mean() + found[label].method.lam * energy_penalty(codes) for label in ("as printed", "authors' code")
    )
    assert 9700 * printed == pytest.approx(errors.sum(axis=(1, 2)).mean() + 10 * (2 * distances).mean(), rel=1e-5)
    assert code == pytest.approx(errors.mean() + 10 * distances.sum(), rel=1e-4)


@pytest.mark.long
def test_variants_are_compared_seed_by_seed(tmp_path):
    """Every variant is trained with settings of its own, on rows as they are if it says so, and measured; one that diverges is
    counted.
    """
    method = dense_symae(k=100, q=10)
    settings = {"one": {"lr": 1e-2}, "other": {"lr": 1e-2}, "wild": {"lr": 1e30}}
    variants = {name: symae.example(method, own, raw=name == "one") for name, own in settings.items()}
    experiments._compare(begin(tmp_path, "variants", True), variants)
    found = read_json(tmp_path / "variants_fast.json")["variants"]
    assert found["other"]["training"]["lr"] == 0.01
    assert [variant["diverged"] for variant in found.values()] == [0, 0, 1]
    for name in ("one", "other"):
        assert all(np.isfinite(measure["values"]).all() for measure in found[name]["measures"].values())
    assert (tmp_path / "variants_fast.png").exists()
    errors = [found[name]["measures"]["reconstruction_error"]["values"] for name in ("one", "other")]
    assert errors[0] != errors[1]
    read = rows_of(found["wild"]["measures"])[0]
    assert read.keys() == found["one"]["measures"].keys()
    assert np.isnan(list(read.values())).all()


@pytest.mark.long
@pytest.mark.parametrize("kept", ["by this code", "by another", "nothing to read"])
def test_a_comparison_goes_on_from_its_json(tmp_path, monkeypatch, kept):
    """Whatever number of rows of each variant is there, only the others are measured; by other code, or damaged, nothing is."""
    measured = []

    def train(work, method, data, seed, **training):
        measured.append(seed)
        return Run((seed,), (Oracle(seed),), (Record([1], [2.0], {}),), data)

    def measures(model, data):
        return dict.fromkeys(("swap_error", "reconstruction_error", "J_relative", "leakage"), 1.0 + model.seed)

    monkeypatch.setattr(Work, "train", train)
    monkeypatch.setattr(experiments, "swap_measures", measures)
    monkeypatch.setattr(Work, "save", lambda *figure: None)
    variants = {name: symae.example(dense_symae(k=100, lam=lam)) for name, lam in (("a", 0.0), ("b", 1.0))}
    path = tmp_path / "variants.json"
    experiments._compare(begin(tmp_path, "variants", False), variants)
    whole, partial = read_json(path), read_json(path)
    measured.clear()
    for name, rows in (("a", 3), ("b", 2)):
        for measure in partial["variants"][name]["measures"].values():
            measure["values"] = measure["values"][:rows]
    if kept == "by another":
        partial["provenance"]["code"] = "?"
    path.write_text("{" if kept == "nothing to read" else json.dumps(partial))
    experiments._compare(begin(tmp_path, "variants", False), variants)
    assert sorted(measured) == ([2, 3, 3, 4, 4] if kept == "by this code" else sorted([*range(5), *range(5)]))
    assert read_json(path)["variants"] == whole["variants"]


@pytest.mark.long
def test_examples_are_run_once_measured_and_drawn(tmp_path, monkeypatch, trainings):
    """Printed runs see raw values, and another figure of the same example trains nothing."""
    method = dense_symae(k=100, q=10)
    variants = {
        "as printed": symae.example(method, {"batch": (6, 5), "lr": 1e-3}, (6, 5), raw=True),
        "too fast": symae.example(method, {"lr": 1e30}, (6, 5)),
        "our own": symae.example(method, {"snapshots": (100, 200)}, (6, 5)),
    }

    def draw(model, data):
        return plots.lines(np.arange(2), {"error": np.ones(2)}, "", "")

    def error(model, data):
        return {"reconstruction_error": float(np.mean((model.reconstruct(data) - data.x) ** 2))}

    monkeypatch.setattr(symae, "swap_measures", error)

    def scale(model, data):
        return {"scale": float(np.max(model.trained.scale.std))}

    found = symae.examples(begin(tmp_path, "symae_figure_x", True), variants, {"figure_x": draw}, scale)
    assert found["as printed"]["measures"]["scale"] == 1 != found["our own"]["measures"]["scale"]
    assert "diverged" in found["too fast"]
    assert list(found["our own"]["snapshots"]) == ["our own, step 50"]
    assert (tmp_path / "figure_x_our_own_step_50_fast.png").exists()
    assert (tmp_path / "figure_x_as_printed_fast.png").exists()
    first = read_json(tmp_path / "symae_figure_x_fast.json")["variants"]
    measures = [variant["measures"] for variant in first.values() if "measures" in variant]
    assert all(np.isfinite(list(one.values())).all() for one in measures)
    begun = {one.pop("scale") for one in measures}
    del first["our own"]["snapshots"]["our own, step 50"]["scale"]
    symae.examples(begin(tmp_path, "symae_figure_y", True), variants, {})
    assert read_json(tmp_path / "symae_figure_y_fast.json")["variants"] == first
    del variants["too fast"]
    more = {"new": variants["our own"]} | variants
    last = symae.examples(begin(tmp_path, "symae_figure_x", True), more, {"figure_x": draw})
    assert list(last) == list(read_json(tmp_path / "symae_figure_x_fast.json")["variants"]) == ["new", *variants]
    monkeypatch.setattr(Work, "train", None)  # what the JSON has is not even read again
    again = symae.examples(begin(tmp_path, "symae_figure_x", True), variants, {"figure_x": draw}, scale)
    assert {variant["measures"]["scale"] for variant in again.values()} == begun


class Oracle(un.model.Model):
    """Decodes the truth, or what is left of it below a frequency."""

    def __init__(self, seed=0):
        object.__setattr__(self, "seed", seed)

    def interpolate(self, data, position, at):
        assert set(position) <= set(at)
        return un.data.mra_states()[4][(np.arange(100) + at[:, None].astype(int)) % 100]

    def reconstruct(self, data):
        spectrum = np.fft.rfft(data.x)
        spectrum[:, 20:] = 0
        return np.fft.irfft(spectrum)


def test_the_spline_of_figure_5_tells_who_has_seen_a_shift():
    data = un.data.mra()
    known = symae._spline(Oracle(), data).seen
    assert np.all(np.sum(list(known.values()), axis=0) == 1)
    assert known["instances"].sum() == 30
    assert known["never_seen"].sum() <= 10
    fast = symae._spline_measured(Oracle(), symae.shortened(symae.example_1()["as printed"]).data)
    assert np.isfinite(list(fast.values())).all()
    measured = symae._spline_measured(Oracle(), data)
    assert max(value for name, value in measured.items() if "error" in name) < 1e-12
    assert sum(value for name, value in measured.items() if "shifts" in name) == len(known["instances"])


def test_figure_14_tells_which_frequencies_are_missing():
    missing = np.array(symae._missing(Oracle(), un.data.mra())["missing_by_frequency"])
    np.testing.assert_allclose(missing[:20], 0, atol=1e-9)
    np.testing.assert_allclose(missing[21::2], 1, atol=1e-4)  # a box has odd frequencies only


def test_the_nets_of_the_notebook_are_those_of_the_facts():
    (nets, _), rows = symae_digits._notebook().init((28, 28), jax.random.key(0)), jnp.zeros((28, 28))
    assert nets.coherent_1(rows).shape == nets.nuisance(rows).shape == (20,)
    sizes = [leaf.size for leaf in jax.tree.leaves(eqx.filter(nets, eqx.is_array))]
    encoder = 784 * 512 + 512 + 512 * 256 + 256 + 256 * 20 + 20 + 20 * 20 + 20
    assert sum(sizes) == 2 * encoder + 40 * 256 + 256 + 256 * 512 + 512 + 512 * 784 + 784
    assert symae_digits._notebook_lr(90_000, 1.0) == pytest.approx(3.2e-5, rel=0.01)


def test_the_mean_error_of_the_notebook_moves_weights_as_its_sum_does():
    (player,), keras = symae_digits._notebook().players(), optax.scale_by_adam(eps=1e-7)
    slopes = 10.0 ** jnp.arange(-12.0, -3.0)
    ours, theirs = (how.update(by * slopes, how.init(slopes))[0] for how, by in ((player.optimiser, 1), (keras, 21 * 784)))
    np.testing.assert_allclose(ours, theirs, rtol=1e-4)


def strokes_of(digit, slant, thickness):
    """A sheared bar, or two beside each other: a digit of this handwriting, in 0 .. 255."""
    y, x = np.mgrid[:28, :28] - 13.5
    middles = [0.0] if digit == 0 else [-5.0, 5.0]
    away = np.min([np.abs(x + slant * y - middle) for middle in middles], axis=0)
    return 255 * np.clip(thickness / 2 + 0.5 - away, 0, 1) * (np.abs(y) < 9)


class Writer(un.model.Model):
    """Codes are the digit and the handwriting themselves; who `forgets` loses the handwriting, who `mistakes` the digit."""

    grouped = True

    def __init__(self, flaw):
        object.__setattr__(self, "flaw", flaw)
        object.__setattr__(self, "trained", Trained(None, eqx.nn.State(eqx.nn.Identity()), Scale(0.0, 1.0), Chain((28, 28))))

    def codes(self, data):
        style = np.stack([data.factors["slant"], data.factors["thickness"]], axis=1).astype(np.float32)
        return Codes({"coherent": data.group_states[:, None].astype(np.float32)}, {"nuisance": style}, data.group)

    encode = codes

    def inconsistency(self, codes):
        return np.nan

    def decode(self, codes):
        digit = codes.coherent[codes.group, 0] != (self.flaw == "mistakes")
        style = np.full_like(codes.nuisance, 2.5) * [0, 1] + np.random.default_rng(0).normal(size=codes.nuisance.shape) * 0.05
        return np.stack(
            [strokes_of(d, *n) for d, n in zip(digit, style if self.flaw == "forgets" else codes.nuisance, strict=True)]
        )


@pytest.mark.parametrize("flaw", [None, "forgets", "mistakes"])
def test_content_and_style_are_told_apart(flaw):
    """A writer who keeps both is read and recognised; one who forgets the style is only read."""
    rng = np.random.default_rng(1)
    digit, slant, thickness = np.repeat([0, 1], 60), rng.uniform(-0.4, 0.4, 120), rng.uniform(2, 4, 120)
    images = np.stack([strokes_of(*one) for one in zip(digit, slant, thickness, strict=True)])
    factors = {"state": (digit, "categorical"), "slant": (slant, "continuous"), "thickness": (thickness, "continuous")}
    data = un.Dataset(images, factors, groups=np.arange(120) // 20)
    reader = KNeighborsClassifier(3).fit(symae_digits.pixels(images), digit)
    found = symae_digits.style_and_content(Writer(flaw), data, reader)
    assert found["read_originals"] == 1
    assert found["read_swaps"] == pytest.approx(float(flaw != "mistakes"), abs=0.02)
    for style in ("slant", "thickness"):
        assert (found[f"{style}_swaps"] > 0.95) == (flaw != "forgets")


@pytest.mark.parametrize("kind", [un.BetaVAE, un.BetaTCVAE])
def test_only_of_beta_vae_are_latents_dead_whose_means_stay(kind):
    """As in the code that made the printed totals: a sample of a dead latent is noise, which detects a little."""
    two = Autoencoder(Lambda(lambda x: jnp.stack([x[0], 0.01 * x[1], 0.0, 0.0])), Lambda(lambda z: z))
    model = un.Model(kind(m=2), Trained(two, eqx.nn.State(two), Scale(0.0, 1.0), Chain((2,), ())), 0)
    ranges = np.ptp(sampled(model, un.Dataset(np.random.default_rng(0).uniform(size=(50, 2)))), axis=0)
    assert ranges[0] > 1
    assert (ranges[1] == 0) == (kind is un.BetaVAE)


@pytest.fixture
def experiment():
    """Small nets on small images, of which some are brighter."""
    rng = np.random.default_rng(0)
    bright = np.arange(40) % 2
    data = un.Dataset(rng.uniform(size=(40, 4, 4)) + bright[:, None, None], {"bright": (bright, "binary")})

    def method(setting):
        inner = 3 if setting.kind is un.NashAE else 6
        own = {
            "encoder": lambda key: eqx.nn.Sequential([FLATTEN, *mlp([16, 8, inner], ELU, keys(key))]),
            "decoder": lambda key: eqx.nn.Sequential([*mlp([3, 8, 16], ELU, keys(key)), reshape((4, 4))]),
        }
        return setting.kind(m=3, **{setting.number: setting.value}, **own)

    return Experiment(data, data.take(np.arange(20)), method, 5, 8, 1, 0.0)


@pytest.mark.parametrize("setting", [*nashae_images.TABLE_2, *nashae_images.TABLE_3], ids=lambda setting: setting.label)
def test_every_row_of_the_tables_can_be_trained(setting):
    """Its nets take its images and give them back."""
    faces = setting in nashae_images.TABLE_3
    method = nashae_images.face_method(setting) if faces else nashae_images.sprite_method(np.zeros((64, 64)), setting)
    shape = (64, 64, 3) if faces else (64, 64)
    net, _ = eqx.filter_eval_shape(method.init, shape, jax.random.key(0))
    code = jax.ShapeDtypeStruct((32 if faces else 10,), jnp.float32)
    assert eqx.filter_eval_shape(net.decoder, code).shape == shape


@pytest.mark.long
def test_figures_of_images_train_only_what_no_table_has_trained(tmp_path, experiment, trainings):
    """Each trains the settings it shows, of the first trial, in the one folder; numbers are finite and pictures there."""
    settings = (
        Setting(un.NashAE, "lam", 0.2, (0.5,), best=True),
        Setting(un.BetaVAE, "beta", 4.0, (), best=True),
        Setting(un.NashAE, "lam", 0.0, ()),
    )

    table = nashae_images.table(
        begin(tmp_path, "table", True), experiment, settings, lambda model: nashae_images.counts(model, experiment)
    )
    assert [row["setting"] for row in table["rows"]] == ["NashAE λ = 0.2", "BetaVAE β = 4"]
    assert all(len(row["measures"]["used"]["values"]) == 1 for row in table["rows"])
    assert "predictor_r2" in table["rows"][0]["measures"]
    assert "| NashAE λ = 0.2 | " in nashae_experiments.page(table)
    assert len(trainings) == 2
    measured = partial(nashae_images.captured, data=experiment.shown)
    nashae_images._figure_2(begin(tmp_path, "two", True), experiment, settings, "two", measured)
    networks = read_json(tmp_path / "two_fast.json")["networks"]
    assert [network["lam"] for network in networks] == [0, 0.2]
    assert all(0 <= network["tad_paper_score_low"] <= network["tad_paper_score"] for network in networks)
    assert networks[1]["r2"] == table["rows"][0]["measures"]["predictor_r2"]["values"][0]
    assert len(trainings) == 3
    attributes = {"bright": experiment.shown.factors["bright"], "dark": 1 - experiment.shown.factors["bright"]}
    nashae_images._figure_4(begin(tmp_path, "four", True), experiment, settings, attributes, "four")
    detectors = read_json(tmp_path / "four_fast.json")["detectors"]
    assert [d["auroc"] for d in detectors[:3]] == [d["auroc"] for d in detectors[3:]]
    assert len(trainings) == 3
    assert all((tmp_path / f"{name}_fast.png").exists() for name in ("two", "four"))


@pytest.mark.long
def test_on_a_gpu_all_settings_are_trained_and_their_trials_together(tmp_path, experiment, monkeypatch):
    """Elsewhere one trial after the other, of the best settings."""
    asked = []

    def trained(work, method, data, seeds, **training):
        asked.append((method.lam, seeds))
        many = [seeds] if isinstance(seeds, int) else seeds
        return un.train(Chase(), data, seeds=many, steps=1, progress=False)

    monkeypatch.setattr(Work, "train", trained)
    settings = (Setting(un.NashAE, "lam", 0.2, (0.5,), best=True), Setting(un.NashAE, "lam", 0.0, ()))
    two = experiment._replace(trials=2)
    for small in (False, True):
        monkeypatch.setattr(nashae_images, "small", lambda small=small: small)
        work = begin(tmp_path, f"small {small}", False)
        rows = nashae_images.table(work, two._replace(trials=2), settings, lambda model: {"seed": model.seed}, ("seed",))[
            "rows"
        ]
        assert [row["measures"]["seed"]["values"] for row in rows] == [[0, 1]] * (1 if small else 2)
        assert rows[0]["printed"] == {"seed": 0.5}
    assert asked == [(0.2, range(2)), (0.0, range(2)), (0.2, 0), (0.2, 1)]


def test_the_best_detector_may_detect_absence_and_is_alive():
    rng, attribute = np.random.default_rng(0), (np.arange(60) % 3 == 0).astype(float)
    noise = rng.uniform(size=60)
    codes = np.stack([noise, -attribute + 0.1 * noise, 0.1 * attribute], axis=1)
    assert best_detector(codes, attribute) == (1, 1.0)
    assert best_detector(0.1 * codes, attribute)[1] == 0.5


def test_every_recipe_is_found_and_none_hides_another():
    every = [name for modules in recipes.RECIPES.values() for names in modules.values() for name in names.split()]
    assert len(every) == len(recipes.names())
    for name in recipes.names():
        assert recipes.find(name).__name__ == name.partition(".")[2]
