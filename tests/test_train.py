"""The laws of the trainer, and the contract that every method keeps."""

import dataclasses
import gc
import os
import signal
import subprocess
import sys
import time
import weakref
from typing import Any, Literal

import equinox as eqx
import h5py
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from equinox.nn import Sequential

import unentangle as un
from unentangle.methods import Adversarial, Consistency
from unentangle.methods.protocol import Batch, Player, check_fields
from unentangle.nets import FLATTEN, Dense, reshape
from unentangle.progress import Display
from unentangle.schedules import Number, at
from unentangle.train import prepare
from unentangle.train.run import Record
from unentangle.train.step import init_state, parts_of, train_step
from worlds import LATENTS, Chase, conv_latents, dense_latents, dense_symae, gaussian_rows, small_mra


@dataclasses.dataclass(frozen=True)
class OneMove(un.SymAE):
    """The adversarial penalty with one step of the predictors in place of five: it compiles faster."""

    def players(self):
        return tuple(player._replace(times=1) for player in super().players())


ADVERSARIAL = OneMove(**vars(dense_symae(lam=0.0, terms=(Adversarial(),))))
METHODS = [un.SymAE(p=2, q=3, decoder="dense"), *map(dense_latents, LATENTS)]
NAMES = ["conv", *(kind.__name__ for kind in LATENTS)]


def weights(model):
    return np.concatenate([np.ravel(w) for w in jax.tree.leaves(eqx.filter(model.trained.net, eqx.is_inexact_array))])


def quick(method, data=None, **settings):
    batch = (3, 4) if isinstance(method.recommended.batch, tuple) else 12
    return un.train(method, data or small_mra(), **{"steps": 20, "batch": batch, "progress": False, **settings})


@pytest.fixture
def one_program(monkeypatch):
    """The trainings of a test, which differ in seeds only, are one program, so that it is traced once."""
    training, made = sys.modules["unentangle.train.training"], []

    def program(trainer, kind=training.Program):
        made or made.append(kind(trainer))
        return made[0]

    monkeypatch.setattr(training, "Program", program)


# -- the contract of methods ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", METHODS, ids=NAMES)
def test_contract(method, tmp_path, monkeypatch, one_program):
    """A few steps lower the loss; a seed alone is that seed in company; a saved model is the same; repr says what it is."""
    monkeypatch.setattr(sys.modules["unentangle.train.engine"], "CHUNK", 5)
    data, training = small_mra(), {"lr": 1e-3, "snapshots": [5]}
    run = quick(method, data, seeds=[0, 1], out=tmp_path / "company", **training)
    alone = quick(method, data, seeds=1, out=tmp_path / "alone", **training)
    first, *_, last = run.history[0].terms["reconstruction"]
    assert last < first
    for step in (5, None):
        one, other = (r.snapshots[n][5] if step else r[n] for r, n in ((alone, 0), (run, 1)))
        np.testing.assert_array_equal(weights(one), weights(other))
    assert repr(run).startswith(f"Run(2 models of {type(method).__name__}(")
    run[1].save(tmp_path / "model.safetensors")
    loaded = un.Model.load(tmp_path / "model.safetensors", method)
    np.testing.assert_array_equal(loaded.reconstruct(data), run[1].reconstruct(data))
    assert repr(loaded) == repr(run[1])


@pytest.mark.parametrize("kind", [un.NashAE, pytest.param(un.FactorVAE, marks=pytest.mark.long)])
def test_seeds_that_train_together_are_those_seeds_alone(kind, monkeypatch):
    """As on a GPU: at first, because float chaos parts some of them later; whatever their order."""
    alone = quick(dense_latents(kind), seeds=[0, 1, 2], steps=5, lr=1e-4)
    monkeypatch.setattr(sys.modules["unentangle.train.engine"], "on_cpu", lambda: False)
    for seeds in ([0, 1, 2], [2, 0]):
        run = quick(dense_latents(kind), seeds=seeds, steps=5, lr=1e-4)
        for seed, model in zip(seeds, run, strict=True):
            np.testing.assert_allclose(weights(model), weights(alone[seed]), atol=1e-5)


