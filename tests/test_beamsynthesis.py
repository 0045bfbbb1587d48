import numpy as np
import pytest

import unentangle as un


def test_the_published_files_are_the_closed_form(real_data):
    files = un.read(real_data / "beamsynthesis" / "beamsynthesis.zip", factors=("duty", "frequency"))
    order = np.lexsort((files.factors["duty"], files.factors["frequency"]))
    ours = un.data.beamsynthesis()
    assert ours.x.shape == (360, 1000)
    np.testing.assert_allclose(ours.x, files.x[order], atol=1e-6, rtol=0)
    np.testing.assert_allclose(ours.factors["duty"], files.factors["duty"][order], atol=1e-9)
    np.testing.assert_array_equal(ours.factors["frequency"], files.factors["frequency"][order])


def test_any_grid_is_sorted_by_frequency_then_duty():
    data = un.data.beamsynthesis(duty=[0.3, 0.5], frequency=[12.5, 10, 40])
    np.testing.assert_array_equal(
        np.asarray(data.factors), [[12.5, 0.3], [12.5, 0.5], [10, 0.3], [10, 0.5], [40, 0.3], [40, 0.5]]
    )
    whole = un.data.beamsynthesis()
    np.testing.assert_array_equal(un.data.beamsynthesis(whole.factors["duty"][7], 15).x[0], whole.x[127])


def test_longer_duty_is_more_beam_and_after_the_end_there_is_none():
    x = un.data.beamsynthesis().x.reshape(3, 120, 1000)
    assert (np.diff(x.sum(axis=2), axis=1) > 0).all()
    assert x[:, :, 820:].max() < 0.02


@pytest.mark.parametrize("grid", [{"duty": 0.0}, {"duty": [0.5, 1.0]}, {"frequency": -1}, {"frequency": []}, {"duty": np.nan}])
def test_impossible_grids_are_refused(grid):
    with pytest.raises(un.InputError, match="one or more numbers between 0 and"):
        un.data.beamsynthesis(**grid)
