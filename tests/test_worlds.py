import numpy as np
import pytest

import unentangle as un
from unentangle.classical import simple_swaps
from unentangle.data import Truth
from unentangle.datasets import WORLDS
from unentangle.evaluate import baselines


@pytest.mark.parametrize("name", WORLDS)
def test_the_rows_of_a_world_are_those_of_its_truth(name):
    """Of every state under every nuisance, whatever the order; noise has its deviation, and the seed its world."""
    data = WORLDS[name](4, 2, 5)
    there = ~np.isnan(data.x)
    whole = np.stack([data.truth.under(s) for s in range(4)])
    own = whole[data.states, np.arange(40)]
    np.testing.assert_allclose(data.x[there], own[there], atol=1e-5)
    assert np.isfinite(whole).all()
    assert len(data.group_names) == 8
    assert all(len(set(data.states[data.group == g])) == 1 for g in range(8))
    assert min(np.var(whole[s] - whole[t]) for s in range(4) for t in range(s)) > 0
    back = data.truth.take(np.arange(40)[::-1])
    np.testing.assert_allclose(back.under(1), whole[1][::-1])
    noisy, again, other = WORLDS[name](4, 2, 5, noise=0.5), WORLDS[name](4, 2, 5), WORLDS[name](4, 2, 5, seed=1)
    np.testing.assert_array_equal(again.x, data.x)
    assert np.nanstd(noisy.x - data.x) == pytest.approx(0.5 * own.std(), rel=0.2)
    assert not np.array_equal(np.nan_to_num(other.x), np.nan_to_num(data.x))
    assert "Args:" in WORLDS[name].__doc__


def test_worlds_without_two_states_are_refused():
    with pytest.raises(un.InputError, match="states=1"):
        WORLDS["spectra"](1)


@pytest.mark.parametrize(("name", "join"), [("additive", np.add), ("multiplicative", np.multiply)])
def test_simple_swaps_are_exact_where_they_are_right(name, join):
    """And where every state has the same nuisances; if labels are the states, also where groups have a part of them."""
    rng = np.random.default_rng(0)
    states, nuisances = rng.uniform(1, 2, (3, 7)), rng.uniform(1, 2, (8, 7))

    def recordings(state, nuisance):
        return join(states[state], nuisances[nuisance])

    state, nuisance = np.repeat(np.arange(3), 8), np.tile(np.arange(8), 3)
    truth = Truth(recordings, state, nuisance)
    data = un.Dataset(recordings(state, nuisance), groups=state, truth=truth)
    assert baselines(data)[f"{name}_by_groups"] == pytest.approx(0, abs=1e-12)
    other = {"additive": "multiplicative", "multiplicative": "additive"}[name]
    assert baselines(data)[f"{other}_by_groups"] > 1e-4
    parted = un.Dataset(data.x, groups=np.arange(24) // 4, truth=truth)
    assert baselines(parted)[f"{name}_by_groups"] > 1e-4
    assert baselines(parted)[f"{name}_told_states"] == pytest.approx(0, abs=1e-12)
    negative = un.Dataset(-np.asarray(data.x), groups=state)
    assert set(simple_swaps(negative)) == {"mean", "additive"}


def test_a_gap_of_the_donor_is_no_gap_of_the_swap():
    data = WORLDS["channels"](3, 2, 6)
    assert all(np.isfinite(value) for value in baselines(data).values())