@pytest.mark.parametrize("kind", [un.AE, un.NashAE], ids=lambda kind: kind.__name__)
def test_the_order_of_a_batch_is_nothing_to_a_loss_without_noise(kind):
    method = dense_latents(kind)
    net, state = method.init((12,), jax.random.key(0))
    x = jnp.asarray(small_mra().x)
    for player in method.players():
        straight, turned = (
            player.loss(net, state, method.share(net, state, batch), batch)[0]
            for batch in (Batch(rows, None, jax.random.key(0), 30) for rows in (x, x[::-1]))
        )
        assert float(straight) == pytest.approx(float(turned), rel=1e-5)


@pytest.mark.parametrize("method", [ADVERSARIAL, *METHODS[1:], Chase()], ids=["adversarial", *NAMES[1:], "chase"])
def test_gradients_reach_their_own_player_only(method):
    data = small_mra()
    before = init_state(method, data.row_shape, jax.random.key(0))
    shape = (3, 4, 12) if isinstance(method.recommended.batch, tuple) else (3, 12)
    batch = Batch(jnp.ones(shape), jnp.ones(shape), jax.random.key(0), 30)
    fixed = dataclasses.replace(method, rate=0.0) if hasattr(method, "rate") else method
    for player in method.players():
        own = jax.tree.leaves(eqx.filter(before.net, parts_of(before.net, player)))
        assert own
        still = [p._replace(times=1, pace=1.0 if p.parts == player.parts else 0.0) for p in fixed.players()]
        playing = _with_players(fixed, tuple(still))
        one_step = eqx.filter_jit(lambda state, batch, m=playing: train_step(m, state, batch, jnp.asarray(0.1)))
        after, _ = one_step(before, batch)
        for part in getattr(before.net, "_fields", ("hunter", "prey")):
            old, new = (jax.tree.leaves(eqx.filter(getattr(n, part), eqx.is_array)) for n in (before.net, after.net))
            same = all(np.array_equal(a, b) for a, b in zip(old, new, strict=True))
            assert same == bool(player.parts and part not in {p.partition(".")[0] for p in player.parts})


def test_a_player_may_own_an_entry_of_a_dict():
    class Net(eqx.Module):
        encoder: Any
        terms: dict[str, Any]

    net = Net(jnp.zeros(2), {"adversarial": (jnp.zeros(3), "selu"), "other": jnp.zeros(4)})
    player = Player(lambda *_: None, ("encoder", "terms.adversarial"))
    assert parts_of(net, player) == Net(True, {"adversarial": (True, False), "other": False})


def _with_players(method, players):
    class Fixed(type(method)):
        def players(self):
            return players

    return Fixed(**vars(method))


def test_two_players_move_as_calculated():
    """The hunter halves the distance twice a step and the prey then runs 0.25 on: every term is known."""
    run = un.train(Chase(lam=1.0), gaussian_rows(), seeds=0, progress=False, steps=4, lr=0.5)
    hunter, prey = 0.0, 8.0
    for _ in range(4):
        hunter += 0.75 * (prey - hunter)
        prey += 0.25
    net = run[0].trained.net
    assert (float(net.hunter), float(net.prey)) == pytest.approx((hunter, prey))
    terms = run.history[0].terms
    assert terms["n"] == [200]
    assert terms["batches"][0] != 0  # the second batch is another one
    assert terms["seen"][0] == pytest.approx(np.mean([8, 8.25, 8.5, 8.75]))


# -- seeds, schedules, strategies -----------------------------------------------------------------------------------------


