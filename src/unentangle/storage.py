"""Trees of arrays and JSON on disk: whole or not at all, and read without running code."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from typing import Any

import jax
import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save as to_bytes

from .errors import InputError, brief


def cache_folder() -> Path:
    """Where what can be made again is kept between calls: the folder `unentangle` in the user's cache folder."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "unentangle"


@contextmanager
def draft(path: Path) -> Iterator[Path]:
    """A file to write that takes the name of `path` at the end, and is gone after an error.

    Whoever reads `path` sees the old content or the new one, never a part.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    file = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        yield file
        with file.open("rb+") as written:
            os.fsync(written.fileno())
        file.replace(path)
    finally:
        file.unlink(missing_ok=True)


def write(path: Path, content: bytes | str) -> None:
    """Write a file, whole or not at all."""
    with draft(path) as file:
        file.write_bytes(content.encode() if isinstance(content, str) else content)


def write_json(path: Path, content: Any) -> None:
    """Write JSON, indented, for people to read too; numbers that are not finite become null."""
    write(path, json.dumps(plain(content), indent=2) + "\n")


def save(figure: Any, path: Path) -> None:
    """Write a figure of matplotlib as PNG, and close it."""
    import matplotlib.pyplot as plt

    buffer = BytesIO()
    figure.savefig(buffer, dpi=110)
    plt.close(figure)
    write(path, buffer.getvalue())


def plain(content: Any) -> Any:
    """What reading the JSON of this content gives back."""
    match content:
        case dict():
            return {str(k): plain(v) for k, v in content.items()}
        case list() | tuple() | np.ndarray():
            return [plain(v) for v in content]
        case np.generic():
            return plain(content.item())
        case float():
            return content if np.isfinite(content) else None
        case Path():
            return str(content)
    return content


def read_json(path: Path) -> Any:
    """Read JSON.

    Raises:
        InputError: if it is missing or damaged.
    """
    try:
        return json.loads(path.read_text())
    except FileNotFoundError as error:
        raise InputError(f"{path} does not exist.") from error
    except (ValueError, OSError) as error:
        raise InputError(f"{path} is not readable JSON: {error}.") from error


def write_tree(path: Path, tree: Any, about: dict[str, Any]) -> None:
    """Write the arrays of a tree as safetensors, each under its path in the tree, with JSON about them in the header."""
    import equinox as eqx

    arrays = {name: np.asarray(a, order="C") for name, a in _named(eqx.filter(tree, eqx.is_array)).items()}
    text = json.dumps(plain(about))
    write(path, to_bytes(arrays, metadata={"about": text, "digest": _digest(text, arrays)}))


def read_about(path: Path) -> dict[str, Any]:
    """The JSON in the header of a file that `write_tree` wrote.

    Raises:
        InputError: if the file is missing, truncated or no such file.
    """
    with _opened(path) as file:
        if not isinstance(about := json.loads(file.metadata()["about"]), dict):
            raise TypeError("its description is no object")
        return about


def read_tree(path: Path, like: Any) -> Any:
    """Read arrays into a tree of the same structure, shapes and types, whose leaves may be shapes only.

    Raises:
        InputError: if the file is missing, damaged or no such file, or an array is missing, unknown or of another shape.
    """
    import equinox as eqx

    with _opened(path) as file:
        arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  (not a mapping)
        if file.metadata()["digest"] != _digest(file.metadata()["about"], arrays):
            raise InputError(f"{path} is damaged: it holds other bytes than were written.")
    wanted, rest = eqx.partition(like, lambda leaf: eqx.is_array(leaf) or isinstance(leaf, jax.ShapeDtypeStruct))
    names = _named(wanted)
    for name in sorted(set(names) ^ set(arrays)):
        raise InputError(f"{path} does not fit: {name} is {'missing from' if name in names else 'unknown, yet in'} the file.")
    for name, leaf in names.items():
        array = arrays[name]
        if array.shape != leaf.shape or array.dtype != leaf.dtype:
            raise InputError(f"{path} does not fit: {name} is {array.dtype}{array.shape}; {leaf.dtype}{leaf.shape} is needed.")
    leaves = [jax.device_put(arrays[name]) for name in names]
    return eqx.combine(jax.tree.unflatten(jax.tree.structure(wanted), leaves), rest)


def _named(tree: Any) -> dict[str, Any]:
    leaves, _ = jax.tree_util.tree_flatten_with_path(tree)
    return {jax.tree_util.keystr(path, simple=True, separator="."): leaf for path, leaf in leaves}


def _digest(about: str, arrays: dict[str, np.ndarray]) -> str:
    """A checksum: it tells whether a bit of a file has changed since it was written."""
    digest = sha256(about.encode())
    for name in sorted(arrays):
        digest.update(arrays[name].tobytes())
    return digest.hexdigest()


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    if not path.is_file():
        raise InputError(f"{path} does not exist.")
    try:
        with safe_open(path, framework="numpy") as file:
            yield file
    except InputError:
        raise
    except (SafetensorError, OSError, KeyError, ValueError, TypeError, AttributeError, RecursionError) as error:
        raise InputError(f"{path} is truncated, or not a file written by unentangle ({brief(error)}).") from error
