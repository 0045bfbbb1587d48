"""Trees of arrays and JSON on disk: whole or not at all, and read without running code."""

import json
import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from typing import Any

try:
    import fcntl
except ImportError:  # Windows: two processes are not kept apart there
    fcntl = None

import jax
import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save as to_bytes

from .errors import InputError, brief, short, visible

TICK = re.compile(r"\$\\mathdefault\{[^$]*\}\$|")  # as matplotlib writes powers of ten
TEXT_BYTES = 1 << 26  # of a text that is read whole


def cache_folder() -> Path:
    """Where what can be made again is kept between calls: the folder `unentangle` in the user's cache folder."""
    try:
        return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "unentangle"
    except RuntimeError:  # nobody's home is known
        return Path(tempfile.gettempdir()) / "unentangle"


@contextmanager
def draft(path: Path) -> Iterator[Path]:
    """A file to write that takes the name of `path` at the end, and is gone after an error.

    Whoever reads `path` sees the old content or the new one, never a part.

    Raises:
        OSError: if it cannot be written, as on a full disk; it names `path`.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    file = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        yield file
        with file.open("rb+") as written:
            os.fsync(written.fileno())
        file.replace(path)
    except OSError as error:
        if error.errno and error.filename in (None, str(file)):
            raise OSError(error.errno, os.strerror(error.errno), str(path)) from error
        raise
    finally:
        with suppress(OSError):
            file.unlink(missing_ok=True)


def sweep(folder: Path) -> None:
    """Remove the drafts that killed processes have left in a folder."""
    for file in folder.glob(".*.tmp"):
        number = file.name.split(".")[-2]
        if number.isdigit() and not _runs(int(number)):
            file.unlink(missing_ok=True)


def _runs(process: int) -> bool:
    if os.name != "posix":
        return True
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        pass
    return process > 0


@contextmanager
def alone(folder: Path, stays: bool = True) -> Iterator[None]:
    """Keep other processes out of a folder, which `stays` or not, until the block or this process ends; sweep it (`sweep`).

    Raises:
        InputError: if another one is in it, or at the end, if somebody has removed it.
    """
    sweep(folder)
    if fcntl is None:
        yield
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise InputError(f"{folder} is being written by another process; wait for it, or give another name.") from error
        except OSError:
            pass  # a file system without locks
        yield
        if stays and folder.exists() and not os.path.samestat(folder.stat(), os.fstat(handle)):
            raise InputError(f"{folder} was removed by somebody while it was written; give the same command again.")
    finally:
        os.close(handle)


def write(path: Path, content: bytes | str) -> None:
    """Write a file, whole or not at all."""
    with draft(path) as file:
        file.write_bytes(content.encode() if isinstance(content, str) else content)


def write_json(path: Path, content: Any) -> None:
    """Write JSON, indented, for people to read too; numbers that are not finite become null."""
    write(path, json.dumps(plain(content), indent=2) + "\n")


def save(figure: Any, path: Path) -> None:
    """Write a figure of matplotlib as PNG, and close it. Words are names, which may hold a $: they are never formulas."""
    import matplotlib.pyplot as plt
    from matplotlib.text import Text

    for text in figure.findobj(Text):
        words = text.get_text()
        text.set_text(visible(words))
        text.set_parse_math(bool(TICK.fullmatch(words)))
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


def digest(content: Any) -> str:
    """A short name for JSON."""
    return sha256(json.dumps(plain(content), sort_keys=True).encode()).hexdigest()[:16]


def read_text(path: Path) -> str:
    """Read a text.

    Raises:
        InputError: if it is missing, no file, too large or no UTF-8.
    """
    if not path.exists():
        raise InputError(f"{path} does not exist.")
    if not path.is_file():
        raise InputError(f"{path} is no file; move it away.")
    if path.stat().st_size > TEXT_BYTES:
        raise InputError(f"{path} has {path.stat().st_size >> 20} MiB, which nothing of unentangle has; move it away.")
    try:
        return path.read_bytes().decode()
    except (ValueError, OSError) as error:
        raise InputError(f"{path} cannot be read as text: {brief(error)}.") from error


def read_json(path: Path, kind: Any = object, what: str = "content that is needed") -> Any:
    """Read JSON of a kind (`misfit`).

    Raises:
        InputError: if it is missing, damaged, or not of this kind.
    """
    text = read_text(path)
    try:
        content = json.loads(text, parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path} is not readable JSON: {brief(error)}.") from error
    if problem := misfit(content, kind):
        raise InputError(f"{path} does not hold the {what}: {problem}; give the command that made it again, or remove it.")
    return content


def _refuse(constant: str) -> None:
    raise ValueError(f"it holds {constant}")


def misfit(content: Any, kind: Any, where: str = "it") -> str:
    """Why JSON is not of a kind, or "".

    Args:
        content: of JSON.
        kind: a type or a tuple of types; [kind] for a list of one or more; or {name: kind} for an object, where a name that
            may be missing ends in "?", and "*" stands for all others.
        where: what the words begin with.
    """
    if isinstance(kind, list):
        if not isinstance(content, list) or not content:
            return f"{where} is {_found(content)}, where a list is needed"
        return next(filter(None, (misfit(each, kind[0], f"an entry of {where}") for each in content)), "")
    if isinstance(kind, dict):
        if not isinstance(content, dict):
            return f"{where} is {_found(content)}, where an object is needed"
        kinds = {name.rstrip("?"): inner for name, inner in kind.items()}
        for name in kind.keys() - {f"{name}?" for name in kinds} - {"*"} - content.keys():
            return f"{where} has no {name}"
        for name, value in content.items():
            if name not in kinds and "*" not in kinds:
                return f"{where} has a {short(repr(name), 40)}, which is unknown"
            if problem := misfit(value, kinds.get(name, kinds.get("*")), f"its {short(name, 40)}"):
                return problem
        return ""
    wrong = isinstance(content, bool) and kind not in (bool, object)
    return f"{where} is {_found(content)}" if wrong or not isinstance(content, kind) else ""


def _found(content: Any) -> str:
    names = {dict: "an object", list: "a list", type(None): "null"}
    return names.get(type(content)) or short(repr(content), 40)


def write_tree(path: Path, tree: Any, about: dict[str, Any]) -> None:
    """Write the arrays of a tree as safetensors, each under its path in the tree, with JSON about them in the header.

    The header has one entry, because safetensors writes several in any order: equal trees are equal bytes.
    """
    import equinox as eqx

    arrays = {name: np.asarray(a, order="C") for name, a in _named(eqx.filter(tree, eqx.is_array)).items()}
    about = plain(about)
    about["digest"] = _digest(json.dumps(about), arrays)
    write(path, to_bytes(arrays, metadata={"about": json.dumps(about)}))


def read_about(path: Path) -> dict[str, Any]:
    """The JSON in the header of a file that `write_tree` wrote.

    Raises:
        InputError: if the file is missing, truncated or no such file.
    """
    with _opened(path) as file:
        return _description(file)[0]


def read_tree(path: Path, like: Any) -> Any:
    """Read arrays into a tree of the same structure, shapes and types, whose leaves may be shapes only.

    Raises:
        InputError: if the file is missing, damaged or no such file, or an array is missing, unknown or of another shape.
    """
    import equinox as eqx

    with _opened(path) as file:
        arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  (not a mapping)
        _, text, written = _description(file)
        if written != _digest(text, arrays):
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


def _description(file: Any) -> tuple[dict[str, Any], str, str]:
    """What the header says, as an object and as text, and the checksum of the file."""
    text, other = file.metadata()["about"], file.metadata().get("digest")
    about = json.loads(text)
    if not isinstance(about, dict):
        raise TypeError("its description is no object")
    if other is not None:  # a file of format 5
        return about, text, other
    written = about.pop("digest")
    return about, json.dumps(about), written


def _digest(about: str, arrays: dict[str, np.ndarray]) -> str:
    """A checksum: it tells whether a bit of a file has changed since it was written."""
    digest = sha256(about.encode())
    for name in sorted(arrays):
        digest.update(arrays[name].tobytes())
    return digest.hexdigest()


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    if not path.is_file():
        raise InputError(f"{path} {'is no file; move it away' if path.exists() else 'does not exist'}.")
    try:
        with safe_open(path, framework="numpy") as file:
            yield file
    except InputError:
        raise
    except (SafetensorError, OSError, KeyError, ValueError, TypeError, AttributeError, RecursionError) as error:
        raise InputError(f"{path} is truncated, or not a file written by unentangle ({brief(error)}).") from error