@pytest.mark.long
def test_many_seeds_begin_as_a_few(monkeypatch):
    method, data = dense_latents(un.NashAE), small_mra()
    few, static = prepare(method, data).init_all([0, 3])
    monkeypatch.setattr(sys.modules["unentangle.train.step"], "FEW", 1)
    many, same = prepare(method, data).init_all([0, 3])
    assert eqx.tree_equal(few, many)
    assert jax.tree.structure(static) == jax.tree.structure(same)


def test_the_same_seed_is_bit_identical_and_another_is_not():
    a, b, c = (quick(dense_latents(un.AE), seeds=s)[0] for s in (0, 0, 1))
    np.testing.assert_array_equal(weights(a), weights(b))
    assert np.abs(weights(a) - weights(c)).max() > 1e-2


@pytest.mark.parametrize("convolves", [True, False])
def test_no_program_outlives_its_training(convolves, monkeypatch):
    """Programs that stay are some hundred maps of memory each, of which a process may have 65,530."""
    engine = sys.modules["unentangle.train.engine"]
    traced = engine.traced
    monkeypatch.setattr(engine, "traced", lambda trainer: (*traced(trainer)[:2], convolves))
    data = small_mra()
    quick(dense_latents(un.AE), data, steps=2)
    last = weakref.ref(data)
    del data
    gc.collect()
    assert last() is None


def test_a_snapshot_is_the_model_of_its_step(tmp_path, monkeypatch):
    """Where nothing is scheduled, as if training had ended there; also if it was stopped and went on."""
    monkeypatch.setattr(sys.modules["unentangle.train.engine"], "CHUNK", 5)
    method = dense_latents(un.AE)
    run = quick(method, out=tmp_path, snapshots=[5, 10])
    for at_step, model in run.snapshots[0].items():
        np.testing.assert_array_equal(weights(model), weights(quick(method, steps=at_step)[0]))
    read = quick(method, out=tmp_path, snapshots=[5, 10])
    np.testing.assert_array_equal(weights(read.snapshots[0][5]), weights(run.snapshots[0][5]))
    with pytest.raises(un.InputError, match="snapshots differs"):
        quick(method, out=tmp_path)


def test_schedules_reach_the_step():
    linear, cosine = un.Linear(2.0, 0.0, until=0.5), un.Cosine(1.0, warmup=0.1)
    values = [float(at(linear, jnp.asarray(float(t)))) for t in (0, 0.25, 0.5, 1)]
    np.testing.assert_allclose(values, [2, 1, 0, 0])
    late = un.Linear(0.0, 3.0, since=0.6, until=0.8)
    np.testing.assert_allclose(
        [float(at(late, jnp.asarray(t))) for t in (0.0, 0.6, 0.7, 0.8, 1.0)], [0, 0, 1.5, 3, 3], atol=1e-6
    )
    with pytest.raises(un.InputError, match=r"since=0.8 and until=0.6; since must be less"):
        un.Linear(0.0, 3.0, since=0.8, until=0.6)
    values = [float(at(cosine, jnp.asarray(float(t)))) for t in (0, 0.05, 0.5, 1)]
    np.testing.assert_allclose(values, [0, 0.5 * (0.5 + 0.5 * np.cos(np.pi * 0.05)), 0.5, 0], atol=1e-6)
    betas = (lambda progress: 0.0 * progress, 0.0, 5.0)
    never, zero, always = (weights(quick(dense_latents(un.BetaVAE, beta=beta))[0]) for beta in betas)
    np.testing.assert_allclose(never, zero, atol=1e-6)
    assert np.abs(never - always).max() > 1e-3
    still = quick(dense_latents(un.AE), lr=un.Linear(0.0, 0.0))
    start, _ = dense_latents(un.AE).init((12,), jax.random.fold_in(jax.random.key(0), 0))
    np.testing.assert_array_equal(weights(still[0])[:10], np.ravel(jax.tree.leaves(eqx.filter(start, eqx.is_array))[0])[:10])


