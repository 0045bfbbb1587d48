"""The tutorials run as printed, for two steps on small nets."""

import runpy
import sys
from pathlib import Path

import pytest

from unentangle import nets
from worlds import small_nets

TUTORIALS = Path(__file__).parents[1] / "tutorials"


@pytest.mark.long
@pytest.mark.parametrize("name", ["own_arrays", "ragged_hdf5", "earthquakes"])
def test_a_tutorial_runs(name, tmp_path, monkeypatch, capsys, request):
    if name == "earthquakes":
        request.getfixturevalue("real_data")
    monkeypatch.setattr(nets, "symae_default", small_nets)
    monkeypatch.setattr(sys, "argv", [name, "2", str(tmp_path)])
    runpy.run_path(str(TUTORIALS / f"{name}.py"))
    assert capsys.readouterr().out.count("\n") > 2
