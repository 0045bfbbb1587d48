import gzip
import json
from dataclasses import replace
from pathlib import Path

import equinox as eqx
import jax
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.numpy import load

import unentangle as un
from unentangle.data.dataset import Scale
from unentangle.data.transforms import Chain
from unentangle.methods import Codes, Coincidence
from unentangle.methods.terms import recommended
from unentangle.model import FORMAT, READS
from unentangle.storage import _digest, read_about
from unentangle.train import Run
from worlds import dense_latents, dense_symae, fresh, small_mra, untrained

DATA = small_mra()


@pytest.fixture(scope="module")
def run():
    models = tuple(untrained(un.SymAE(p=3, q=4, architecture="authors"), DATA, seed) for seed in (0, 1))
    return Run((0, 1), models, (), DATA)


@pytest.fixture(scope="module")
def model(run):
    return run[0]


def test_codes_decode_to_the_reconstruction(model):
    codes = model.encode(DATA)
    assert (codes.coherent.shape, codes.nuisance.shape) == ((6, 3), (30, 4))
    np.testing.assert_array_equal(codes.group, DATA.group)
    np.testing.assert_array_equal(model.decode(codes), model.reconstruct(DATA))
    assert model.reconstruct(DATA).shape == DATA.x.shape


def test_a_swap_with_itself_is_the_reconstruction(model):
    codes, reconstruction = model.encode(DATA), model.reconstruct(DATA)
    swapped = model.swap(DATA, DATA)
    assert swapped.shape == (6, 30, 12)
    own = swapped[codes.group, np.arange(30)]
    np.testing.assert_allclose(own, reconstruction, atol=1e-5)


def test_swaps_one_to_one_are_the_diagonal_of_all_to_all(model):
    codes = model.encode(DATA)
    every = model.swap(codes.coherent, codes.nuisance[:6])
    each = model.swap(codes.coherent, codes.nuisance[:6], pairs="each")
    np.testing.assert_allclose(each, every[np.arange(6), np.arange(6)], atol=1e-5)
    assert model.swap(codes.coherent[0], codes.nuisance[0]).shape == (1, 1, 12)
    with pytest.raises(un.InputError, match="6 states and 30 styles"):
        model.swap(DATA, DATA, pairs="each")


def test_interpolation_passes_through_the_instances(model):
    group = DATA.take(DATA.group == 2)
    path = model.interpolate(group)
    assert path.shape == (41, 12)
    np.testing.assert_allclose(path[::10], model.reconstruct(group), atol=1e-4)
    order = np.argsort(group.factors["shift"])
    by_shift = model.interpolate(group, group.factors["shift"], at=np.sort(group.factors["shift"]))
    np.testing.assert_allclose(by_shift, model.reconstruct(group)[order], atol=1e-4)
    with pytest.raises(un.InputError, match="6 groups"):
        model.interpolate(DATA)
    with pytest.raises(un.InputError, match="different numbers"):
        model.interpolate(group, np.zeros(5))
    with pytest.raises(un.InputError, match="at holds NaN"):
        model.interpolate(group, at=[0.5, np.nan])


@pytest.fixture(scope="module")
def beta():
    return untrained(dense_latents(un.BetaVAE), DATA)


def test_swapped_latents_come_from_the_other_row(beta):
    codes = beta.encode(DATA)
    every = beta.swap(DATA, DATA, parts={"latents": [0, 2]})
    assert every.shape == (30, 30, 12)
    mixed = codes[4].copy()
    mixed[[0, 2]] = codes[7, [0, 2]]
    np.testing.assert_allclose(every[4, 7], beta.decode(mixed)[0], atol=1e-5)
    np.testing.assert_allclose(every[np.arange(30), np.arange(30)], beta.reconstruct(DATA), atol=1e-5)
    each = beta.swap(codes, codes[::-1], pairs="each", parts={"latents": range(3)})
    np.testing.assert_allclose(each, beta.reconstruct(DATA)[::-1], atol=1e-5)
    np.testing.assert_array_equal(each, beta.swap(codes, codes[::-1], pairs="each", parts="latents"))
    for parts, says in (
        (None, "BetaVAE needs to be told which of its 3 latents"),
        ({"latents": [3]}, "some of the latents 0 to 2"),
        ({"latents": [-1]}, "some of the latents 0 to 2"),
        ({"latents": []}, "some of the latents"),
        ([], "some of latents are needed"),
        ({}, "some of latents are needed"),
        ("nuisance", "some of latents are needed"),
    ):
        with pytest.raises(un.InputError, match=says):
            beta.swap(DATA, DATA, parts=parts)


