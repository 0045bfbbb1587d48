"""Folders of images: decoded once, to one size, into one file of bytes that stays on disk."""

import struct
import warnings
import zlib
from collections.abc import Sequence
from hashlib import sha256
from numbers import Integral
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
from jaxtyping import Int, UInt8
from PIL import Image
from rich.console import Console
from rich.progress import track

from ..errors import InputError
from ..storage import cache_folder, draft, read_json, write_json
from .columns import read_csv
from .dataset import Dataset, Factors

SUFFIXES = (".jpeg", ".jpg", ".png")
# What Pillow raises where a file is cut short, altered or no image.
CORRUPT = (OSError, SyntaxError, ValueError, EOFError, struct.error, zlib.error, Image.DecompressionBombError)

Mode = Literal["L", "RGB"]


def images(
    folder: str | Path,
    factors: str | Path | None = None,
    groups: str | None = None,
    *,
    resize: int | None = None,
    size: int | None = None,
    mode: Mode | None = None,
    skip_corrupt: bool = False,
) -> Dataset:
    """The `.png` and `.jpg` files of a folder and of the folders in it, sorted by name; hidden ones are left out.

    The images are decoded at the first call and kept as bytes in the user's cache folder (`storage.cache_folder`), where
    later calls find them as long as folder and settings are the same.

    Args:
        folder: where the images are.
        factors: a `.csv` with a line of names, then one line for each image: its file name in the folder, and its factors.
        groups: the column of it that holds the group keys.
        resize: scale each image so that its shorter side has so many pixels (bilinear, as torchvision's Resize).
        size: then take a square of so many pixels from the middle (as torchvision's CenterCrop).
        mode: make all images grey ("L") or coloured ("RGB"). Without it they must be the one or the other.
        skip_corrupt: leave out images that cannot be read, with a warning.

    Returns:
        rows (n, height, width) of grey or (n, height, width, 3) of coloured images, uint8, mapped from disk.

    Raises:
        InputError: if there are no images, one is corrupt, they differ in size or mode, or one is not in `factors`.
    """
    for setting, value in (("resize", resize), ("size", size)):
        if value is not None and (not isinstance(value, Integral) or value < 1):
            raise InputError(f"{setting}={value!r}; a whole number of at least 1 is needed.")
    folder = Path(folder)
    names = image_files(folder)
    columns = {} if factors is None else table(Path(factors), names)
    if groups is not None and groups not in columns:
        raise InputError(
            f"groups={groups!r}; {factors or 'no .csv of factors'} has the columns {', '.join(columns) or 'none'}."
        )
    x, kept = decoded(folder, names, skip_corrupt, resize=resize, size=size, mode=mode)
    found = Factors(columns).take(kept)
    return Dataset(x, found, None if groups is None else found[groups])


def image_files(folder: Path) -> list[str]:
    """The names of all images in a folder and the folders in it, sorted; hidden ones are left out."""
    names = (path.relative_to(folder) for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES)
    return sorted(name.as_posix() for name in names if not hidden(name))


def hidden(path: Path) -> bool:
    """Whether a file, or a folder it is in, is hidden or of the Macintosh's own."""
    return any(part.startswith((".", "__MACOSX")) for part in path.parts)


def table(path: Path, names: Sequence[str]) -> dict[str, np.ndarray]:
    """The columns of a `.csv` whose first column is a name, in the order of the names.

    Raises:
        InputError: if the file cannot be read, or has no line of some name.
    """
    (key, lines), *columns = read_csv(path).items()
    line = {name: number for number, name in enumerate(lines.astype(str))}
    if missing := [name for name in names if name not in line]:
        raise InputError(f"{path} has no line for {missing[0]} in its first column, {key}; each image needs one.")
    order = [line[name] for name in names]
    return {name: column[order] for name, column in columns}


def decoded(
    folder: Path, names: Sequence[str], skip_corrupt: bool, **settings: Any
) -> tuple[UInt8[np.memmap, "n height width *channels"], Int[np.ndarray, " n"]]:
    """The images of these names, `fitted` by the settings, and which they are: all of them, but for corrupt ones."""
    if not names:
        raise InputError(f"{folder} holds no .png or .jpg files.")
    about = {"folder": str(folder.resolve()), "skip_corrupt": skip_corrupt} | settings
    files = [(name, stat.st_size, stat.st_mtime_ns) for name in names for stat in [(folder / name).stat()]]
    cache = cache_folder() / "images" / sha256(repr((about, files)).encode()).hexdigest()[:32]
    found = cache.with_suffix(".json")
    if not cache.exists():
        with draft(cache) as file, file.open("wb") as out:
            write_json(found, about | _decode(out, folder, names, skip_corrupt, settings))
    shape, skipped = (read_json(found)[name] for name in ("shape", "skipped"))
    if skipped:
        some = ", ".join(skipped[:5]) + (" ..." if len(skipped) > 5 else "")
        warnings.warn(f"{len(skipped)} of {len(names)} images in {folder} are corrupt and left out: {some}", stacklevel=3)
    return np.memmap(cache, np.uint8, "r", shape=tuple(shape)), np.flatnonzero(~np.isin(names, skipped))


def _decode(out: Any, folder: Path, names: Sequence[str], skip_corrupt: bool, settings: dict[str, Any]) -> dict[str, Any]:
    """Write the bytes of the images, one after the other; their shape, and the names of corrupt ones, which are left out."""
    shape, first, skipped, console = None, "", [], Console()
    for name in track(names, f"decoding {folder.name}", console=console, disable=not console.is_terminal):
        try:
            row = fitted(folder / name, **settings)
        except InputError:
            raise
        except CORRUPT as error:
            if not skip_corrupt:
                raise InputError(f"{folder / name} is corrupt or no image; skip_corrupt=True leaves such out.") from error
            skipped.append(name)
            continue
        if shape is None:
            shape, first = row.shape, name
        if row.shape != shape:
            raise InputError(
                f"{first} in {folder} has the shape {shape} and {name} {row.shape}; all must agree: resize and size make them "
                "of one size, mode makes them grey or coloured."
            )
        out.write(row.tobytes())
    if shape is None:
        raise InputError(f"none of the {len(names)} images in {folder} can be read.")
    return {"shape": [len(names) - len(skipped), *shape], "skipped": skipped}


def fitted(
    path: Path, resize: int | None = None, size: int | None = None, mode: Mode | None = None
) -> UInt8[np.ndarray, "height width *channels"]:
    """An image, made grey or coloured, its shorter side scaled to `resize` pixels, and cut to a square in its middle.

    Raises:
        InputError: if it has more than 8 bits a value, another mode than L or RGB and none is asked for, or is too small.
        Exception: one of `CORRUPT`, if it cannot be read.
    """
    with Image.open(path) as image:
        image.load()
    if image.mode.startswith(("I", "F")):
        raise InputError(f"{path} is of mode {image.mode}; images of 8 bits a value are needed.")
    if mode is not None:
        image = image.convert(mode)
    if image.mode not in get_args(Mode):
        raise InputError(f"{path} is of mode {image.mode}; mode='L' makes all images grey and mode='RGB' coloured.")
    if resize is not None:
        width, height = (int(resize * side / min(image.size)) for side in image.size)
        image = image.resize((width, height), Image.Resampling.BILINEAR)
    if size is not None:
        if min(image.size) < size:
            raise InputError(f"{path} is {image.size[0]} x {image.size[1]}, too small for size={size}; resize can enlarge it.")
        left, top = (round((side - size) / 2) for side in image.size)
        image = image.crop((left, top, left + size, top + size))
    return np.asarray(image)
