import io
import sys
import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import unentangle as un
from unentangle.data import Packed
from unentangle.datasets import dsprites, originals
from unentangle.datasets.dsprites import CLASSES, FILE, SOURCES, SUBSET, _git_blob

SIZES = tuple(CLASSES.values())
GRID = {"shape": [0, 1, 2], "scale": [0, 3, 5], "orientation": [0, 4, 36], "x": [2, 30], "y": [1, 31]}
INDICES = np.ravel_multi_index(np.ix_(*GRID.values()), SIZES).ravel()


class Trap:
    def __reduce__(self):
        return pytest.fail, ("the metadata was unpickled",)


def arrays(indices=INDICES, image=(5, 3)):
    """What the published file holds of some of its images; the images here are of chance."""
    classes = np.stack([0 * indices, *np.unravel_index(indices, SIZES)], axis=1)
    imgs = np.random.default_rng(0).integers(0, 2, (len(indices), *image), dtype=np.uint8)
    return {"metadata": np.array(Trap()), "imgs": imgs, "latents_classes": classes, "latents_values": 1 + classes / 7}


def written(path, content):
    np.savez_compressed(path, **content)
    return path


@pytest.fixture(scope="module")
def part(tmp_path_factory):
    """A file that holds a part of the images, with its classes numbered anew."""
    content = arrays()
    anew = np.stack(np.unravel_index(np.arange(len(INDICES)), [len(c) for c in GRID.values()]), axis=1)
    latents = {"latents_classes": anew, "latents_values": content["latents_values"][:, 1:]}
    return written(tmp_path_factory.mktemp("d") / SUBSET, content | latents | {"original_dataset_indices": INDICES})


def test_both_layouts_are_read(part, tmp_path):
    content = arrays()
    for path in (part, part.parent, written(tmp_path / "published.npz", content)):
        data = dsprites(path)
        assert isinstance(data.x, Packed)
        np.testing.assert_array_equal(data.x, content["imgs"])
        assert list(data.factors) == list(CLASSES)
        assert data.factors.kinds == dict.fromkeys(CLASSES, "continuous") | {"shape": "categorical"}
        np.testing.assert_array_equal(data.factors["shape"], content["latents_classes"][:, 1])
        for i, name in enumerate(list(CLASSES)[1:]):
            np.testing.assert_allclose(data.factors[name], content["latents_values"][:, i + 2], rtol=1e-6)


some = st.fixed_dictionaries(
    {}, optional={name: st.lists(st.sampled_from(c), min_size=1, max_size=3) | st.sampled_from(c) for name, c in GRID.items()}
)


@given(some)
def test_a_grid_is_a_mask(part, grid):
    whole, classes = dsprites(part), dict(zip(CLASSES, np.unravel_index(INDICES, SIZES), strict=True))
    mask = np.all([np.isin(classes[name], which) for name, which in grid.items()] or np.ones((1, len(whole))), axis=0)
    found, wanted = dsprites(part, **grid), whole.take(mask)
    np.testing.assert_array_equal(found.x, wanted.x)
    np.testing.assert_array_equal(np.asarray(found.factors), np.asarray(wanted.factors))


def test_a_slice_takes_what_is_there(part):
    whole = dsprites(part)
    assert len(dsprites(part, orientation=slice(4, 36))) == len(whole) // 3
    assert len(dsprites(part, x=slice(16, None), y=-1)) == len(whole) // 4


@pytest.mark.parametrize(
    ("grid", "says"),
    [
        ({"shape": 3}, "shape=3; an index of its 3 classes is needed"),
        ({"orientation": [0, 1]}, r"orientation=\[0, 1\]; of its 40 classes, .* has 0, 4, 36"),
        ({"x": slice(3, 9)}, "of its 32 classes, .* has 2, 30"),
        ({"scale": []}, "of its 6 classes, .* has 0, 3, 5"),
    ],
)
def test_a_grid_without_images_is_refused(part, grid, says):
    with pytest.raises(un.InputError, match=says):
        dsprites(part, **grid)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda a: {"imgs": a["imgs"] * 255}, "other values than 0 and 1"),
        (lambda a: {"imgs": a["imgs"][:9]}, r"its images are uint8 of shape \(9, 5, 3\), for 108 rows of factors"),
        (lambda a: {"imgs": a["imgs"] * 1.0}, "its images are float64"),
        (lambda a: {"latents_classes": np.array([None])}, "cannot be read: it is damaged or not a file of dSprites"),
    ],
)
def test_files_of_another_kind_are_refused(change, says, tmp_path):
    path = written(tmp_path / "d.npz", arrays() | change(arrays()))
    with pytest.raises(un.InputError, match=says) as caught:
        dsprites(path)
    assert "\n" not in str(caught.value)