def test_parts_of_a_swap_are_named_or_numbered(model):
    """Each row of codes is put together by hand, part by part."""
    codes = model.encode(DATA)
    coherent, nuisance = codes.coherent[codes.group], codes.nuisance
    a, b = [4, 4, 29], [7, 12, 0]  # rows of the state and of the style

    def decoded(c, n):
        return model.decode(Codes({}, {"coherent": c, "nuisance": n}, np.arange(len(n))))

    whole = model.swap(DATA, DATA)
    for parts in ("nuisance", ["nuisance"], {"nuisance": range(4)}):
        np.testing.assert_array_equal(model.swap(DATA, DATA, parts=parts), whole)
    np.testing.assert_allclose(whole[codes.group[a], b], decoded(coherent[a], nuisance[b]), atol=1e-5)
    for parts in ("coherent", ["coherent"], {"coherent": np.arange(3)}):  # the states of the style: rows under groups
        other = model.swap(DATA, DATA, parts=parts)
        assert other.shape == (30, 6, 12)
        np.testing.assert_allclose(other, whole.swapaxes(0, 1), atol=1e-5)
    some = nuisance[a].copy()
    some[:, [0, 2]] = nuisance[b][:, [0, 2]]
    rows = model.swap(DATA, DATA, parts={"nuisance": [0, 2]})
    assert rows.shape == (30, 30, 12)
    np.testing.assert_allclose(rows[a, b], decoded(coherent[a], some), atol=1e-5)
    mixed = coherent[a].copy()
    mixed[:, 1] = coherent[b][:, 1]
    rows = model.swap(DATA, DATA, parts={"coherent": [1], "nuisance": range(4)})
    assert rows.shape == (6, 30, 12)
    np.testing.assert_allclose(rows[codes.group[a], b], decoded(mixed, nuisance[b]), atol=1e-5)
    np.testing.assert_allclose(model.swap(DATA, DATA, parts=["coherent", "nuisance"])[0], model.reconstruct(DATA), atol=1e-5)


@pytest.mark.parametrize(
    ("parts", "says"),
    [
        ("latents", "some of coherent, nuisance are needed"),
        (["nuisance", "style"], "some of coherent, nuisance are needed"),
        ([], "some of coherent, nuisance are needed"),
        ({"nuisance": [4]}, "some of the nuisance 0 to 3"),
        ({"coherent": [0], "nuisance": []}, "some of the nuisance 0 to 3"),
        ({"coherent": [0.5]}, "some of the coherent 0 to 2"),
    ],
)
def test_parts_that_are_not_there_are_refused(model, parts, says):
    with pytest.raises(un.InputError, match=says):
        model.swap(DATA, DATA, parts=parts)
    with pytest.raises(un.InputError, match=says):
        model.traverse(DATA, parts=parts)


def test_sides_of_a_swap_that_lack_a_part_are_refused(model):
    codes = model.encode(DATA)
    with pytest.raises(un.InputError, match=r"state has shape \(6, 2\); a Dataset, Codes, or coherent codes \(n, 3\)"):
        model.swap(codes.coherent[:, :2], DATA)
    with pytest.raises(un.InputError, match=r"style has shape \(30, 3\); a Dataset, Codes, or nuisance codes \(n, 4\)"):
        model.swap(DATA, codes.nuisance[:, :3])
    with pytest.raises(un.InputError, match="state gives coherent and nuisance, so an array is not enough"):
        model.swap(codes.coherent, DATA, parts={"nuisance": [0]})
    with pytest.raises(un.InputError, match="the Codes of `encode` are needed"):
        model.decode(codes.nuisance)


