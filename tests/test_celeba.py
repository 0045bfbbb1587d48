import numpy as np
import pytest
from PIL import Image

import unentangle as un
from unentangle.datasets import celeba

pytestmark = pytest.mark.usefixtures("cache")


@pytest.fixture
def small(tmp_path):
    """Three images of no face, in the layout of the published files, with a gap in their numbers."""
    folder = tmp_path / "celeba"
    (folder / "img_align_celeba").mkdir(parents=True)
    for number in (1, 9, 10):
        x = np.full((218, 178, 3), 20 * number, np.uint8)
        Image.fromarray(x).save(folder / "img_align_celeba" / f"{number:06}.jpg")
    lines = [f"{number:06}.jpg  {1 - 2 * (number % 2)} {'-1' if number > 4 else ' 1'}" for number in range(1, 13)]
    (folder / "list_attr_celeba.txt").write_text("\n".join(["12", "Bangs Young ", *lines]) + "\n")
    return folder


def test_a_part_of_the_images_has_its_own_attributes(small):
    data = celeba(small)
    assert data.x.shape == (3, 64, 64, 3)
    np.testing.assert_allclose(data.x[:][:, 0, 0, 0], [20, 180, 200], atol=1)
    assert data.factors.kinds == {"Bangs": "binary", "Young": "binary"}
    assert (data.factors["Bangs"].tolist(), data.factors["Young"].tolist()) == ([0, 0, 1], [1, 0, 0])


def test_the_layout_of_the_authors_and_of_others_is_found(small, tmp_path):
    x = celeba(small).x
    np.testing.assert_array_equal(celeba(tmp_path).x, x)  # as celeba/ in it
    np.testing.assert_array_equal(celeba(small / "img_align_celeba").x, x)
    for part, name in (("Img", "img_align_celeba"), ("Anno", "list_attr_celeba.txt")):
        (small / part).mkdir()
        (small / name).rename(small / part / name)
    for folder in (small, small / "Img", small / "Img" / "img_align_celeba"):
        np.testing.assert_array_equal(celeba(folder).x, x)
    (small / "Img" / "twice").mkdir()
    (small / "Img" / "img_align_celeba").rename(small / "Img" / "twice" / "img_align_celeba")
    (small / "Img" / "twice").rename(small / "Img" / "img_align_celeba")
    for folder in (small, small / "Img" / "img_align_celeba", small / "Img" / "img_align_celeba" / "img_align_celeba"):
        np.testing.assert_array_equal(celeba(folder).x, x)


def test_corrupt_images_lose_their_attributes_too(small):
    (small / "img_align_celeba" / "000009.jpg").write_bytes(b"\xff\xd8\xff")
    with pytest.raises(un.InputError, match=r"1 of 3 .* are corrupt or no images that Pillow decodes: 000009.jpg"):
        celeba(small)
    with pytest.warns(UserWarning, match=r"1 of 3 images .* left out: 000009.jpg"):
        data = celeba(small, skip_corrupt=True)
    assert data.factors["Bangs"].tolist() == [0, 1]


def test_what_is_missing_is_said_with_its_place(small):
    attributes = small / "list_attr_celeba.txt"
    lines = attributes.read_text().splitlines()
    for content, says in (
        ("\n".join(lines[:6]), r"has no line for 000009.jpg; take that image away, or put"),
        ("\n".join(lines).replace("Bangs ", ""), "is not as published"),
        ("file,Bangs,Young\n000001.jpg,1,1\n000009.jpg,1,1\n", "has no line for 000010.jpg"),
        ("\n".join(lines).replace("-1", "7"), "is not as published"),
        ("", "is not as published"),
    ):
        attributes.write_text(content)
        with pytest.raises(un.InputError, match=says):
            celeba(small)
    attributes.unlink()
    with pytest.raises(
        un.InputError, match=rf"list_attr_celeba.txt is not there .* put list_attr_celeba.txt from .* into {small}"
    ):
        celeba(small)
    with pytest.raises(un.InputError, match=r"img_align_celeba is not there .* unpack img_align_celeba.zip from https"):
        celeba(small / "elsewhere")


def test_the_layouts_of_others_are_read(small):
    """torchvision's root, a folder within the folder, commas, an empty line at the end."""
    known = celeba(small)
    text = small / "list_attr_celeba.txt"
    _, header, *lines = (line.split() for line in text.read_text().splitlines())
    text.write_text(text.read_text() + "\n")
    inner = small / "img_align_celeba" / "img_align_celeba"
    inner.mkdir()
    for image in (small / "img_align_celeba").glob("*.jpg"):
        image.rename(inner / image.name)
    for csv in (False, True):
        if csv:
            text.unlink()
            table = "\n".join(",".join(line) for line in [["image_id", *header], *lines])
            (small / "list_attr_celeba.csv").write_text(table)
        data = celeba(small.parent)
        np.testing.assert_array_equal(data.x, known.x)
        for name in ("Bangs", "Young"):
            np.testing.assert_array_equal(data.factors[name], known.factors[name])


def test_faces_are_scaled_and_cut(real_data, tmp_path):
    if not (real_data / "celeba").exists():
        pytest.skip("there is no celeba in UNENTANGLE_DATA")
    folder = tmp_path / "some"
    (folder / "img_align_celeba").mkdir(parents=True)
    (folder / "list_attr_celeba.txt").symlink_to(real_data / "celeba" / "list_attr_celeba.txt")
    files = sorted((real_data / "celeba" / "img_align_celeba").glob("*.jpg"))[:20]
    for file in files:
        (folder / "img_align_celeba" / file.name).symlink_to(file)
    data = celeba(folder)
    assert len(data.factors) == 40
    assert [data.factors[name][0] for name in ("Male", "Smiling", "Young", "Bald")] == [0, 1, 1, 0]
    for x, file in zip(data.x, files, strict=True):
        with Image.open(file) as image:
            scaled = np.asarray(image.resize((96, 117), Image.Resampling.BILINEAR))
        np.testing.assert_array_equal(x, scaled[26:90, 16:80])
