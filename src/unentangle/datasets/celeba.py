"""CelebA (Liu, Luo, Wang, Tang, 2015): 202,599 aligned photographs of faces with 40 attributes each."""

from pathlib import Path

import numpy as np

from ..data.dataset import Dataset, Factors
from ..errors import InputError
from ..io.images import decoded, image_files
from .originals import local_folder

PAGE = "https://mmlab.ie.cuhk.edu.hk/projects/CelebA.html"
IMAGES = "img_align_celeba"
ATTRIBUTES = "list_attr_celeba.txt"


def celeba(path: str | Path | None = None, *, skip_corrupt: bool = False) -> Dataset:
    """The faces, 178 x 218, scaled to a width of 96 and cut to the 64 x 64 in the middle, in the order of their numbers.

    They are for research that is not commercial, and whoever uses them gets them from the authors. The images are decoded once,
    2.5 GB in the user's cache folder for all (see `images`).

    Args:
        path: the folder with `img_align_celeba/`, which may hold a part of the images, and `list_attr_celeba.txt`, or with
            these in `Img/` and `Anno/`, as the authors' folder has them; or the one that holds it as `celeba/`; or
            `img_align_celeba` itself. By default the folder `celeba` in the one that the environment variable UNENTANGLE_DATA
            names.
        skip_corrupt: leave out images that cannot be read, with a warning.

    Returns:
        rows (n, 64, 64, 3) uint8, mapped from disk, with the 40 attributes as binary factors, 1 where a face has it, else 0.

    Raises:
        InputError: if files are missing, one cannot be read, or an image has no attributes.
    """
    folder = local_folder("celeba") if path is None else Path(path).expanduser()
    for part in (IMAGES, IMAGES, "Img"):  # some archives have the images in a folder of that name twice
        folder = folder.parent if folder.name == part else folder
    places = [root / part for root in (folder, folder / "celeba") for part in ("", "Img", "Anno", IMAGES)]
    images = next((place / IMAGES for place in places if (place / IMAGES).exists()), folder / IMAGES)
    images = images / IMAGES if (images / IMAGES).is_dir() else images
    lists = (place / f"list_attr_celeba.{kind}" for place in places for kind in ("txt", "csv"))  # .csv in copies of others
    listed = next((file for file in lists if file.exists()), None)
    names = image_files(images)
    for there, needed, what in (
        (names, IMAGES, f"unpack {IMAGES}.zip"),
        (listed, ATTRIBUTES, f"put {ATTRIBUTES}"),
    ):
        if not there:
            raise InputError(
                f"{folder / needed} is not there or empty; it cannot be fetched by a program: {what} from {PAGE} into {folder}."
            )
    assert listed is not None  # the loop has refused
    factors = attributes(listed, names)
    x, readable = decoded(images, names, skip_corrupt, resize=96, size=64, mode="RGB")
    return Dataset(x, factors.take(readable))


def attributes(path: Path, names: list[str]) -> Factors:
    """The attributes of these images, -1 or 1 in the file, as 0 or 1.

    Raises:
        InputError: if the file is neither as published nor comma-separated, or lacks an image.
    """
    try:
        lines = [words for line in path.read_text().splitlines() if (words := line.replace(",", " ").split())]
        header, *rows = lines[1:] if len(lines[0]) == 1 else [lines[0][1:], *lines[1:]]
        of = {name: values for name, *values in rows}
        values = np.array([of[Path(name).name] for name in names], np.int8)
        columns = dict(zip(header, values.T, strict=True))
        if not np.isin(values, (-1, 0, 1)).all():
            raise ValueError("there are other numbers than -1 and 1")
    except KeyError as error:
        raise InputError(
            f"{path} has no line for {error.args[0]}; take that image away, or put the whole published file in its place."
        ) from error
    except (OSError, ValueError, IndexError, OverflowError) as error:
        raise InputError(
            f"{path} is not as published: a number, the names of the attributes, then a line of -1 and 1 for each image."
        ) from error
    return Factors({name: ((column > 0).astype(np.int8), "binary") for name, column in columns.items()})
