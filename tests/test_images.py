import os
import sys
import tracemalloc

import numpy as np
import pytest
from PIL import Image

import unentangle as un
from unentangle.cli import main
from unentangle.data.rows import Rows
from unentangle.io import images

pytestmark = pytest.mark.usefixtures("cache")


def pixels(*shape, seed=0):
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def folder_of(path, files):
    for name, x in files.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(x).save(path / name)
    return path


def faces(path, count=4, **shapes):
    shapes = {f"{i}.png": (9, 7, 3) for i in range(count)} | shapes
    return folder_of(path / "faces", {name: pixels(*shape, seed=i) for i, (name, shape) in enumerate(shapes.items())})


def damaged(folder, name):
    content = (folder / name).read_bytes()
    (folder / name).write_bytes(content[: len(content) // 2])


def test_images_of_one_size_are_their_pixels(tmp_path):
    x = pixels(4, 9, 7)
    names = ["b/0.png", "a.PNG", "b/1.png", ".hidden/0.png", "__MACOSX/a.png"]
    folder = folder_of(tmp_path / "grey", dict(zip(names, [*x[[1, 0, 2]], x[3], x[3]], strict=True)))
    data = images(folder)
    assert isinstance(data.x, Rows)
    np.testing.assert_array_equal(data.x, x[:3, ..., None])  # 9 x 7 alone would be a signal of 7 channels
    np.testing.assert_array_equal(images(folder, mode="RGB").x, np.repeat(x[:3, ..., None], 3, axis=3))


def test_they_are_decoded_once_as_long_as_nothing_changed(tmp_path, cache, monkeypatch):
    folder, count, real = faces(tmp_path), [], Image.open
    monkeypatch.setattr(Image, "open", lambda path: count.append(path) or real(path))
    for _ in range(2):
        first = images(folder, resize=5)
    assert len(count) == 4
    images(folder, resize=6)
    assert len(count) == 8
    folder_of(folder, {"0.png": pixels(9, 7, 3, seed=9)})
    os.utime(folder / "0.png", ns=(0, 0))
    changed = images(folder, resize=5)
    assert len(count) == 12
    assert (changed.x[0] != first.x[0]).any()
    np.testing.assert_array_equal(changed.x[1:], first.x[1:])
    assert {path.suffix for path in (cache / "images").iterdir()} == {"", ".json"}


def test_sizes_and_places_are_those_of_torchvision(tmp_path):
    """Resize(5) of 9 x 7 is int(5 * 9 / 7) x 5; CenterCrop(4) of it begins at round(1) and round(0.5), to even."""
    folder = faces(tmp_path)
    whole, middle = images(folder, resize=5).x, images(folder, resize=5, size=4).x
    assert whole.shape == (4, 6, 5, 3)
    np.testing.assert_array_equal(middle, whole[:][:, 1:5, 0:4])
    by_pillow = Image.fromarray(pixels(9, 7, 3)).resize((5, 6), Image.Resampling.BILINEAR)
    np.testing.assert_array_equal(whole[0], np.asarray(by_pillow))


def test_images_of_many_sizes_are_made_one(tmp_path):
    folder = faces(tmp_path, **{"7.png": (8, 30, 3), "8.png": (30, 8)})
    assert images(folder, resize=5, size=5, mode="L").x.shape == (6, 5, 5)
    with pytest.raises(un.InputError, match=r"0.png in .* has the shape \(9, 7, 3\) and 7.png \(8, 30, 3\); all must agree"):
        images(folder)


@pytest.mark.parametrize(
    ("x", "options", "says"),
    [
        (pixels(9, 7, 4), {}, "x.png is of mode RGBA; mode='L' makes all images grey"),
        (pixels(9, 7).astype(np.uint16), {"mode": "L"}, "images of 8 bits a value are needed"),
        (pixels(9, 7), {"size": 8}, "x.png is 7 x 9, too small for size=8"),
        (pixels(9, 7), {"size": 0}, "size=0; a whole number of at least 1"),
        (pixels(9, 7), {"groups": "who"}, "groups='who'; no .csv of factors has the columns none"),
    ],
)
def test_images_that_cannot_be_used_are_named(tmp_path, cache, x, options, says):
    folder = folder_of(tmp_path / "f", {"x.png": x})
    with pytest.raises(un.InputError, match=says) as caught:
        images(folder, **options)
    assert "\n" not in str(caught.value)
    assert not [path for path in cache.rglob("*") if path.is_file()]


@pytest.mark.parametrize("suffix", ["png", "jpg"])
def test_corrupt_images_are_named_and_left_out_only_if_asked(tmp_path, cache, suffix):
    folder = folder_of(tmp_path / "f", {f"{i}.{suffix}": pixels(40, 30, 3, seed=i) for i in range(4)})
    (tmp_path / "who.csv").write_text("file,who\n" + "".join(f"{i}.{suffix},{i % 3}\n" for i in range(4)))
    whole = np.array(images(folder).x)
    damaged(folder, f"2.{suffix}")
    (folder / f"3.{suffix}").write_bytes(b"no image")
    with pytest.raises(un.InputError, match=rf"2 of 4 .*: 2.{suffix}, 3.{suffix}; skip_corrupt=True leaves such out"):
        images(folder)
    for _ in range(2):
        with pytest.warns(UserWarning, match=f"2 of 4 images in .* and left out: 2.{suffix}, 3.{suffix}"):
            data = images(folder, tmp_path / "who.csv", "who", skip_corrupt=True)
        np.testing.assert_array_equal(data.x, whole[:2])
        assert data.groups.tolist() == data.factors["who"].tolist() == [0, 1]
    for i in range(2):
        damaged(folder, f"{i}.{suffix}")
    with pytest.raises(un.InputError, match=r"4 of 4 images .* none is left"):
        images(folder, skip_corrupt=True)


def test_factors_are_the_columns_of_a_table(tmp_path):
    folder, file = faces(tmp_path, 3), tmp_path / "factors.csv"
    file.write_text('file,age,weight,name,who\n2.png,30,1.5,"a, b",7\n0.png,20,2,c,7\n\n1.png,10,1e3,c,8\nother.png,1,1,x,9\n')
    data = images(folder, file, "who")
    assert data.factors.kinds == {"age": "categorical", "weight": "continuous", "name": "binary", "who": "binary"}
    assert data.factors["age"].tolist() == [20, 10, 30]
    assert data.factors["name"].tolist() == ["c", "c", "a, b"]
    assert data.groups.tolist() == [7, 8, 7]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("file,age\n0.png,3\n", r"factors.csv has no line for 1.png in its first column, file"),
        ("file,age\n0.png,3\n1.png\n", r"line 3 of .*factors.csv has 1 values"),
        ("", "factors.csv is empty"),
        ("file,age\n0.png,3\n1.png,3\n0.png,4\n", "factors.csv has two lines for 0.png"),
        ("0.png,a\n1.png,b\n", "begins with a line for 0.png; a line with the names of the columns is needed"),
    ],
)
def test_tables_that_do_not_fit_are_refused(tmp_path, content, says):
    (tmp_path / "factors.csv").write_text(content)
    with pytest.raises(un.InputError, match=says):
        images(faces(tmp_path, 2), tmp_path / "factors.csv")


