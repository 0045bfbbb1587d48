import numpy as np
import pytest

import unentangle as un
from unentangle.datasets.ipoc import from_station


def test_earthquakes_are_read_with_their_factors(real_data):
    data = un.data.ipoc(real_data / "seismic" / "ipoc_pb01")
    assert data.x.shape == (200, 1200, 3)
    assert len(data.group_names) == 10
    f = data.factors
    np.testing.assert_allclose(np.hypot(f["north"], f["east"]), f["distance"])
    assert ((f["azimuth"] >= 0) & (f["azimuth"] < 360)).all()
    assert 0 < f["depth"].min() < f["depth"].max() < 300
    assert f["north"][0] == pytest.approx(111.2 * (21.04323 - 20.43802), abs=0.01)  # the first line of the table
    assert np.std(data.x[0]) != np.std(data.x[1])


def test_directions_are_those_of_the_compass():
    north, east = from_station(*(np.array(v) for v in ([-20.0, -21.0], [-70.0, -69.0], [-21.0, -21.0], [-70.0, -70.0])))
    np.testing.assert_allclose(north, [111.2, 0], atol=1e-9)
    assert east[0] == 0
    assert east[1] == pytest.approx(111.2 * np.cos(np.radians(21)))


def test_what_is_missing_is_named(tmp_path, real_data):
    with pytest.raises(un.InputError, match="does not exist"):
        un.data.ipoc(tmp_path)
    with pytest.raises(un.InputError, match="regions=1"):
        un.data.ipoc(real_data / "seismic" / "ipoc_pb01", regions=1)