def test_damaged_files_are_refused(part, tmp_path):
    whole = part.read_bytes()
    images = whole.index(b"imgs.npy") + 60
    altered = whole[:images] + b"\xff" * 50 + whole[images + 50 :]
    for content in (b"", b"rubbish", whole[: len(whole) // 2], altered):
        (tmp_path / "d.npz").write_bytes(content)
        with pytest.raises(un.InputError, match=r"d.npz cannot be read: it is damaged or not a file of dSprites") as caught:
            dsprites(tmp_path / "d.npz")
        assert "\n" not in str(caught.value)
    np.savez(tmp_path / "d.npz", x=np.ones(3))
    with pytest.raises(un.InputError, match="There is no item named"):
        dsprites(tmp_path / "d.npz")


def test_the_published_file_is_known_by_its_blob(tmp_path, monkeypatch):
    assert _git_blob(b"") == "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391"
    with pytest.raises(un.InputError, match=rf"{FILE} is not there; put the original file .* or say download=True"):
        dsprites(tmp_path)
    (tmp_path / FILE).write_bytes(b"something else")
    with pytest.raises(un.InputError, match=r"has the checksum .*, the original d98996d3"):
        dsprites(tmp_path / FILE)
    content = written(tmp_path / "d.npz", arrays()).read_bytes()
    monkeypatch.setattr(sys.modules["unentangle.datasets.dsprites"], "BLOB", _git_blob(content))
    answers = dict(zip(SOURCES, (b"gone", b"please log in", content), strict=True))
    monkeypatch.setattr(originals, "urlopen", lambda address, timeout: io.BytesIO(answers[address]))
    np.testing.assert_array_equal(dsprites(tmp_path / "new", download=True).x, arrays()["imgs"])
    assert (tmp_path / "new" / FILE).read_bytes() == content


def test_memory_grows_by_the_bits(tmp_path):
    """What the 737,280 images of the published file would take, from what some more images take."""
    peaks, kept = [], []
    for n in (4096, 12288):
        path = written(tmp_path / "d.npz", arrays(np.arange(n), (64, 64)) | {"imgs": np.zeros((n, 64, 64), np.uint8)})
        tracemalloc.start()
        data = dsprites(path)
        now, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        peaks.append(peak)
        kept.append(now)
        assert len(data) == n
    whole = [peaks[0] + (peaks[1] - peaks[0]) / 8192 * 737280, kept[0] + (kept[1] - kept[0]) / 8192 * 737280]
    assert whole[0] < 700e6  # and python and jax
    assert whole[1] < 450e6  # bytearray allocates up to an eighth in advance, which it does not touch


def test_the_factorial_part_is_its_file(real_data):
    path = real_data / "dsprites" / SUBSET
    if not path.exists():
        pytest.skip(f"there is no dsprites/{SUBSET} in UNENTANGLE_DATA")
    data, truth = dsprites(), np.load(path)
    imgs = truth["imgs"]
    for part, images in data.chunks():
        assert (images == imgs[part]).all()
    np.testing.assert_allclose(np.asarray(data.factors)[:, 1:], truth["latents_values"][:, 1:], rtol=1e-6)
    np.testing.assert_array_equal(data.factors["shape"] + 1, truth["latents_values"][:, 0])
    mask = (truth["latents_values"][:, 0] == 3) & np.isin(truth["latents_classes"][:, 2], [1, 9])
    np.testing.assert_array_equal(dsprites(shape=2, orientation=[4, 36]).x, imgs[mask])
