import numpy as np

import unentangle as un
from unentangle.recipes import symae
from unentangle.storage import read_json
from worlds import dense_symae


def test_swaps_are_measured_after_every_seed_and_gone_on_with(tmp_path, monkeypatch):
    """All numbers are finite, the commit is the one it began at, and finished seeds are not trained again."""
    monkeypatch.setattr(symae, "SymAE", lambda: dense_symae(k=100, q=10))
    states = un.data.fourier_states(101)

    def swaps(seeds):
        models = symae._swaps(tmp_path, "swaps", "some states", states, seeds, "abc", fast=True)
        return models, read_json(tmp_path / "swaps_fast.json")

    _, first = swaps(range(1))
    assert first["settings"]["seeds"] == [0]
    models, both = swaps(range(2))
    assert both["settings"]["seeds"] == [0, 1]
    assert both["provenance"]["commit"] == "abc"
    for name, measure in both["measures"].items():
        assert np.isfinite(measure["values"]).all()
        assert len(measure["values"]) == 2
        assert measure["values"][0] == first["measures"][name]["values"][0]  # the seconds of training, too
    errors = both["measures"]["swap_error"]["values"]
    assert [errors[m.seed] for m in models] == sorted(errors)
