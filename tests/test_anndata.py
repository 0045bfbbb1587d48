"""`.h5ad`: dense and sparse matrices, and columns of obs of every kind, as the library of AnnData writes them."""

import warnings

import numpy as np
import pytest

import unentangle as un

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    anndata = pytest.importorskip("anndata")
pandas = pytest.importorskip("pandas")
sparse = pytest.importorskip("scipy.sparse")

RNG = np.random.default_rng(0)
X = (RNG.random((12, 7)) * (RNG.random((12, 7)) > 0.6)).astype(np.float32)


def save(path, x):
    obs = pandas.DataFrame(
        {
            "type": pandas.Categorical(list("tbtbtbtbkkkk")),
            "count": np.arange(12),
            "gappy": pandas.Categorical([*"uv" * 5, None, None]),
            "age": pandas.array([1, None] * 6, "Int64"),
            "good": [True, False] * 6,
        },
        index=[f"cell{k}" for k in range(12)],
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        anndata.AnnData(x, obs, layers={"twice": x * 2}, obsm={"pca": X[:, :2]}).write_h5ad(path)
    return path


@pytest.mark.parametrize("kind", [np.asarray, sparse.csr_matrix, sparse.csc_matrix], ids=["dense", "csr", "csc"])
def test_cells_by_genes(kind, tmp_path):
    data = un.read(path := save(tmp_path / "x.h5ad", kind(X)), groups="type")
    assert "on disk" in repr(data)
    np.testing.assert_array_equal(data.x[:], X)
    np.testing.assert_array_equal(data.rows([[7, 0], [7, 11]]), X[[[7, 0], [7, 11]]])
    assert data.group_names.tolist() == ["b", "k", "t"]
    assert set(data.factors) == {"gappy", "age", "count", "good"}
    np.testing.assert_array_equal(data.factors["age"], [1, np.nan] * 6)
    assert data.factors["gappy"].tolist() == [*"uv" * 5, "", ""]
    np.testing.assert_array_equal(un.read(path, x="layers/twice").x[:], 2 * X)
    np.testing.assert_array_equal(un.read(path, x="obsm/pca", groups="obs/type").x[:], X[:, :2])


def test_what_is_not_there_is_named(tmp_path):
    path = save(tmp_path / "x.h5ad", sparse.csr_matrix(X))
    for options, says in (
        ({"x": "layers/raw"}, "no matrix 'layers/raw'; it holds X, layers/twice, obsm/pca"),
        ({"groups": "gappy"}, r"gappy in .* holds 2 missing key\(s\) .*; every row needs a key"),
        ({"groups": "nonsuch"}, "no array 'nonsuch'"),
    ):
        with pytest.raises(un.InputError, match=says):
            un.read(path, **options)
