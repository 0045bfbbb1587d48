"""Files of a run that were changed, swapped or left behind: taken for what they are, or refused in one sentence."""

import json
import os
import shutil
import subprocess
from dataclasses import replace

import equinox as eqx
import jax
import numpy as np
import pytest

import unentangle as un
from unentangle import runs
from unentangle.errors import InputError
from unentangle.report import report
from unentangle.storage import alone, draft, read_json, write_tree
from unentangle.train.run import Record
from worlds import dense_latents, gaussian_rows, small_mra

AE = dense_latents(un.AE)
ODD = {
    "empty": b"",
    "no text": b"\xff\xfe\x00",
    "nested": b"[" * 100_000,
    "cut": b'{"seeds": [0',
    "a list": b"[]",
    "not a number": b'{"seeds": NaN}',
    "a huge number": b'{"seeds": ' + b"9" * 5000 + b"}",
    "another type": b'{"seeds": {"a": "' + b"x" * 60_000 + b'"}, "best": "x", "data": 1}',
    "a list of words": b'{"seeds": ["x"], "best": [], "data": {}}',
}


def one_sentence(caught):
    said = str(caught.value)
    assert "\n" not in said
    assert len(said) <= 600
    assert "Errno" not in said
    return said


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A run of one seed, as `fit` leaves it."""
    folder = tmp_path_factory.mktemp("finished")
    np.savez(folder / "mine.npz", x=gaussian_rows(20).x)
    method = un.AE(m=1)
    runs.fit(str(folder / "mine.npz"), method, folder / "run", steps=2, batch=4, held_out=0.0, say=lambda line: None)
    return folder


@pytest.fixture
def run(finished, tmp_path):
    return shutil.copytree(finished / "run", tmp_path / "run")


@pytest.mark.parametrize("content", ODD.values(), ids=ODD)
@pytest.mark.parametrize("name", ["config.json", "source.json", "metrics.json"])
def test_odd_json_in_a_run_is_one_sentence(run, name, content):
    (run / name).write_bytes(content)
    with pytest.raises(InputError, match=name) as caught:  # noqa: PT012
        runs.model_of(run)
        runs.open_run(run)
    one_sentence(caught)


@pytest.mark.parametrize("name", ["config.json", "source.json", "metrics.json", "history-0.csv", "model-0.safetensors"])
def test_a_folder_in_place_of_a_file_is_one_sentence(finished, run, name):
    (run / name).unlink()
    (run / name).mkdir()
    with pytest.raises(InputError, match=f"{name} is no file") as caught:  # noqa: PT012
        runs.model_of(run)
        runs.open_run(run) if name != "history-0.csv" else None
        un.train(un.AE(m=1), un.read(finished / "mine.npz"), steps=2, batch=4, out=run, progress=False)
    one_sentence(caught)


@pytest.mark.parametrize(
    "text", ["", "a,b\n1,2\n", "step,seconds,loss\n1,x,2\n", "step,seconds,loss\n1\n", "step,seconds\n\x00"]
)
def test_an_odd_history_is_one_sentence(text):
    with pytest.raises(InputError, match="no history of a training") as caught:
        Record.parse(text)
    one_sentence(caught)


def test_data_of_another_place_is_not_opened(run, monkeypatch):
    source = json.loads((run / "source.json").read_text())
    monkeypatch.setattr(runs, "open_data", lambda *_: pytest.fail("it was opened"))
    for change in ({"data": "/etc/passwd"}, {"groups": "/etc/passwd"}, {"x": "y"}, {"digest": None}, {"more": 1}):
        changed = {name: value for name, value in (source | change).items() if value is not None}
        (run / "source.json").write_text(json.dumps(changed))
        with pytest.raises(InputError, match=r"not as `fit` has written it|which is unknown") as caught:
            runs.open_run(run)
        one_sentence(caught)


def test_files_of_another_run_are_refused(tmp_path):
    """Of another number of steps, learning rate, data set or seed: models, histories and checkpoints."""
    data = small_mra(3, 3)

    def trained(name, seed=0, data=data, steps=2, lr=1e-3):
        folder = tmp_path / name
        un.train(AE, data, seeds=seed, steps=steps, batch=4, lr=lr, out=folder, progress=False)
        return folder

    others = {"steps": 3}, {"lr": 1e-2}, {"data": small_mra(3, 3, seed=1)}, {"seed": 1}
    for position, other in enumerate(others):
        swapped = trained(f"other-{position}", **other)
        seed = other.get("seed", 0)
        for kind in ("model-{}.safetensors", "history-{}.csv"):
            mine = trained(f"mine-{position}-{kind[0]}")
            shutil.copy(swapped / kind.format(seed), mine / kind.format(0))
            with pytest.raises(InputError, match="belongs to another run") as caught:
                trained(mine.name)
            one_sentence(caught)
    assert (tmp_path / "mine-0-h" / "model-0.safetensors").read_bytes() == (
        tmp_path / "mine-1-h" / "model-0.safetensors"
    ).read_bytes()
    (mine / "model-0.safetensors").unlink()
    write_tree(mine / "checkpoint-0.safetensors", {"x": np.zeros(2)}, {"step": 1, "seeds": [0], "history": ["a"], "run": "b"})
    with pytest.raises(InputError, match=r"checkpoint-0\.safetensors belongs to another run"):
        trained(mine.name)


def test_equal_trees_are_equal_bytes(tmp_path):
    for name in "abcdefgh":
        write_tree(tmp_path / name, {"x": np.zeros(2), "y": np.ones(3)}, {"format": 6, "run": "r"})
    assert len({file.read_bytes() for file in tmp_path.iterdir()}) == 1


def test_what_a_dead_process_left_is_swept_and_one_process_has_a_folder(tmp_path):
    dead = subprocess.Popen(["true"])
    dead.wait()
    left, alive = tmp_path / f".model-0.safetensors.{dead.pid}.tmp", tmp_path / f".metrics.json.{os.getppid()}.tmp"
    left.touch()
    alive.touch()
    with alone(tmp_path):
        assert [file.name for file in tmp_path.iterdir()] == [alive.name]
        with pytest.raises(InputError, match="is being written by another process"), alone(tmp_path):
            pass
        alive.unlink()
        with pytest.raises(InputError, match="another process"):
            un.train(AE, small_mra(), steps=2, batch=4, out=tmp_path, progress=False)


def test_a_folder_that_was_removed_meanwhile_is_an_error(tmp_path):
    def removes(model, data):
        shutil.rmtree(tmp_path / "study")
        return {"fine": 1.0}

    with pytest.raises(InputError, match="was removed by somebody") as caught:
        un.study([AE], small_mra(), seeds=0, measure=removes, out=tmp_path / "study", steps=2, batch=4, progress=False)
    one_sentence(caught)


def test_a_full_disk_names_the_file(tmp_path):
    with pytest.raises(OSError, match=r"model\.json"), draft(tmp_path / "model.json") as file:
        raise OSError(28, "No space left on device", str(file))
    assert not list(tmp_path.iterdir())


def test_a_cell_of_a_study_that_is_odd_is_one_sentence(tmp_path):
    def run():
        return un.study(
            [AE], small_mra(), seeds=0, measure=lambda m, d: {"a": 1}, out=tmp_path, steps=2, batch=4, progress=False
        )

    run()
    [cell] = (tmp_path / "cells").iterdir()
    for content in (b"[]", b"{}", b"\xff", b'{"key": 1, "row": 2}', b"[" * 100_000):
        cell.write_bytes(content)
        with pytest.raises(InputError, match=cell.name) as caught:
            run()
        one_sentence(caught)


def test_sentences_have_an_end():
    assert len(str(InputError("x" * 60_000))) <= 600
    assert len(str(InputError("there is no group a; there are " + ", ".join(map(str, range(60_000)))))) <= 600


def test_large_json_is_refused(tmp_path):
    with (tmp_path / "config.json").open("wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(InputError, match="has 1048576 MiB"):
        read_json(tmp_path / "config.json")


@pytest.mark.parametrize(("scale", "says"), [(0.0, "seed 0 collapsed"), (1e3, "seed 0 diverged")])
def test_a_model_that_learned_nothing_is_said_to_have(scale, says, tmp_path):
    """Whatever its latents: none of them is then counted as found."""
    data = small_mra()
    model = un.train(AE, data, steps=1, batch=8, progress=False)[0]
    last = model.trained.net.decoder
    decoder = jax.tree.map(lambda w: scale * w + (scale > 0) if eqx.is_inexact_array(w) else w, last)
    trained = model.trained._replace(net=eqx.tree_at(lambda net: net.decoder, model.trained.net, decoder))
    lines = report(tmp_path, [replace(model, trained=trained)], [0], data, np.arange(len(data))).lines
    assert any(line.startswith(says) and "Try" in line for line in lines)
    assert not any("factors found" in line for line in lines)