def test_codes_pair_groups_with_rows(model):
    codes = replace(model.encode(DATA), level=np.arange(60.0).reshape(30, 2))
    paired = codes.pair([5, 0, 5], [2, 2, 29])
    np.testing.assert_array_equal(paired.coherent[paired.group], codes.coherent[[5, 0, 5]])
    np.testing.assert_array_equal(paired.nuisance, codes.nuisance[[2, 2, 29]])
    np.testing.assert_array_equal(paired.level, codes.level[[2, 2, 29]])
    one = codes.pair(3, range(4))
    np.testing.assert_array_equal(one.group, [3] * 4)
    own = model.encode(DATA).pair(codes.group, np.arange(30))
    np.testing.assert_array_equal(model.decode(own), model.reconstruct(DATA))
    assert codes.parts.keys() == {"coherent", "nuisance"}
    assert repr(codes) == "Codes(coherent (6, 3), nuisance (30, 4))"
    with pytest.raises(AttributeError, match="no part 'latents'; there are coherent, nuisance"):
        _ = codes.latents


def test_codes_of_any_method_are_codes(beta, model):
    np.testing.assert_array_equal(beta.codes(DATA).latents, beta.encode(DATA))
    np.testing.assert_array_equal(beta.decode(beta.codes(DATA)), beta.reconstruct(DATA))
    assert (beta.grouped, model.grouped) == (False, True)
    assert [part.name for part in beta.parts] == ["latents"]
    assert [(part.name, part.size, part.per) for part in model.parts] == [("coherent", 3, "group"), ("nuisance", 4, "row")]
    assert np.isnan(beta.inconsistency(beta.codes(DATA)))
    assert beta.shortfall(DATA) == pytest.approx(np.mean((beta.reconstruct(DATA) - DATA.x) ** 2), rel=1e-5)
    assert model.shortfall(DATA) == model.inconsistency(model.encode(DATA))
    assert (beta.predictions(DATA), model.predictions(DATA), model.variances(DATA)) == (None, None, None)
    assert (beta.variances(DATA) > 0).all()
    assert beta.variances(DATA).shape == (30, 3)


def test_a_traversal_goes_from_least_to_greatest(beta, model):
    codes = beta.encode(DATA)
    paths = beta.traverse(DATA, row=3, parts={"latents": [1]}, points=5)
    assert paths.shape == (1, 5, 12)
    ends = np.tile(codes[3], (2, 1))
    ends[:, 1] = codes[:, 1].min(), codes[:, 1].max()
    np.testing.assert_allclose(paths[0, [0, -1]], beta.decode(ends), atol=1e-5)
    assert beta.traverse(DATA).shape == (3, 10, 12)
    with pytest.raises(un.InputError, match="row=30"):
        beta.traverse(DATA, row=30)
    with pytest.raises(un.InputError, match="points=1"):
        beta.traverse(DATA, points=1)
    codes = model.encode(DATA)
    paths = model.traverse(DATA, row=7, points=3)
    assert paths.shape == (4, 3, 12)
    for number, path in enumerate(paths):  # the nuisance of a row, under the code of its group
        nuisance = np.tile(codes.nuisance[7], (2, 1))
        nuisance[:, number] = codes.nuisance[:, number].min(), codes.nuisance[:, number].max()
        ends = Codes(codes.by_group, {"nuisance": nuisance}, codes.group[[7, 7]])
        np.testing.assert_allclose(path[[0, -1]], model.decode(ends), atol=1e-5)
    whole = model.traverse(DATA, row=7, parts=["coherent", "nuisance"], points=3)
    np.testing.assert_allclose(whole[3:], paths, atol=1e-5)
    np.testing.assert_allclose(whole[:3], model.traverse(DATA, row=7, parts="coherent", points=3), atol=1e-5)
    coherent = np.tile(codes.coherent[codes.group[7]], (2, 1))
    coherent[:, 2] = codes.coherent[:, 2].min(), codes.coherent[:, 2].max()
    ends = Codes({"coherent": coherent}, {"nuisance": codes.nuisance[[7, 7]]}, np.arange(2))
    np.testing.assert_allclose(whole[2, [0, -1]], model.decode(ends), atol=1e-5)


@pytest.mark.parametrize("path", ["spline", "geodesic"])
def test_methods_without_groups_interpolate_through_their_rows(beta, path):
    rows = DATA.x[[3, 8, 20]]  # an array has no groups
    np.testing.assert_allclose(beta.interpolate(rows, path=path)[::10], beta.reconstruct(rows), atol=1e-4)
    own = DATA.take(DATA.group == 0)
    ends = beta.interpolate(own, [0, 1, 2, 4, 8], at=[8, 0], path=path)
    np.testing.assert_allclose(ends, beta.reconstruct(own)[[4, 0]], atol=1e-4)
    with pytest.raises(un.InputError, match="6 groups"):
        beta.interpolate(DATA, path=path)