def test_numbers_are_checked_along_the_whole_ramp():
    """Also where a number is out of its bounds for a thirtieth of the training."""
    for number, says in (
        (lambda t: 1.5 * (jnp.abs(t - 0.4) < 0.015), r"lam=1\.5"),
        (lambda t: 0.5 if t > 0.5 else 0.0, "no function of progress that jax can trace"),
        (lambda t: jnp.stack([t, t]), "no function of progress"),
    ):
        with pytest.raises(un.InputError, match=says):
            prepare(dense_latents(un.NashAE, lam=number), small_mra(), batch=12)
    with pytest.raises(un.InputError, match=r"lr=.* after 40%; it must be finite"):
        prepare(dense_latents(un.AE), small_mra(), batch=12, lr=lambda t: -1.0 * (jnp.abs(t - 0.4) < 0.005))


def test_data_on_disk_trains_as_in_memory(tmp_path, monkeypatch):
    """Read row by row as it is needed, from files of two kinds."""
    data = small_mra()
    np.save(tmp_path / "x.npy", data.x)
    mapped = un.read(tmp_path / "x.npy", groups=data.groups)
    whole, looped = quick(dense_latents(un.AE), data)[0], quick(conv_latents(), data)[0]
    monkeypatch.setattr(sys.modules["unentangle.train.batches"], "RESIDENT_BYTES", 0)
    np.testing.assert_allclose(weights(quick(dense_latents(un.AE), mapped)[0]), weights(whole), atol=1e-6)
    with h5py.File(tmp_path / "x.h5", "w") as file:
        lazy = un.Dataset(file.create_dataset("x", data=data.x, chunks=True), groups=data.groups)
        np.testing.assert_allclose(weights(quick(dense_latents(un.AE), lazy)[0]), weights(whole), atol=1e-6)
        run = quick(conv_latents(), lazy)
    np.testing.assert_allclose(weights(run[0]), weights(looped), atol=1e-5)
    assert 0 < run.history[0].terms["waiting"][0] < 1


@pytest.mark.parametrize("place", ["on the device", "outside"])
def test_bits_and_bytes_train_as_numbers(place, monkeypatch):
    """Binary images packed, as bytes and as floats are one data set, wherever they lie."""
    images = np.random.default_rng(0).integers(2, size=(30, 4, 6)).astype(np.uint8)
    if place == "outside":
        monkeypatch.setattr(sys.modules["unentangle.train.batches"], "RESIDENT_BYTES", 0)

    def learned(x):
        flat = Sequential([FLATTEN, Dense(24, 3, jax.random.key(0))])
        decoder = Sequential([Dense(3, 24, jax.random.key(1)), reshape((4, 6))])
        return weights(quick(un.AE(m=3, encoder=flat, decoder=decoder), un.Dataset(x))[0])

    np.testing.assert_allclose(learned(un.data.Packed.of([images])), learned(images * 1.0), atol=1e-5)
    np.testing.assert_allclose(learned(images), learned(images * 1.0), atol=1e-5)


@pytest.mark.long
def test_raw_units_do_not_matter():
    data = small_mra()
    scaled = un.Dataset(data.x * 1000 - 500, data.factors, data.groups)
    a, b = quick(dense_symae(), data)[0], quick(dense_symae(), scaled)[0]
    np.testing.assert_allclose(b.reconstruct(scaled), a.reconstruct(data) * 1000 - 500, rtol=1e-3, atol=1)