def test_read_takes_a_folder_of_images(tmp_path):
    folder = faces(tmp_path)
    np.testing.assert_array_equal(un.read(folder).x, images(folder).x)
    assert un.read(folder, groups=[0, 0, 1, 1]).group_sizes.tolist() == [2, 2]
    for options in ({"groups": "who"}, {"factors": ["who"]}):
        with pytest.raises(un.InputError, match="holds images, so there are no factors in it"):
            un.read(folder, **options)
    np.save(folder / "1_2.npy", np.ones(3))
    assert un.read(folder).row_shape == (3,)
    with pytest.raises(un.InputError, match=r"nowhere does not exist; a folder of images is needed"):
        images(tmp_path / "nowhere")
    with pytest.raises(un.InputError, match=r"0.png is a file; a folder of images is needed"):
        images(folder / "0.png")


def test_what_cannot_be_read_is_not_called_corrupt(tmp_path, monkeypatch):
    """Nor remembered as such: what the system refuses today it may give tomorrow."""
    folder, real = faces(tmp_path), Image.open

    def refused(path):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Image, "open", refused)
    with pytest.raises(un.InputError, match=r"0.png cannot be read: Permission denied"):
        images(folder, skip_corrupt=True)
    monkeypatch.setattr(Image, "open", real)
    assert len(images(folder)) == 4
    (folder / "5.png").symlink_to("nowhere.png")
    with pytest.raises(un.InputError, match=r"5.png is a link to nowhere.png, which is not there"):
        images(folder)


def test_a_damaged_cache_is_made_again(tmp_path, cache):
    folder = faces(tmp_path)
    x = np.array(images(folder).x)
    bytes_of, about = sorted((cache / "images").iterdir())
    for harm in (lambda: bytes_of.write_bytes(b""), about.unlink, lambda: about.write_text("{"), bytes_of.unlink):
        harm()
        np.testing.assert_array_equal(images(folder).x, x)


