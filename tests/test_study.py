import json

import equinox as eqx
import jax.numpy as jnp
import numpy as np
import pytest

import unentangle as un
from unentangle.model import describe
from unentangle.nets import Dense
from unentangle.storage import write_json
from unentangle.train import engine
from worlds import dense_latents, small_mra

DATA = small_mra()
GRID = [dense_latents(un.BetaVAE, m=m, beta=beta) for beta in (1.0, 4.0) for m in (2, 3)]


def spread(model, data):
    return {"spread": float(np.ptp(model.encode(data)))}


def run(methods=GRID, **options):
    return un.study(
        methods, DATA, **{"seeds": range(3), "measure": spread, "steps": 10, "batch": 8, "progress": False, **options}
    )


@pytest.mark.long
def test_a_cell_of_a_study_is_that_training_alone():
    table = run()
    assert [(r["m"], r["beta"], r["seed"]) for r in table] == [(g.m, g.beta, s) for g in GRID for s in range(3)]
    alone = un.train(GRID[3], DATA, seeds=2, steps=10, batch=8, progress=False)[0]
    assert table[11]["spread"] == spread(alone, DATA)["spread"]
    assert len({r["spread"] for r in table}) == 12


CALLS = []


def stopping(model, data):
    CALLS.append(model.seed)
    if len(CALLS) == 6:
        raise KeyboardInterrupt
    return spread(model, data)


@pytest.mark.parametrize("cpu", [True, False])
def test_a_stopped_study_trains_the_teams_of_one_that_was_not(cpu, tmp_path, monkeypatch):
    """So both have the same table, bit for bit, also where cells train together."""
    monkeypatch.setattr(engine, "on_cpu", lambda: cpu)
    stop = iter([False, True])

    def measure(model, data):
        if next(stop, False):
            raise KeyboardInterrupt
        return spread(model, data)

    grid = {"methods": [dense_latents(un.AE)], "seeds": [3, 1, 2], "measure": measure}
    with pytest.raises(KeyboardInterrupt):
        run(**grid, out=tmp_path)
    assert len(list((tmp_path / "cells").iterdir())) == 1
    assert [r | {"seconds": 0} for r in run(**grid, out=tmp_path)] == [r | {"seconds": 0} for r in run(**grid)]


@pytest.mark.long
def test_a_stopped_study_goes_on_where_it_was(tmp_path):
    CALLS.clear()
    with pytest.raises(KeyboardInterrupt):
        run(measure=stopping, out=tmp_path, at_once=2)
    assert len(list((tmp_path / "cells").iterdir())) == 5  # all that were measured
    table = run(measure=stopping, out=tmp_path, at_once=2)
    assert len(CALLS) == 6 + 7
    assert run(measure=stopping, out=tmp_path) == table
    assert len(CALLS) == 6 + 7
    assert not (tmp_path / "open").exists()
    lines = (tmp_path / "table.csv").read_text().splitlines()
    assert len(lines) == 13
    assert lines[0].startswith("method,m,beta,kl")
    other = sorted((tmp_path / "cells").iterdir())[0]
    write_json(other, {"key": {}, "row": {}})  # a cell of another content under the same name is not taken for ours
    again = run(measure=stopping, out=tmp_path, at_once=2)
    assert [r["spread"] for r in again] == [r["spread"] for r in table]
    assert json.loads(other.read_text())["row"]


def test_one_diverging_cell_does_not_take_the_others_with_it():
    explode = [dense_latents(un.BetaVAE, beta=beta) for beta in (1.0, 3e38)]
    table = run(explode, seeds=[0, 1], measure=lambda model, data: {"fine": 1.0})
    assert [r["diverged"] for r in table][:2] == [False, False]
    assert any(r["diverged"] for r in table[2:])
    assert all(("fine" in r) != r["diverged"] for r in table)


def test_what_differs_in_code_only_is_not_taken_for_the_same(tmp_path):
    """Defaults, activations, schedules and measures of other content are other cells and other programs."""

    def net(width, activation):
        return lambda key, w=width: eqx.nn.Sequential([Dense(12, w, key), eqx.nn.Lambda(activation), Dense(w, 2, key)])

    nets = [net(8, jnp.tanh), net(16, jnp.tanh), net(8, jnp.sin)]
    methods = [dense_latents(un.AE, m=2, encoder=n) for n in nets]
    first = run(methods, seeds=0, measure=lambda model, data: {"v": float(np.sum(model.encode(data)))}, out=tmp_path)
    assert len({r["v"] for r in first}) == 3
    assert run(methods[:1], seeds=0, measure=lambda model, data: {"v": 1.0}, out=tmp_path)[0]["v"] == 1.0
    slopes = [describe(dense_latents(un.NashAE, lam=lambda t, e=e: 0.0 * t + e)) for e in (0.1, 0.4)]
    assert slopes[0] != slopes[1]


def test_what_cannot_be_studied_is_refused_before_training():
    with pytest.raises(un.InputError, match="one or more different"):
        run(seeds=[])
    with pytest.raises(un.InputError, match="batches of 31 different rows were asked for; the data has 30"):
        run(batch=31, replacement=False)
