"""The command line as a person meets it; training is a few steps."""

import json
import re
from functools import partial
from importlib import import_module

import matplotlib.pyplot as plt
import numpy as np
import pytest

import unentangle as un
from unentangle import nets, report, runs, storage
from unentangle.cli import main
from unentangle.io.codes import read_pairs
from unentangle.report import split
from worlds import small_mra, small_nets

SMALL = ["--isometry", "0", "--consistency", "0", "--coincidence", "0", "--blur", "0", "--pooled", "1"]  # compiles faster


@pytest.fixture(scope="module", autouse=True)
def small():
    """Nets and programs that compile fast, and predictors that learn a moment."""
    evaluation = import_module("unentangle.evaluate")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(nets, "symae_default", small_nets)
        patch.setattr(evaluation, "predictability", partial(evaluation.predictability, steps=5))
        yield


@pytest.fixture
def without_figures(monkeypatch):
    """For what is measured again, whose figures were drawn once."""
    monkeypatch.setattr(storage, "save", lambda figure, path: plt.close(figure))


@pytest.fixture(scope="module")
def mine(tmp_path_factory):
    """A file of one's own, and a run on it."""
    folder = tmp_path_factory.mktemp("mine")
    data = small_mra(n_x=6, n_tau=5)
    names = np.array(["north", "south", "east"])[data.group % 3]
    np.savez(folder / "mine.npz", x=data.x * 50 + 7, groups=names, depth=data.factors["shift"] * 1.0)
    settings = ["--taper", "0.1", "--resample", "10", "--steps", "2", "--seeds", "0", "1"]
    fit = ["fit", str(folder / "mine.npz"), "symae", *SMALL, *settings, "--out", str(folder / "run")]
    assert main(fit) == 0
    return folder, fit


def test_alone_it_says_what_to_type_next(capsys):
    assert main([]) == 0
    assert "unentangle demo" in capsys.readouterr().out


def test_a_run_folder_holds_everything(mine):
    folder, _ = mine
    names = {p.name for p in (folder / "run").iterdir()}
    seeds = {f"{kind}-{s}.{end}" for s in (0, 1) for kind, end in (("model", "safetensors"), ("history", "csv"))}
    figures = {"redatuming.png", "codes.png", "history.png"}
    assert names == seeds | figures | {"config.json", "instances.csv", "metrics.json", "source.json"}
    metrics = json.loads((folder / "run" / "metrics.json").read_text())
    assert metrics.pop("seeds") == [0, 1]
    assert metrics.pop("best") in (0, 1)
    assert all(len(values) == 2 for values in metrics.values())
    assert metrics["leakage_chance"] == [pytest.approx(1 / 3)] * 2


def test_the_same_command_reads_the_finished_run(mine, capsys, without_figures):
    folder, fit = mine
    before = {p.name: p.read_bytes() for p in (folder / "run").glob("model-*")}
    assert main(fit) == 0
    assert "leakage" in capsys.readouterr().out
    assert before == {p.name: p.read_bytes() for p in (folder / "run").glob("model-*")}


def test_encode_writes_the_codes_of_the_best_seed(mine, tmp_path):
    folder, _ = mine
    assert main(["encode", str(folder / "run"), str(folder / "mine.npz"), "--out", str(tmp_path / "codes.npz")]) == 0
    codes = np.load(tmp_path / "codes.npz")
    assert (codes["coherent"].shape, codes["nuisance"].shape) == ((3, 5), (30, 10))
    assert list(codes["group_names"]) == ["east", "north", "south"]
    best = int(np.argmin(json.loads((folder / "run" / "metrics.json").read_text())["inconsistency"]))
    model = un.Model.load(folder / "run" / f"model-{best}.safetensors")
    np.testing.assert_array_equal(codes["nuisance"], model.encode(un.read(folder / "mine.npz")).nuisance)


def test_swap_writes_data_that_can_be_read(mine, tmp_path):
    folder, _ = mine
    out = tmp_path / "swaps.npz"
    chosen = ["--state", "north", "--style", "south", "east", "--seed", "1"]
    assert main(["swap", str(folder / "run"), str(folder / "mine.npz"), "--out", str(out), *chosen]) == 0
    data, arrays = un.read(out), np.load(out)
    assert data.x.shape == (20, 12)
    assert list(data.group_names) == ["north"]
    original = un.read(folder / "mine.npz")
    np.testing.assert_array_equal(original.groups[arrays["style_row"]], arrays["style_group"])
    model = un.Model.load(folder / "run" / "model-1.safetensors")
    codes = model.encode(original)
    np.testing.assert_allclose(data.x, model.swap(codes.coherent[1], codes.nuisance[arrays["style_row"]])[0], atol=1e-3)


