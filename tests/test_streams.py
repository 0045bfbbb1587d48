"""Codes and swaps part by part are those made at once."""

import numpy as np
import pytest

import unentangle as un
from unentangle import streams
from unentangle.data.rows import Some
from unentangle.io.outputs import Growing
from unentangle.streams import averages, encode_file, swap_file, whole_groups
from worlds import dense_latents, dense_symae, untrained


@pytest.fixture(scope="module")
def ragged():
    """Groups of 1 to 6 rows that lie mixed, of unlike loudness."""
    rng = np.random.default_rng(0)
    groups = rng.permutation(np.repeat(list("abcdef"), [1, 2, 3, 4, 5, 6]))
    rows = rng.normal(size=(21, 40)) * np.where(np.arange(21) == 3, 100, 1)[:, None]
    factors = {"depth": rng.normal(size=21), "../site": groups, "level": np.arange(21)}
    return un.Dataset(rows.astype(np.float32), factors, groups)


@pytest.fixture(scope="module")
def models(ragged):
    methods = {"symae": dense_symae(k=40), "nashae": dense_latents(un.NashAE, k=40)}
    return {name: untrained(method, ragged) for name, method in methods.items()}


@pytest.fixture
def small_parts(monkeypatch):
    monkeypatch.setattr(streams, "VALUES", 120)


def test_parts_are_whole_groups_and_every_row_once(ragged, small_parts):
    parts = list(whole_groups(ragged))
    assert len(parts) > 3
    np.testing.assert_array_equal(np.sort(np.concatenate(parts)), np.arange(21))
    homes = [set(ragged.groups[rows]) for rows in parts]
    assert sum(map(len, homes)) == len(set().union(*homes)) == 6


def test_averages_are_those_of_groups(ragged):
    for name, mean in zip(ragged.group_names, averages(ragged), strict=True):
        np.testing.assert_allclose(mean, ragged.x[ragged.groups == name].mean(axis=0), atol=1e-5)


@pytest.mark.parametrize(("name", "keys"), [("symae", True), ("symae", False), ("nashae", True)])
def test_codes_in_a_file_are_those_in_memory(name, keys, models, ragged, tmp_path, small_parts):
    data = ragged if keys else un.Dataset(ragged.x, ragged.factors)
    encode_file(models[name], data, tmp_path / "codes.npz")
    found, codes = np.load(tmp_path / "codes.npz"), models[name].encode(data)
    codes = {"latents": codes} if name == "nashae" else codes.parts | {"group": codes.group, "level": codes.level}
    for kind, array in codes.items():
        np.testing.assert_allclose(found[kind], array, atol=1e-5, err_msg=kind)
    np.testing.assert_array_equal(found["depth"], ragged.factors["depth"])
    np.testing.assert_array_equal(found["group"], data.group)
    np.testing.assert_array_equal(found["group_names"], data.group_names)
    np.testing.assert_array_equal(found["__site"], ragged.groups)
    np.testing.assert_array_equal(found["level_"], np.arange(21))  # level itself is another array
    assert [p.name for p in tmp_path.iterdir()] == ["codes.npz"]


def test_after_a_kill_only_parts_of_other_rows_are_made_again(models, ragged, tmp_path, small_parts, monkeypatch):
    made, keep = [], Growing.part

    def part(self, number, source, **places):
        if number == 2 and 2 not in made:
            made.append(number)
            raise KeyboardInterrupt
        made.append(number)
        keep(self, number, source, **places)

    monkeypatch.setattr(Growing, "part", part)
    monkeypatch.setattr(streams, "_asked", lambda *_: "")  # as if all rows of the fingerprint were still the same
    with pytest.raises(KeyboardInterrupt):
        encode_file(models["nashae"], ragged, tmp_path / "codes.npz")
    parts, x = list(whole_groups(ragged)), ragged.x.copy()
    x[parts[1]] = x[parts[1], ::-1]
    encode_file(models["nashae"], changed := un.Dataset(x, ragged.factors, ragged.groups), tmp_path / "codes.npz")
    assert made == [0, 1, 2, *range(1, len(parts))]
    np.testing.assert_allclose(np.load(tmp_path / "codes.npz")["latents"], models["nashae"].encode(changed), atol=1e-5)


def test_swaps_in_a_file_are_those_in_memory(models, ragged, tmp_path, small_parts):
    state, style = np.array([5, 0, 2, 5]), np.array([3, 3, 20, 0])
    swap_file(models["symae"], ragged, tmp_path / "swaps.npz", state, style)
    found = un.read(tmp_path / "swaps.npz")
    np.testing.assert_array_equal(found.groups, ragged.group_names[state])
    swapped = models["symae"].swap(ragged, ragged)
    np.testing.assert_allclose(found.x, swapped[state, style], atol=1e-3)
    alone = un.Dataset(ragged.x)  # every row is a group
    swap_file(models["symae"], alone, tmp_path / "alone.npz", 3 * state, style)
    swapped = models["symae"].swap(alone, alone)
    np.testing.assert_allclose(un.read(tmp_path / "alone.npz").x, swapped[3 * state, style], atol=1e-3)
    swap_file(models["nashae"], ragged, tmp_path / "latents.npz", state, style, {"latents": [1]})
    swapped = models["nashae"].swap(ragged, ragged, parts={"latents": [1]})
    np.testing.assert_allclose(un.read(tmp_path / "latents.npz").x, swapped[state, style], atol=1e-3)


@pytest.mark.parametrize("parts", ["coherent", {"nuisance": [1]}, {"coherent": [0], "nuisance": [2, 3]}])
def test_parts_of_swaps_in_a_file_are_those_in_memory(parts, models, ragged, tmp_path, small_parts):
    """The state gives a row, whose part per group is that of its whole group."""
    state, style = np.array([5, 0, 2, 19]), np.array([3, 3, 20, 0])
    swap_file(models["symae"], ragged, tmp_path / "swaps.npz", state, style, parts)
    found = un.read(tmp_path / "swaps.npz")
    np.testing.assert_array_equal(found.groups, ragged.groups[state])
    np.testing.assert_array_equal(found.factors["state_row"], state)
    swapped = models["symae"].swap(ragged, ragged, parts=parts)
    of_style = ragged.group[style] if parts == "coherent" else style
    np.testing.assert_allclose(found.x, swapped[state, of_style], atol=1e-3)


def test_some_rows_of_a_file_stay_in_it(ragged, tmp_path):
    np.save(tmp_path / "x.npy", ragged.x)
    data = un.Dataset(np.load(tmp_path / "x.npy", mmap_mode="r"), groups=ragged.groups)
    rows = np.array([7, 2, 2, 20])
    some = data.take(rows)
    assert isinstance(some.x, Some)
    np.testing.assert_array_equal(some.load().x, ragged.x[rows])
    np.testing.assert_array_equal(some.take([3, 0]).rows([1, 0]), ragged.x[[7, 20]])