def test_a_cache_that_cannot_be_written_is_said(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    with pytest.raises(un.InputError, match=r"cannot be kept in .*Not a directory.*XDG_CACHE_HOME name another"):
        images(faces(tmp_path))


def test_names_are_the_same_however_accents_are_kept(tmp_path):
    folder = faces(tmp_path, 1, **{"A\u0308pfel.png": (9, 7, 3)})
    (tmp_path / "who.csv").write_text("file,who\n0.png,1\n\u00c4pfel.png,2\n")
    assert sorted(images(folder, tmp_path / "who.csv").factors["who"]) == [1, 2]


def test_folders_of_images_are_classes_if_asked(tmp_path, capsys):
    folder = folder_of(tmp_path / "all", {f"train/{c}{k % 2}/{k}.png": pixels(8, 8, seed=k) for k in range(8) for c in "ab"})
    assert main(["inspect", str(folder)]) == 0
    flags = capsys.readouterr().out.rpartition("--x ")[2].split()
    assert flags == ["'train/{class}/*'", "--groups", "class"]
    for x in ("train/{class}/*", "train/{class}/{n}.png"):
        data = un.read(folder, x=x, groups="class")
        np.testing.assert_array_equal(data.x, images(folder).x)
        assert list(data.group_names) == ["a0", "a1", "b0", "b1"]
    assert len(un.read(folder, x="*/a{k}/*")) == 8
    (tmp_path / "k.csv").write_text("image,who\n" + "".join(f"train/{c}{k % 2}/{k}.png,{c}\n" for k in range(8) for c in "ba"))
    data = un.read(folder, groups=f"{tmp_path}/k.csv:who")
    assert "".join(data.groups) == "aaaaaaaabbbbbbbb"
    with pytest.raises(un.InputError, match=r"no image in .* has a name that fits x='{a}-{b}'"):
        un.read(folder, x="{a}-{b}")


def save(path, image):
    path.parent.mkdir(exist_ok=True)
    image.save(path)
    return path.parent


@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_grey_images_keep_their_bits(tmp_path, suffix):
    x = np.random.default_rng(0).integers(0, 1 << 16, (9, 9), dtype=np.uint16)
    folder = save(tmp_path / "deep" / f"x.{suffix}", Image.fromarray(x))
    np.testing.assert_array_equal(un.read(folder).x, x[None])
    assert un.read(folder, size=6).x[:].max() > 255
    folder_of(folder, {f"y.{suffix}": pixels(9, 9)})
    with pytest.raises(un.InputError, match=r"holds uint16 and y.* uint8; all must have as many bits"):
        un.read(folder)


def test_images_of_any_mode_are_read_or_say_the_flag(tmp_path):
    for mode in ("1", "P", "RGBA", "LA", "CMYK"):
        image = Image.fromarray(pixels(8, 8, 3)).convert(mode)
        folder = save(tmp_path / mode / ("x.tif" if mode == "CMYK" else "x.png"), image)
        for wanted in ("L", "RGB"):
            np.testing.assert_array_equal(un.read(folder, mode=wanted).x[0], np.asarray(image.convert(wanted)))
        if mode == "1":
            np.testing.assert_array_equal(un.read(folder).x[0], np.asarray(image.convert("L")))
        else:
            with pytest.raises(un.InputError, match=f"of mode {mode}; .*--mode L, --mode RGB"):
                un.read(folder)
    for suffix in ("bmp", "webp"):
        assert un.read(save(tmp_path / suffix / f"x.{suffix}", Image.fromarray(pixels(8, 8, 3)))).row_shape == (8, 8, 3)
    folder = folder_of(tmp_path / "unlike", {"a.png": pixels(8, 8), "b.png": pixels(12, 9)})
    with pytest.raises(un.InputError, match="all must agree: --size N"):
        un.read(folder)
    assert un.read(folder, size=8).row_shape == (8, 8)


def test_an_image_much_larger_than_its_file_takes_no_memory(tmp_path):
    folder = save(tmp_path / "large" / "x.png", Image.new("L", (12000, 12000)))
    tracemalloc.start()
    try:
        with pytest.raises(un.InputError, match=r"declares 0.134 GB, of which"):
            un.read(folder)
        assert tracemalloc.get_traced_memory()[1] < 20e6
    finally:
        tracemalloc.stop()


def test_decoded_images_that_nobody_asks_for_are_removed(tmp_path, cache, monkeypatch, capfd):
    for k in range(3):
        images(faces(tmp_path / str(k), 2))
        for file in (cache / "images").iterdir():
            os.utime(file, ns=(0, 0))
    assert len(list((cache / "images").iterdir())) == 2
    assert "decoding" not in capfd.readouterr().err
    monkeypatch.setattr(sys.modules["unentangle.io.images"], "DAYS", 1e6)
    images(faces(tmp_path / "more", 2))
    assert len(list((cache / "images").iterdir())) == 4
    monkeypatch.setattr(sys.modules["unentangle.io.images"], "KEPT", 100)
    images(faces(tmp_path / "most", 2))
    assert len(list((cache / "images").iterdir())) == 2