def test_evaluate_measures_again(mine, without_figures):
    folder, _ = mine
    before = json.loads((folder / "run" / "metrics.json").read_text())
    assert main(["evaluate", str(folder / "run")]) == 0
    assert json.loads((folder / "run" / "metrics.json").read_text()) == before


def test_codes_are_measured_without_a_model(tmp_path, capsys):
    v = np.arange(60) % 6
    np.save(tmp_path / "c.npy", np.stack([v % 2, v // 2], axis=1) * 1.0)
    (tmp_path / "f.csv").write_text("side,size\n" + "".join(f"{'lr'[i % 2]},{i // 2}\n" for i in v))
    files = ["evaluate", "--codes", str(tmp_path / "c.npy"), "--factors", str(tmp_path / "f.csv"), "--draws", "2"]
    assert main([*files, "--out", str(tmp_path / "s.json")]) == 0
    assert re.search(r"mig +1.000 \(", capsys.readouterr().out)
    assert json.loads((tmp_path / "s.json").read_text())["found"]["mig"]["value"] == pytest.approx(1)
    assert main([*files, "--out", str(tmp_path / "s.json")]) == 2
    assert "exists already" in capsys.readouterr().err
    assert main(files[:3]) == 2
    assert "--codes FILE and --factors FILE" in capsys.readouterr().err
    (tmp_path / "c.csv").write_text("a,b\n1,x\n")
    assert main(["evaluate", "--codes", str(tmp_path / "c.csv"), *files[3:]]) == 2
    assert "holds words in the column b" in capsys.readouterr().err


def test_factors_beside_codes_are_as_long_whole_and_of_the_kind_that_is_said(tmp_path, capsys):
    v = np.arange(60) % 6
    np.save(tmp_path / "c.npy", np.stack([v % 2, v // 2], axis=1) * 1.0)
    files = ["evaluate", "--codes", str(tmp_path / "c.npy"), "--factors", str(tmp_path / "f.csv"), "--draws", "0"]

    def said(lines, *more):
        (tmp_path / "f.csv").write_text("\n".join(["side,depth", *lines]))
        code, (out, err) = main([*files, *more]), capsys.readouterr()
        return code, " ".join((out + err).split())

    lines = [f"{'lr'[i % 2]},{i // 2}" for i in v]
    assert "factors: side (2 classes), depth (3 classes)" in said(lines)[1]
    assert "factors: side (2 classes), depth (a continuum)" in said(lines, "--continuous", "depth")[1]
    assert "--continuous side is no factor of numbers" in said(lines, "--continuous", "side")[1]
    code, printed = said(lines[:-1])
    assert code == 2
    assert "f.csv has 59 rows of side, and" in printed
    code, printed = said(["l,", *lines[1:]])
    assert code == 0
    assert "the factor depth is not scored, as some rows have no value of it" in printed
    np.save(tmp_path / "c.npy", np.full((60, 2), np.nan))
    assert "c.npy cannot be scored: latent 0 of row 0 of codes is nan" in said(lines)[1]


def test_mra_is_measured_by_its_swaps(tmp_path, capsys):
    few = ["--steps", "2", "--batch", "2", "3", "--lam", "1", *SMALL]
    assert main(["fit", "mra", "symae", *few, "--out", str(tmp_path / "run")]) == 0
    metrics = json.loads((tmp_path / "run" / "metrics.json").read_text())
    known = {"constant": 0.3972, "donor": 0.5099, "donor_phi": 0.2785, "alignment_told_shift": 0}
    assert {name: metrics["baselines"][name] for name in known} == pytest.approx(known, abs=1e-4)
    assert 0.1 < metrics["swap_error"][0] < 1
    assert {"swap_error_worst", "swap_error_phi", "J", "J_relative", "leakage"} <= metrics.keys()
    said = capsys.readouterr().out
    assert "held out" not in said
    assert "swap_error" in said


def test_figure_1_is_remade(tmp_path):
    assert main(["reproduce", "symae.figure_1", "--out", str(tmp_path)]) == 0
    errors = json.loads((tmp_path / "symae_figure_1.json").read_text())["errors"]
    assert errors["taken for 25"]["after_the_best_common_roll"] == pytest.approx(0, abs=1e-12)
    assert errors["the same box under every shift"]["after_the_best_common_roll"] > 0.2


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (["conquer"], "there is no command 'conquer'"),
        (["fit"], "fit needs DATA and METHOD"),
        (["fit", "nonsuch", "symae", "--out", "new"], "'nonsuch' is neither a data set"),
        (["fit", "mra", "magic", "--out", "new"], "the method 'magic' is unknown"),
        (["fit", "gone.npz", "symae", "--out", "new"], "gone.npz does not exist"),
        (["fit", "MINE", "symae", "--x", "rows", "--out", "new"], "has no array 'rows'; it holds x, groups, depth"),
        (["fit", "MINE", "symae", "--groups", "event", "--out", "new"], "has no array 'event'"),
        (["fit", "mra", "symae", "--groups", "event", "--out", "new"], "mra is a data set of the package"),
        (["inspect", "mra", "--x", "rows"], "mra is a data set of the package"),
        (["encode", "RUN", "mra", "--groups", "event", "--out", "c.npz"], "mra is a data set of the package"),
        (["fit", "mra", "symae", "--held-out", "0.2"], "--held-out is for other data"),
        (["fit", "MINE", "symae", "--groups", ""], "the data has no groups"),
        (["fit", "MINE", "symae", "--rate", "1", "--out", "new"], "must be at least 0 and less than 1"),
        (["fit", "MINE", "symae", *SMALL, "--out", "RUN"], "holds another run: its data and seeds and steps differ"),
        (["fit", "MINE", "symae", "--window", "5", "30", "--out", "NEW"], "a window ends at sample 30; the rows have 12"),
        (["encode", "nowhere", "MINE", "--out", "c.npz"], "nowhere holds no run"),
        (["encode", "RUN", "MINE", "--seed", "7", "--out", "c.npz"], "has no seed 7; it has 0, 1"),
        (["encode", "RUN", "MINE", "--out", "MINE"], "exists already"),
        (["swap", "RUN", "MINE", "--state", "west", "--out", "c.npz"], "there is no group west; the groups are east"),
        (["encode", "RUN", "mra", "--out", "c.npz"], r"rows have shape (100,)"),
        (["reproduce", "symae.figure_99", "--out", "new"], "there is no recipe"),
    ],
)
def test_wrong_input_is_one_sentence_and_nothing_is_written(mine, args, says, tmp_path, monkeypatch, capsys):
    folder, _ = mine
    monkeypatch.chdir(tmp_path)
    names = {"MINE": str(folder / "mine.npz"), "RUN": str(folder / "run")}
    before = {p: p.read_bytes() for p in folder.rglob("*") if p.is_file()}
    assert main([names.get(a, a) for a in args]) == 2
    printed = capsys.readouterr().err
    assert printed.startswith("error: ")
    assert says in printed
    assert printed.count("\n") == 1
    assert list(tmp_path.iterdir()) == []
    assert before == {p: p.read_bytes() for p in folder.rglob("*") if p.is_file()}


@pytest.mark.long
def test_a_method_with_one_code_per_row(tmp_path, capsys, monkeypatch):
    """Fit says how many factors it found; encode, swap and evaluate know what to do with latents."""
    monkeypatch.setattr("unentangle.report.FOR_UDR", 10)
    rng = np.random.default_rng(0)
    np.savez(tmp_path / "x.npz", x=rng.standard_normal((40, 1)) * np.sin(np.arange(30)), width=rng.uniform(0, 1, 40))
    file, run = str(tmp_path / "x.npz"), str(tmp_path / "run")
    numbers = ["--m", "3", "--lam", "0.1", "--updates", "1", "--steps", "4", "--batch", "20", "--seeds", "0", "1"]
    fit = ["fit", file, "nashae", *numbers, "--out", run]
    assert main(fit) == 0
    assert "factors found: " in capsys.readouterr().out
    assert {"latents.png", "traversals.png", "metrics.json"} <= {p.name for p in (tmp_path / "run").iterdir()}
    metrics = json.loads((tmp_path / "run" / "metrics.json").read_text())
    assert {"learned_latents", "used_latents", "predictor_r2", "predictability", "udr"} <= metrics.keys()
    monkeypatch.setattr(storage, "save", lambda figure, path: plt.close(figure))  # they are drawn once
    assert main(["evaluate", run, "--draws", "0", "--continuous", "height"]) == 2
    assert "height is no factor of numbers" in capsys.readouterr().err
    assert main(["evaluate", run, "--draws", "0", "--continuous", "width"]) == 0
    assert json.loads((tmp_path / "run" / "scores.json").read_text())["each"][0]["found"]["mig"]["settings"] == {"bins": 20}
    assert main(["encode", run, file, "--out", str(tmp_path / "codes.npz")]) == 0
    with np.load(tmp_path / "codes.npz") as arrays:
        assert arrays["latents"].shape == (40, 3)
    assert main(["encode", run, file, "--out", str(tmp_path / "codes.csv")]) == 0
    # As other programs write tables: the numbers of the rows are no factor, and of what `encode` wrote only latents are codes.
    (tmp_path / "f.csv").write_text(",side,size\n" + "".join(f"{i},{i % 2},{i % 6 // 2}\n" for i in range(40)))
    found = []
    for suffix in ("csv", "npz"):
        capsys.readouterr()
        given = ["--codes", str(tmp_path / f"codes.{suffix}"), "--factors", str(tmp_path / "f.csv"), "--draws", "0"]
        assert main(["evaluate", *given, "--out", str(tmp_path / f"{suffix}.json")]) == 0
        printed = " ".join(capsys.readouterr().out.split())
        assert "40 rows, 3 latents; factors: side (2 classes), size (3 classes)" in printed
        assert "f.csv numbers its rows; it is left out" in printed
        found.append(json.loads((tmp_path / f"{suffix}.json").read_text())["found"]["mig"]["value"])
    assert found[0] == pytest.approx(found[1], abs=1e-6)
    swap = ["swap", run, file, "--state", "3", "4", "--style", "9", "--out", str(tmp_path / "swap.npz")]
    assert main(swap) == 2
    assert "which of its 3 latents" in capsys.readouterr().err
    assert main([*swap, "--latents", "1"]) == 0
    with np.load(tmp_path / "swap.npz") as made:
        assert made["x"].shape == (2, 30)
        assert (made["groups"].tolist(), made["style_row"].tolist()) == ([3, 4], [9, 9])


def test_groups_are_held_out_where_there_are_enough():
    data = un.Dataset(np.random.default_rng(0).normal(size=(90, 8)), groups=np.arange(90) % 30)
    train, measured = split(data, 0.1)
    assert len(train.group_names) == 27
    assert set(data.group[measured]) | set(train.group_names) == set(range(30))
    assert len(split(data, 0.0)[1]) == len(split(data.take(data.group < 9), 0.1)[1]) * 10 / 3 == 90
    with pytest.raises(un.InputError, match="at least 0 and less than 1"):
        split(data, 1.0)


def test_groups_of_one_state_are_not_held_out_alone():
    """The state could not be read from anything."""
    data = un.Dataset(np.random.default_rng(0).normal(size=(60, 8)), groups=np.arange(60) % 20)
    data = un.Dataset(data.x, {"state": data.held_out(0.1)}, data.groups)
    assert len(split(data, 0.1)[1]) == 60


def test_keys_in_a_file_of_their_own_are_for_the_rows_of_the_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name, array in {"rows": np.ones((4, 3)), "other": np.zeros((4, 3)), "keys": np.arange(4) // 2}.items():
        np.save(f"{name}.npy", array)
    source = {"data": str(tmp_path / "rows.npy"), "groups": runs._resolved("./keys.npy"), "x": "x"}
    (tmp_path / "config.json").write_text('{"seeds": [0]}')
    (tmp_path / "source.json").write_text(json.dumps(source | {"digest": runs._signed(tmp_path, source)}))
    assert runs.data_for(tmp_path, "rows.npy", None, None).groups.tolist() == [0, 0, 1, 1]
    assert runs.data_for(tmp_path, "rows.npy", "", None).groups is None
    assert runs.data_for(tmp_path, "other.npy", None, None).groups is None
    assert runs.data_for(tmp_path, "other.npy", "keys.npy", None).groups.tolist() == [0, 0, 1, 1]


def test_pairs_are_found_by_key_and_number(tmp_path):
    data = un.Dataset(np.eye(3), groups=np.array(["007", "013", "020"]))
    (tmp_path / "pairs.csv").write_text("state,style\n013,0\n007,2\n")
    state, style = read_pairs(tmp_path / "pairs.csv", data, by_row=False)
    assert (state.tolist(), style.tolist()) == ([1, 0], [0, 2])
    (tmp_path / "pairs.csv").write_text("state,style\n14,0\n")
    with pytest.raises(un.InputError, match="the state of 14, which is no group"):
        read_pairs(tmp_path / "pairs.csv", data, by_row=False)


@pytest.mark.parametrize(
    ("files", "says"),
    [
        ({"config.json": "[]"}, "does not hold the configuration of a run"),
        ({"config.json": '{"seeds": []}'}, "does not hold the configuration of a run"),
        ({"config.json": '{"seeds": [0]}', "metrics.json": "{}"}, "does not hold the measures of a run"),
        ({"config.json": '{"seeds": [0]}', "metrics.json": '{"best": 0}'}, "no model of seed 0 yet"),
    ],
)
def test_a_damaged_run_is_one_sentence(files, says, tmp_path):
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    with pytest.raises(un.InputError, match=says):
        runs.model_of(tmp_path, None)


def test_of_many_rows_those_of_some_groups_are_measured(monkeypatch):
    monkeypatch.setattr(report, "MEASURED_ROWS", 200)
    for groups, count in ((1000, 200), (20, 50 * 20 // 5)):
        data = un.Dataset(np.ones((5000, 2)), groups=np.arange(5000) % groups)
        rows = report.some_groups(data, np.arange(5000))
        assert count / 2 < len(rows) <= 400
        assert len(np.unique(data.group[rows])) >= 5