# -- checkpoints ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "call"),
    [
        (dense_latents(un.AE), 2),
        (conv_latents(), 0),
        (conv_latents(), 2),
        (conv_latents(), 4),  # of the second seed, after the first is finished
        (dense_symae(terms=(Consistency(1.0),)), 2),
        (dense_latents(un.NashAE), 2),
    ],
    ids=["scanned", "before anything is kept", "looped", "the second seed's turn", "groups", "several players"],
)
def test_a_stopped_training_goes_on_bit_for_bit(method, call, tmp_path, monkeypatch, one_program):
    whole = quick(method, steps=150, seeds=[0, 1])
    with monkeypatch.context() as patch:
        patch.setattr(Record, "add", _interrupting(Record.add, call))
        with pytest.raises(KeyboardInterrupt):
            quick(method, steps=150, seeds=[0, 1], out=tmp_path / "run")
    assert bool(list((tmp_path / "run").glob("checkpoint-*"))) == (call > 0)
    resumed = quick(method, steps=150, seeds=[0, 1], out=tmp_path / "run")
    monkeypatch.setattr(sys.modules["unentangle.train.training"], "Program", None)
    again = quick(method, steps=150, seeds=[0, 1], out=tmp_path / "run")  # finished: read, not compiled
    for position in (0, 1):
        np.testing.assert_array_equal(weights(resumed[position]), weights(whole[position]))
        np.testing.assert_array_equal(weights(again[position]), weights(whole[position]))
        assert resumed.history[position].terms == whole.history[position].terms
    assert not list((tmp_path / "run").glob("checkpoint-*"))


def test_an_interrupt_loses_no_snapshot(tmp_path, monkeypatch):
    def stopped(self, name, done, total, words):
        if done == 100:
            raise KeyboardInterrupt

    monkeypatch.setattr(Display, "update", stopped)
    with pytest.raises(KeyboardInterrupt):
        quick(dense_latents(un.AE), steps=150, snapshots=[100], out=tmp_path / "run")
    monkeypatch.undo()
    assert set(quick(dense_latents(un.AE), steps=150, snapshots=[100], out=tmp_path / "run").snapshots[0]) == {100}


def _interrupting(function, call):
    calls = iter(range(100))

    def wrapper(*args):
        if next(calls) == call:
            raise KeyboardInterrupt
        return function(*args)

    return wrapper


PROGRAM = """
import sys
sys.path.insert(0, {tests!r})
from worlds import dense_latents, small_mra
import unentangle as un
from unentangle.train import engine as t
t.CHECKPOINT_SECONDS = 0
un.train(dense_latents(un.AE), small_mra(), steps=10_000, batch=12, out={out!r}, progress=False)
"""


@pytest.mark.long
def test_sigkill_at_a_random_moment_loses_nothing(tmp_path):
    program = PROGRAM.format(tests=os.path.dirname(__file__), out=str(tmp_path / "run"))
    whole = quick(dense_latents(un.AE), steps=10_000)
    child = subprocess.Popen([sys.executable, "-c", program])
    while not list(tmp_path.glob("run/checkpoint-*")) and child.poll() is None:
        time.sleep(0.01)
    time.sleep(np.random.default_rng().uniform(0, 0.5))
    assert child.poll() is None, "it was to be killed in the middle"
    child.send_signal(signal.SIGKILL)
    child.wait()
    resumed = quick(dense_latents(un.AE), steps=10_000, out=tmp_path / "run")
    np.testing.assert_array_equal(weights(resumed[0]), weights(whole[0]))


def test_a_diverging_training_stops_and_says_where(tmp_path):
    with pytest.raises(un.Diverged, match=r"seed 0 diverged at step \d+, where its loss or weights were not finite"):
        quick(dense_latents(un.AE), steps=200, lr=1e15, out=tmp_path / "run")
    explode = un.Linear(0.0, 1e30, since=0.5)
    with pytest.raises(un.Diverged, match="last good state is that of step 200, kept in") as caught:
        quick(dense_latents(un.AE), steps=400, lr=explode, out=tmp_path / "other")
    assert "\n" not in str(caught.value)
    assert (tmp_path / "other" / "checkpoint-0.safetensors").exists()


