"""ONNX files do what the model does, for any number of rows."""

import numpy as np
import pytest

import unentangle as un
from unentangle.cli import main
from unentangle.data.dataset import Scale
from unentangle.data.transforms import Chain
from worlds import dense_latents, fresh

pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")
GROUPS = np.array([0, 0, 1, 1, 1, 2, 2])


def run(path, **inputs):
    return onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"]).run(None, inputs)


def assert_alike(found, expected):
    np.testing.assert_allclose(found, expected, atol=1e-5 * np.abs(expected).max())


def some_rows(shape):
    return (3 + 2 * np.random.default_rng(1).standard_normal((7, *shape))).astype(np.float32)


@pytest.mark.parametrize(
    ("method", "shape", "scale"),
    [
        (un.SymAE(p=2, q=3), (30,), Scale(3.0, 2.0)),
        (un.SymAE(p=2, q=3, decoder="concatenation", pool="max"), (10, 2), Scale(3.0, 2.0, 2)),
        (un.SymAE(p=2, q=3, decoder="dense", pool="min"), (8, 8), Scale(3.0, 2.0)),
    ],
    ids=["multiplicative", "concatenation, each row by itself", "images"],
)
def test_the_pieces_of_symae(method, shape, scale, tmp_path):
    model, x = fresh(method, Chain(shape), scale), some_rows(shape)
    paths = model.export(tmp_path)
    assert [p.name for p in paths] == ["features.onnx", "coherent.onnx", "nuisance.onnx", "decoder.onnx"]
    codes = model.encode(un.Dataset(x, groups=GROUPS))
    features = run(tmp_path / "features.onnx", rows=x)[0]
    padded, mask = np.full((3, 4, *features.shape[1:]), 1e3, np.float32), np.zeros((3, 4), bool)
    for group in range(3):
        own = features[group == GROUPS]
        padded[group, : len(own)], mask[group, : len(own)] = own, True
    coherent = run(tmp_path / "coherent.onnx", features=padded, mask=mask)[0]
    assert_alike(coherent, codes.coherent)
    nuisance, *level = run(tmp_path / "nuisance.onnx", rows=x)
    assert_alike(nuisance, codes.nuisance)
    more = {"level": level[0][:5]} if level else {}
    decoded = run(tmp_path / "decoder.onnx", coherent=coherent[GROUPS[:5]], nuisance=nuisance[:5], **more)[0]
    assert_alike(decoded, model.decode(codes)[:5])
    with pytest.raises(un.InputError, match="exists already"):
        model.export(tmp_path)


@pytest.mark.parametrize(
    ("method", "shape", "scale"),
    [
        (un.NashAE(m=2), (9,), Scale(3.0, 2.0, 1)),
        (un.AE(m=2), (8, 8, 3), Scale(3.0, 2.0)),
        (un.VAE(m=2, likelihood="bernoulli"), (9,), Scale(0.0, 1.0)),
    ],
    ids=["each row by itself", "images", "Bernoulli"],
)
def test_encoders_and_decoders(method, shape, scale, tmp_path):
    model, x = fresh(method, Chain(shape), scale), some_rows(shape)
    assert [p.name for p in model.export(tmp_path)] == ["encoder.onnx", "decoder.onnx"]
    codes, *level = run(tmp_path / "encoder.onnx", rows=x)
    assert_alike(codes, model.encode(x))
    assert_alike(run(tmp_path / "decoder.onnx", codes=codes, **({"level": level[0]} if level else {}))[0], model.reconstruct(x))


def test_nets_with_unknown_operations_are_refused(tmp_path):
    import equinox as eqx
    import jax.numpy as jnp

    sort = eqx.nn.Lambda(lambda x: jnp.sort(x)[:3])
    model = un.train(dense_latents(un.AE, encoder=sort), un.Dataset(some_rows((12,))), steps=1, batch=4, progress=False)[0]
    with pytest.raises(un.InputError, match="uses the operation sort, for which unentangle knows no ONNX operator"):
        model.export(tmp_path)
    assert not list(tmp_path.iterdir())


def test_the_command_line_exports(tmp_path, capsys):
    np.savez(tmp_path / "x.npz", x=some_rows((12,)))
    data = un.read(tmp_path / "x.npz").through(un.data.Taper(0.1))
    un.train(un.AE(m=1), data, steps=1, batch=4, out=tmp_path / "run", progress=False)
    assert main(["export", str(tmp_path / "run"), "--out", str(tmp_path / "onnx")]) == 0
    said = capsys.readouterr().out
    assert "encoder.onnx, decoder.onnx" in said
    assert "Taper" in said
    assert main(["export", str(tmp_path / "run"), "--out", str(tmp_path / "onnx")]) == 2
