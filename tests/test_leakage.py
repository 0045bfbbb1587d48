import numpy as np
import pytest

import unentangle as un
from unentangle.metrics import code_leakage, informativeness, leakage


def test_leakage_is_chance_for_noise_and_one_for_the_state():
    rng = np.random.default_rng(0)
    label = np.arange(600) % 4
    noise = leakage(rng.standard_normal((600, 3)), label)
    assert noise.chance == 0.25
    assert abs(noise.accuracy - 0.25) < 0.06
    known = leakage(np.stack([np.cos(label), np.sin(label)], 1) + 0.01 * rng.standard_normal((600, 2)), label)
    assert known.accuracy > 0.99


def test_leakage_sees_what_is_not_linear_and_weighs_states_equally():
    rng = np.random.default_rng(0)
    radius = np.where(np.arange(900) < 800, 1.0, 2.0)
    angle = rng.uniform(0, 2 * np.pi, 900)
    circles = np.stack([radius * np.cos(angle), radius * np.sin(angle)], 1)
    assert leakage(circles, radius).accuracy > 0.99
    assert abs(leakage(rng.standard_normal((900, 2)), radius).accuracy - 0.5) < 0.1


def test_leakage_does_not_know_scale():
    rng = np.random.default_rng(0)
    codes, label = rng.standard_normal((300, 3)), np.arange(300) % 3
    codes[:, 0] += label
    assert leakage(codes * [1, 1e3, 1e-3] + 7, label).accuracy == pytest.approx(leakage(codes, label).accuracy, abs=0.01)


@pytest.mark.parametrize(
    ("codes", "labels"),
    [
        (np.ones((4, 2)), [0, 1]),
        (np.full((4, 2), np.nan), [0, 0, 1, 1]),
        (np.ones((4, 2)), [0, 0, 0, 0]),
        (np.ones((4, 2)), [0, 1, 2, 3]),
    ],
)
def test_leakage_refuses_what_it_cannot_measure(codes, labels):
    with pytest.raises(un.InputError):
        leakage(codes, labels)


def test_a_code_is_read_from_another_as_far_as_it_is_in_it():
    rng = np.random.default_rng(0)
    source = rng.normal(size=(300, 2))
    told, noise = np.sin(source), rng.normal(size=(300, 2))
    assert code_leakage(source, told * [1e-3, 1e6]) > 0.95
    assert code_leakage(source, noise) < 0.05
    assert code_leakage(source, np.concatenate([told, noise], axis=1)) == pytest.approx(0.5, abs=0.1)
    assert code_leakage(source, np.full((300, 2), 7.0)) == 0  # nothing to read
    with pytest.raises(un.InputError, match="of 10 rows are needed"):
        code_leakage(source[:9], noise[:9])
    with pytest.raises(un.InputError, match="every code must be finite"):
        code_leakage(source, np.where(noise > 2, np.nan, noise))


def test_an_instance_tells_of_its_group_as_far_as_it_is_nearest():
    coherent = np.arange(5.0)[:, None]
    assert list(informativeness(coherent + 0.1, coherent, np.arange(5))) == [1.0] * 5
    assert informativeness([[4.0]], coherent, [0])[0] == 0
    alone = np.random.default_rng(0).normal(size=(2000, 3))
    chance = informativeness(alone, np.random.default_rng(1).normal(size=(7, 3)), np.arange(2000) % 7)
    assert chance.mean() == pytest.approx(0.5, abs=0.03)
    assert informativeness(np.ones((2, 1)), np.ones((3, 1)), [0, 2]).tolist() == [0.5, 0.5]
    with pytest.raises(un.InputError, match="one group only"):
        informativeness([[1.0]], [[1.0]], [0])