# -- bad input ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"data": un.Dataset(np.eye(6), groups=np.zeros(6))}, "one group or state only"),
        ({"data": un.Dataset(np.eye(6))}, "has no groups"),
        ({"data": un.Dataset(np.full((6, 3), np.nan), groups=np.arange(6) % 2)}, "row 0 of x holds no value"),
        ({"data": un.Dataset(np.ones((6, 3)), groups=np.arange(6) % 2)}, "every row of x is constant"),
        ({"seeds": []}, "one or more different"),
        ({"seeds": [1, 1]}, "one or more different"),
        ({"steps": 0}, "whole numbers of at least 1"),
        ({"batch": (1, 8)}, "two of both"),
        ({"batch": (3, 1)}, "two of both"),
        ({"batch": 8}, "needs .groups, instances"),
        ({"batch": (0, 8)}, "whole numbers of at least 1"),
        ({"seeds": 2**32}, "less than 2"),
        ({"lr": un.Linear(1.0, -1.0)}, "finite and not negative"),
        ({"data": un.Dataset(np.eye(6), {"state": [0, 1] * 3}, groups=[0, 0, 0, 1, 1, 1])}, "varies inside"),
        ({"data": un.Dataset(np.eye(6), groups=range(6))}, "no two states"),
    ],
)
def test_what_cannot_be_trained_is_refused_and_nothing_written(settings, says, tmp_path):
    with pytest.raises(un.InputError, match=says) as caught:
        quick(dense_symae(), **settings, out=tmp_path / "run")
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "run").exists()


@dataclasses.dataclass
class Sizes:
    """Fields of every kind; a method of the package is under the tests' own type checker, which sees them first."""

    p: Any = 3
    pooled: Any = 0.5
    lam: Any = 1.0
    pool: Any = "mean"
    detach: Any = True


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"p": 2.5}, "p=2.5; a whole number of at least 1"),
        ({"p": "5"}, "p='5'; a whole number"),
        ({"p": True}, "p=True; a whole number"),
        ({"pooled": un.Linear(0.0, 1.0)}, "a plain number is needed"),
        ({"lam": "1"}, "lam='1'; a number or a schedule"),
        ({"lam": True}, "lam=True; a number or a schedule"),
        ({"detach": "no"}, "detach='no'; True or False"),
        ({"lam": np.ones(2)}, "a number or a schedule"),
        ({"pool": "median"}, "pool='median' is unknown; it is mean, max"),
    ],
)
def test_a_field_is_what_it_may_be(wrong, says, monkeypatch):
    kinds = {"p": int, "pooled": float, "lam": Number, "pool": Literal["mean", "max"], "detach": bool}
    monkeypatch.setattr(Sizes, "__annotations__", kinds)
    check_fields(Sizes())
    check_fields(Sizes(p=np.int64(2), lam=un.Linear(0.0, 1.0), pool="max"))
    with pytest.raises(un.InputError, match=says):
        check_fields(Sizes(**wrong))


def test_a_folder_of_another_run_is_left_alone(tmp_path):
    quick(dense_symae(), out=tmp_path)
    before = {p.name: p.read_bytes() for p in tmp_path.iterdir()}
    for other in ({"steps": 21}, {"seeds": 1}, {"data": small_mra(seed=1)}):
        with pytest.raises(un.InputError, match="holds another run: its"):
            quick(dense_symae(), **other, out=tmp_path)
    for lam in (np.float32(1.0), lambda t: 1.0 + t, lambda t: 1.0 - t):
        with pytest.raises(un.InputError, match="its method differs"):
            quick(dense_symae(lam=lam, lam_ramp=None), out=tmp_path)
    with pytest.raises(un.InputError, match="its method differs"):
        quick(dense_symae(lam=0.5), out=tmp_path)
    assert before == {p.name: p.read_bytes() for p in tmp_path.iterdir()}


def test_a_folder_of_other_files_is_left_alone(tmp_path):
    (tmp_path / "thesis.tex").write_text("...")
    with pytest.raises(un.InputError, match="is not an empty folder"):
        quick(dense_symae(), out=tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == ["thesis.tex"]