def test_the_level_of_a_row_travels_with_its_nuisance(tmp_path):
    quiet = small_mra(k=36)
    gain = 10.0 ** np.linspace(-3, 3, len(quiet))[:, None]
    loud = un.Dataset(gain * quiet.x + 5 * gain, groups=quiet.groups)
    method, first = dense_symae(36), loud.take(loud.group == 0)
    trained = untrained(method, loud)
    trained.save(tmp_path / "model.safetensors")
    for model in (trained, un.Model.load(tmp_path / "model.safetensors", method)):
        codes = model.encode(loud)
        np.testing.assert_allclose(model.encode(3 * loud.x).nuisance, codes.nuisance, atol=1e-5)  # a net does not see the level
        np.testing.assert_allclose(model.reconstruct(3 * first.x), 3 * model.reconstruct(first.x), rtol=1e-3)
        np.testing.assert_allclose(model.swap(loud, loud)[codes.group, np.arange(30)], model.reconstruct(loud), rtol=1e-3)
        np.testing.assert_allclose(model.interpolate(first)[::10], model.reconstruct(first), rtol=1e-3)
    latent = untrained(dense_latents(un.AE, 36), loud)
    np.testing.assert_allclose(latent.reconstruct(3 * first.x), 3 * latent.reconstruct(first.x), rtol=1e-3)
    swapped = latent.swap(loud, loud, parts={"latents": [0]})
    np.testing.assert_allclose(swapped[np.arange(30), np.arange(30)], latent.reconstruct(loud), rtol=1e-3)
    for parts in ("coherent", {"nuisance": [1]}):  # a state that gives numbers of its row gives its level
        swapped = trained.swap(loud, loud, parts=parts)
        own = swapped[np.arange(30), codes.group if parts == "coherent" else np.arange(30)]
        np.testing.assert_allclose(own, trained.reconstruct(loud), rtol=1e-3)
    np.testing.assert_allclose(trained.traverse(3 * loud.x, 4), 3 * trained.traverse(loud.x, 4), rtol=1e-3)


def test_the_best_model_swaps_most_consistently():
    """Of those that reconstruct anything: codes that say nothing may be consistent."""
    run = un.train(dense_symae(), DATA, seeds=[0, 1], steps=100, batch=(6, 5), lr=1e-2, progress=False)
    assert run.best() is min(run, key=lambda m: m.inconsistency(m.encode(DATA)))
    assert [m.seed for m in run] == [0, 1]
    first = run.best().trained
    nothing = jax.tree.map(lambda w: 0 * w if eqx.is_inexact_array(w) else w, first.net.decoder)
    collapsed = replace(run.best(), trained=first._replace(net=first.net._replace(decoder=nothing)))
    assert collapsed.shortfall(DATA) == np.inf
    assert replace(run, models=(collapsed, *run.models)).best() is run.best()


def test_rows_of_another_shape_are_refused(model):
    with pytest.raises(un.InputError, match=r"\(11,\); this model was trained on rows of \(12,\)"):
        model.encode(np.zeros((4, 11)))


def test_a_saved_model_is_the_same_model(model, tmp_path):
    model.save(tmp_path / "m.safetensors")
    loaded = un.Model.load(tmp_path / "m.safetensors")
    np.testing.assert_array_equal(loaded.reconstruct(DATA), model.reconstruct(DATA))
    assert loaded.method == model.method
    assert loaded.seed == model.seed


