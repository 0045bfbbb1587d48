"""Folders of images: decoded once, to one size, into one file of bytes that stays on disk."""

import os
import struct
import sys
import time
import warnings
import zlib
from collections.abc import Sequence
from contextlib import suppress
from hashlib import sha256
from math import prod
from numbers import Integral
from pathlib import Path
from typing import Any, get_args

import numpy as np
from jaxtyping import Int, Real

from ..data.dataset import Dataset, Factors
from ..errors import InputError, Note, brief
from ..progress import track
from ..reading import Mode
from ..storage import cache_folder, draft, read_json, write_json
from .arrays import check_size, files_in
from .columns import read_csv
from .keys import composed

SUFFIXES = (".bmp", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp")
KEPT, DAYS = 8 << 30, 30  # bytes of decoded images that stay in the cache, and how long they do without being asked for


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
    """The images (`SUFFIXES`) of a folder and of the folders in it, sorted by name; hidden ones are left out.

    The images are decoded at the first call and kept as bytes in the user's cache folder (`storage.cache_folder`), where
    later calls find them as long as folder and settings are the same.

    Args:
        folder: where the images are.
        factors: a `.csv` with a line of names, then one line for each image: its file name in the folder, and its factors.
        groups: the column of it that holds the group keys.
        resize: scale each image so that its shorter side has so many pixels (bilinear, as torchvision's Resize).
        size: then take a square of so many pixels from the middle (as torchvision's CenterCrop).
        mode: make all images grey ("L") or coloured ("RGB"). Without it they must be the one or the other; grey ones may have
            more than 8 bits, which stay.
        skip_corrupt: leave out images that cannot be read, with a warning.

    Returns:
        rows (n, height, width, 3) of coloured images, (n, height, width) of grey ones, or (n, height, width, 1) where these are
        not square, as two axes that differ would be a signal and its channels; uint8 or what they hold, mapped from disk.

    Raises:
        InputError: if there are no images, one is corrupt or much larger than its file, they differ in size or mode, or one is
            not in `factors`, or the cache folder cannot be written.
    """
    for setting, value in (("resize", resize), ("size", size)):
        if value is not None and (not isinstance(value, Integral) or value < 1):
            raise InputError(f"{setting}={value!r}; a whole number of at least 1 is needed.")
    if mode not in (None, *get_args(Mode)):
        raise InputError(f"mode={mode!r}; one of {', '.join(map(repr, get_args(Mode)))} is needed, or None.")
    folder = Path(folder).expanduser()
    if not folder.is_dir():
        raise InputError(f"{folder} {'is a file' if folder.exists() else 'does not exist'}; a folder of images is needed.")
    names = image_files(folder)
    columns = {} if factors is None else table(Path(factors).expanduser(), names)
    if groups is not None and groups not in columns:
        raise InputError(
            f"groups={groups!r}; {factors or 'no .csv of factors'} has the columns {', '.join(columns) or 'none'}."
        )
    x, readable = decoded(folder, names, skip_corrupt, resize=resize, size=size, mode=mode)
    known = Factors(columns).take(readable)
    return Dataset(x, known, None if groups is None else known[groups])


def image_files(folder: Path) -> list[str]:
    """The names of all images in a folder and the folders in it, sorted; hidden ones are left out."""
    return sorted(name.as_posix() for name in files_in(folder, SUFFIXES))


def table(path: Path, names: Sequence[str]) -> dict[str, np.ndarray]:
    """The columns of a `.csv` whose first column is a name, in the order of the names.

    Raises:
        InputError: if the file cannot be read, or has no line of some name, or two, or none of the columns' names.
    """
    (key, lines), *columns = read_csv(path).items()
    if key.lower().endswith(SUFFIXES):
        raise InputError(f"{path} begins with a line for {key}; a line with the names of the columns is needed before it.")
    line: dict[str, int] = {}
    for number, name in enumerate(map(composed, lines.astype(str))):
        if line.setdefault(name, number) != number:
            raise InputError(f"{path} has two lines for {name}; one is needed.")
    order = [line.get(composed(name), -1) for name in names]
    if -1 in order:
        raise InputError(f"{path} has no line for {names[order.index(-1)]} in its first column, {key}; each image needs one.")
    return {name: column[order] for name, column in columns}


def decoded(
    folder: Path, names: Sequence[str], skip_corrupt: bool, **settings: Any
) -> tuple[Real[np.memmap, "n height width *channels"], Int[np.ndarray, " n"]]:
    """The images of these names, `fitted` by the settings, and which they are: all of them, but for corrupt ones."""
    if not names:
        raise InputError(f"{folder} holds no images, which are files of {', '.join(SUFFIXES)}.")
    import PIL

    files = [(name, *_size_and_time(folder / name)) for name in names]
    about = {"folder": str(folder.resolve()), "pillow": PIL.__version__} | settings
    cache = cache_folder() / "images" / sha256(repr((about, files)).encode()).hexdigest()[:32]
    try:
        shape, dtype, skipped = _cached(cache)
    except InputError:
        try:
            with draft(cache) as file, file.open("wb") as out:
                shape, dtype, skipped = _decode(out, folder, names, settings)
                write_json(cache.with_suffix(".json"), about | {"shape": shape, "dtype": dtype, "skipped": skipped})
            _prune(cache)
        except OSError as error:
            raise InputError(
                f"the decoded images cannot be kept in {cache.parent} ({error.strerror}); let the environment variable "
                "XDG_CACHE_HOME name another folder."
            ) from error
    if skipped:
        some = ", ".join(skipped[:5]) + (" ..." if len(skipped) > 5 else "")
        problem = f"{len(skipped)} of {len(names)} images in {folder} are corrupt or no images that Pillow decodes"
        if len(skipped) == len(names) or not skip_corrupt:
            raise InputError(f"{problem}: {some}; {'skip_corrupt=True leaves such out' if shape[0] else 'none is left'}.")
        warnings.warn(f"{problem} and left out: {some}", Note, stacklevel=3)
    return np.memmap(cache, dtype, "r", shape=tuple(shape)), np.flatnonzero(~np.isin(names, skipped))


def _size_and_time(path: Path) -> tuple[int, int]:
    """The size of a file, and when it was changed."""
    try:
        status = path.stat()
    except FileNotFoundError as error:
        raise InputError(f"{path} is a link to {path.readlink()}, which is not there.") from error
    return status.st_size, status.st_mtime_ns


def _cached(cache: Path) -> tuple[list[int], str, list[str]]:
    """The shape and type of images that were decoded before, and the names of corrupt ones.

    Raises:
        InputError: if they are not there as they were written.
    """
    about = read_json(cache.with_suffix(".json"))
    try:
        shape, dtype, skipped = about["shape"], np.dtype(about["dtype"]), about["skipped"]
        if cache.stat().st_size != prod(shape) * dtype.itemsize:
            raise ValueError("it is cut short")
    except (KeyError, TypeError, ValueError, OSError) as error:
        raise InputError(f"{cache} is not whole.") from error
    with suppress(OSError):
        os.utime(cache)  # asked for: it stays
    return shape, str(dtype), skipped


def _prune(latest: Path) -> None:
    """Remove decoded images that nobody asked for in `DAYS`, and the oldest beyond `KEPT` bytes; what is mapped stays so."""
    with suppress(OSError):
        about = {file: file.stat() for file in latest.parent.iterdir() if not file.suffix and file != latest}
        size = latest.stat().st_size
        for file in sorted(about, key=lambda file: -about[file].st_mtime):
            size += about[file].st_size
            if size > KEPT or time.time() - about[file].st_mtime > DAYS * 86400:
                file.unlink(missing_ok=True)
                file.with_suffix(".json").unlink(missing_ok=True)


def _decode(out: Any, folder: Path, names: Sequence[str], settings: dict[str, Any]) -> tuple[list[int], str, list[str]]:
    """Write the bytes of the images, one after the other; their shape and type, and the names of corrupt ones, left out."""
    # What Pillow raises where a file is cut short, altered or no image; the system's own errors have a number.
    corrupt = (OSError, SyntaxError, ValueError, EOFError, struct.error, zlib.error)
    shape, dtype, first, skipped = (), np.dtype(np.uint8), "", []
    for name in track(names, f"decoding {folder.name}", sys.stderr.isatty()):
        try:
            row = fitted(folder / name, **settings)
        except InputError:
            raise
        except corrupt as error:
            if isinstance(error, OSError) and error.errno is not None:
                raise InputError(f"{folder / name} cannot be read: {error.strerror}.") from error
            skipped.append(name)
            continue
        if not shape:
            shape, dtype, first = row.shape, row.dtype, name
        if row.shape != shape:
            raise InputError(
                f"{first} in {folder} has the shape {shape} and {name} {row.shape}; all must agree: --size N (size=N) makes "
                "them squares of N pixels, --mode L or RGB (mode=) grey or coloured."
            )
        if row.dtype != dtype:
            raise InputError(f"{first} in {folder} holds {dtype} and {name} {row.dtype}; all must have as many bits a value.")
        out.write(row.tobytes())
    flat = len(shape) == 2 and shape[0] != shape[1]
    return [len(names) - len(skipped), *shape, *[1] * flat], str(dtype), skipped


def fitted(
    path: Path, resize: int | None = None, size: int | None = None, mode: Mode | None = None
) -> Real[np.ndarray, "height width *channels"]:
    """An image, made grey or coloured, its shorter side scaled to `resize` pixels, and cut to a square in its middle.

    Grey images of more than 8 bits a value keep them.

    Raises:
        InputError: if it is of another mode than these and none is asked for, holds several pages or is much larger than its
            file, or if it is too small, or would lose bits.
        Exception: one of Pillow's, if it cannot be read.
    """
    from PIL import Image

    image = _loaded(path, mode)
    deep = image.mode.startswith(("I", "F"))
    if deep and mode is not None:
        raise InputError(
            f"{path} is of mode {image.mode}, which has more than 8 bits a value; leave mode out to read them, as for "
            f"mode={mode!r} images of 8 bits a value are needed."
        )
    if image.mode == "1":
        image = image.convert("L")
    if mode is not None:
        image = (image.convert("RGBA") if "transparency" in image.info else image).convert(mode)
    if not deep and image.mode not in get_args(Mode):
        raise InputError(
            f"{path} is of mode {image.mode}; mode='L' makes all images grey and mode='RGB' coloured (--mode L, --mode RGB)."
        )
    dtype = np.asarray(image).dtype
    if resize is not None:
        width, height = (int(resize * side / min(image.size)) for side in image.size)
        image = image if not deep else Image.fromarray(np.asarray(image, np.float32))
        image = image.resize((width, height), Image.Resampling.BILINEAR)
    if size is not None:
        if min(image.size) < size:
            raise InputError(f"{path} is {image.size[0]} x {image.size[1]}, too small for size={size}; resize can enlarge it.")
        left, top = (round((side - size) / 2) for side in image.size)
        image = image.crop((left, top, left + size, top + size))
    values = np.asarray(image)
    return values.astype(dtype) if dtype.kind == "f" or values.dtype == dtype else np.rint(values).astype(dtype)


def pages(path: Path) -> int:
    """How many pages an image has; 1 where that cannot be told."""
    from PIL import Image

    with suppress(Exception), Image.open(path) as image:
        return getattr(image, "n_frames", 1)
    return 1


def _loaded(path: Path, mode: Mode | None) -> Any:
    """An image of one page in memory, which it takes only if its file is not much smaller."""
    from PIL import Image

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # what is large is told from its file
        try:
            opened = Image.open(path)
        except Image.DecompressionBombError as error:
            raise InputError(f"{path} has more pixels than are read of an image ({brief(error)}).") from error
    with opened as image:
        wide = {"I": 4, "F": 4, "I;16": 2}
        check_size(path, image.width * image.height * wide.get(image.mode, len(image.getbands())), path.stat().st_size)
        if path.suffix.lower() in (".tif", ".tiff") and (count := getattr(image, "n_frames", 1)) > 1:
            raise InputError(f"{path} holds {count} pages, of which one would be an image; read that file by itself.")
        if image.format == "PNG" and image.mode not in ("I", "I;16") and mode is None:
            with path.open("rb") as file:
                if file.read(25)[24:] == b"\x10":
                    raise InputError(
                        f"{path} has colours of 16 bits a value, of which Pillow keeps 8; --mode L or RGB (mode=) takes these, "
                        "and a .npy file would keep all."
                    )
        image.load()
        return image