@pytest.mark.parametrize("keep", [0, 7, 8, 200, 0.5, 0.999])
def test_a_truncated_file_is_refused(model, tmp_path, keep):
    path = tmp_path / "m.safetensors"
    model.save(path)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(keep * len(whole)) if isinstance(keep, float) else keep])
    with pytest.raises(un.InputError, match="truncated") as caught:
        un.Model.load(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"format": 99}, "format 99"),
        ({"shape": [13]}, "does not fit"),
        ({"shape": ["x"]}, "impossible shape"),
        ({"shape": [2**40]}, "impossible shape"),
        ({"transforms": [{"transform": "Trojan"}]}, "'Trojan' is unknown"),
        ({"transforms": [{"transform": "Window", "first": 0, "last": 99}]}, "ends at sample 99; the rows have 12"),
        ({"scale": {}}, "not a model"),
        ({"method": {"name": "Trojan"}}, "'Trojan' is unknown"),
        ({"method": {"name": "SymAE", "hook": "rm"}}, "has no hook"),
        ({"method": {"name": "SymAE", "p": 4, "q": 4, "architecture": "authors"}}, "does not fit"),
        ({"method": {"name": "SymAE", "nuisance": {"python": "os.system"}}}, "Python code"),
        ({"method": {"name": "SymAE", "terms": [{"term": "trojan"}]}}, "the term 'trojan' is unknown"),
        ({"method": {"name": "SymAE", "terms": [{"term": "blur", "hook": "rm"}]}}, "blur has no hook"),
        ({"method": {"name": "SymAE", "terms": [{"python": "Trojan"}]}}, "its terms is Python code"),
        ({"method": {"name": "SymAE", "terms": "blur"}}, "a tuple of terms is needed|not a model"),
        ({"method": {"name": "SymAE", "recommended": [1, 2, 3]}}, "has no recommended"),
    ],
)
def test_a_changed_description_is_refused_and_runs_nothing(model, tmp_path, change, says):
    path = tmp_path / "m.safetensors"
    model.save(path)
    path.write_bytes(with_about(path.read_bytes(), read_about(path) | change))
    with pytest.raises(un.InputError, match=says) as caught:
        un.Model.load(path)
    assert "\n" not in str(caught.value)


def parts(content):
    """The header of a file as JSON, and its body."""
    size = int.from_bytes(content[:8], "little")
    return json.loads(content[8 : 8 + size]), content[8 + size :]


def with_header(header, body):
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + body


def with_about(content, about):
    """A file with another description, as if it had been written like that."""
    (header, body), text = parts(content), json.dumps(about)
    return with_header(header | {"__metadata__": {"about": text, "digest": _digest(text, load(content))}}, body)


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """A small model, and its file."""
    model = fresh(un.AE(m=1), Chain((6,), (un.data.Taper(0.1), un.data.Resample(4))))
    path = tmp_path_factory.mktemp("small") / "m.safetensors"
    model.save(path)
    return model, path.read_bytes()


def loaded(content, folder):
    """The model in a file of this content, or None where it is refused in one sentence."""
    (folder / "m.safetensors").write_bytes(content)
    try:
        return un.Model.load(folder / "m.safetensors")
    except un.InputError as error:
        said = str(error)
    assert "\n" not in said
    assert len(said) < 500
    return None


@given(place=st.integers(0, 2000) | st.integers(2000, 1 << 16), bit=st.integers(0, 7))
def test_a_flipped_bit_is_refused(small, tmp_path_factory, place, bit):
    model, whole = small
    content = bytearray(whole)
    content[place] ^= 1 << bit
    found = loaded(bytes(content), tmp_path_factory.getbasetemp())
    if found is not None:  # the flip has changed nothing but the name of the digest
        np.testing.assert_array_equal(found.encode(np.eye(6)), model.encode(np.eye(6)))
        assert found.method == model.method


NUMBERS = st.sampled_from([None, 0, -1, 2.5, 1e308, np.nan, np.inf, 10**9, 10**30, True])
ODD = (
    NUMBERS | st.text(max_size=3) | st.lists(NUMBERS, max_size=3) | st.dictionaries(st.sampled_from(["schedule", "x"]), NUMBERS)
)


PLACES = [
    *[("format",), ("seed",), ("method",), ("method", "name"), ("method", "m"), ("method", "other"), ("shape",), ("shape", 0)],
    *[("transforms",), ("transforms", 0), ("transforms", 0, "fraction"), ("transforms", 1, "samples"), ("scale",)],
    *[("scale", "mean"), ("scale", "std"), ("scale", "row_axes")],
]


@given(place=st.sampled_from(PLACES), value=ODD)
@settings(max_examples=40)
def test_an_odd_description_is_refused_or_loads(small, tmp_path_factory, place, value):
    about = json.loads(parts(small[1])[0]["__metadata__"]["about"])
    inner = about
    for key in place[:-1]:
        inner = inner[key]
    inner[place[-1]] = value
    loaded(with_about(small[1], about), tmp_path_factory.getbasetemp())


HEADERS = {
    "an array of another type": lambda header, name: header[name].update(dtype="F64"),
    "a type that is none": lambda header, name: header[name].update(dtype="X1"),
    "a huge shape": lambda header, name: header[name].update(shape=[1 << 40, 1 << 40]),
    "a huge array": lambda header, name: header[name].update(shape=[1 << 40], data_offsets=[0, 1 << 42]),
    "overlapping arrays": lambda header, name: header[name].update(
        data_offsets=[n + 4 * (-1 if n else 1) for n in header[name]["data_offsets"]]
    ),
    "an unknown array": lambda header, name: header.update(other={"dtype": "F32", "shape": [0], "data_offsets": [0, 0]}),
    "a missing array": lambda header, name: header.pop(name),
    "no description": lambda header, name: header.pop("__metadata__"),
    "a nested description": lambda header, name: header.update(__metadata__={"about": "[" * 100_000}),
    "a description that is a list": lambda header, name: header.update(__metadata__={"about": "[0]"}),
}


@pytest.mark.parametrize("change", HEADERS)
def test_an_impossible_header_is_refused(small, tmp_path, change):
    header, body = parts(small[1])
    HEADERS[change](header, min(header.keys() - {"__metadata__"}))
    assert loaded(with_header(header, body), tmp_path) is None


@pytest.mark.parametrize("size", [0, 1 << 26, 1 << 62])
def test_a_header_of_an_impossible_length_is_refused(small, tmp_path, size):
    assert loaded(size.to_bytes(8, "little") + small[1][8:], tmp_path) is None


def test_nested_headers_are_refused(tmp_path):
    deep = b'{"a":' * 100_000
    assert loaded(len(deep).to_bytes(8, "little") + deep, tmp_path) is None


def test_own_nets_come_back_with_their_method(tmp_path):
    method = dense_symae()
    model = untrained(method, DATA)
    model.save(tmp_path / "m.safetensors")
    with pytest.raises(un.InputError, match="load it with method="):
        un.Model.load(tmp_path / "m.safetensors")
    loaded = un.Model.load(tmp_path / "m.safetensors", method)
    np.testing.assert_array_equal(loaded.reconstruct(DATA), model.reconstruct(DATA))


FILES = Path(__file__).parent / "files"
PLAIN, WINDOWED = Chain((8,)), Chain((8,), (un.data.Window(1, 7), un.data.Taper(0.25), un.data.Resample(12)))
KEPT = {
    "symae": (
        un.SymAE(p=1, q=2, lam=1.0, rate_ramp=None, terms=(*recommended(blur=0)[:2], Coincidence(0.1, None))),
        PLAIN,
    ),
    "nashae": (un.NashAE(m=2, lam=0.25, updates=3), PLAIN),
    "transforms": (un.AE(m=1), WINDOWED),
}
ROWS = un.Dataset(np.arange(48.0).reshape(6, 8) % 7, groups=list("aabbbc"))


@pytest.mark.parametrize("stem", [f"model-{number}-{name}" for number in READS for name in KEPT])
def test_a_model_of_a_kept_file_is_what_it_was(stem, tmp_path):
    (tmp_path / "model.safetensors").write_bytes(gzip.decompress((FILES / f"{stem}.safetensors.gz").read_bytes()))
    model, expected = un.Model.load(tmp_path / "model.safetensors"), np.load(FILES / f"{stem}.npz")
    assert (model.method, model.trained.chain) == KEPT[stem.split("-")[2]]
    assert (model.seed, model.trained.scale) == (7, Scale(3.0, 2.0))
    for key, values in outputs(model).items():
        np.testing.assert_allclose(values, expected[key], rtol=1e-5, atol=1e-5 * np.abs(expected[key]).max())


def outputs(model):
    codes = model.encode(ROWS)
    named = {"codes": codes} if isinstance(codes, np.ndarray) else codes.parts | {"group": codes.group}
    return named | {"rows": model.decode(codes)}


def keep_models():
    """Write the models of this format that later versions must read: `python tests/test_model.py`."""
    for name, (method, chain) in KEPT.items():
        stem, buffer = f"model-{FORMAT}-{name}", FILES / "new.safetensors"
        model = fresh(method, chain)
        model.save(buffer)
        (FILES / f"{stem}.safetensors.gz").write_bytes(gzip.compress(buffer.read_bytes(), mtime=0))
        buffer.unlink()
        np.savez_compressed(FILES / f"{stem}.npz", **outputs(model))


if __name__ == "__main__":
    keep_models()
