"""Methods, terms, schedules and numbers as JSON, and back."""

from dataclasses import fields, is_dataclass
from functools import partial
from hashlib import sha256
from types import CellType, CodeType, FunctionType, MethodType
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ..errors import InputError
from ..schedules import SCHEDULES
from . import METHODS
from .protocol import Method, numbers_of
from .terms import TERMS, Term


def describe(value: Any) -> Any:
    """A method, a term, a schedule or a number as JSON; what is Python-only becomes {"python": its name, "digest": ...}."""
    if hasattr(value, "dtype") and np.ndim(value) == 0:
        return value.item()
    if isinstance(value, Term) and TERMS.get(value.name) is type(value):
        return {"term": value.name} | {name: describe(_number(v)) for name, v in _fields(value).items()}
    if hasattr(value, "players") and is_dataclass(value):
        numbers = numbers_of(value)  # pyright: ignore[reportArgumentType]
        plain = {name: _number(v) if name in numbers else v for name, v in _fields(value).items()}
        return {"name": type(value).__name__} | {name: describe(v) for name, v in plain.items()}
    schedules = {kind: name for name, kind in SCHEDULES.items()}
    if type(value) in schedules:
        return {"schedule": schedules[type(value)]} | {name: describe(v) for name, v in _fields(value).items()}
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if type(value) in (list, tuple):
        return [describe(v) for v in value]
    content = repr(_content(value, ())).encode()
    name = getattr(value, "__qualname__", type(value).__qualname__)
    return {"python": name, "digest": sha256(content).hexdigest()[:16]}


def restore(described: dict[str, Any]) -> Method:
    """The inverse of `describe` for a method.

    Raises:
        InputError: if the method is unknown, has other fields, or needs Python code.
    """
    kinds = {kind.__name__: kind for kind in METHODS.values()}
    name = described["name"]
    if name not in kinds:
        raise InputError(f"the method {name!r} is unknown; there is {', '.join(kinds)}.")
    return _built(kinds[name], name, {n: v for n, v in described.items() if n != "name"})


def _built(kind: Any, name: str, settings: dict[str, Any]) -> Any:
    if unknown := settings.keys() - {f.name for f in fields(kind) if f.compare is not False}:
        raise InputError(f"{name} has no {', '.join(sorted(unknown))}.")
    for f in fields(kind):
        if isinstance(f.default, bool) and not isinstance(settings.get(f.name, f.default), bool):
            raise InputError(f"{name} has a {f.name} that is neither true nor false.")
    return kind(**{field: _restored(field, value) for field, value in settings.items()})


def _restored(field: str, value: Any) -> Any:
    if isinstance(value, list):
        return tuple(_restored(field, v) for v in value)
    if not isinstance(value, dict):
        return value
    if "python" in value:
        raise InputError(f"its {field} is Python code ({value['python']}), which a file cannot hold; load it with method=.")
    rest = {k: v for k, v in value.items() if k not in ("term", "schedule")}
    if "term" in value:
        if value["term"] not in TERMS:
            raise InputError(f"the term {value['term']!r} is unknown; there is {', '.join(TERMS)}.")
        return _built(TERMS[value["term"]], value["term"], rest)
    return SCHEDULES[value["schedule"]](**rest)


def _number(value: Any) -> Any:
    return float(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _fields(value: Any) -> dict[str, Any]:
    """The fields that make a value what it is."""
    return {f.name: getattr(value, f.name) for f in fields(value) if f.compare is not False}


def _content(value: Any, above: tuple[int, ...]) -> Any:
    """What tells one piece of Python from another: a function's code, defaults and closure, an object's fields, arrays."""
    if id(value) in above:
        return "recursive"
    inside = partial(_contents, above=(*above, id(value)))
    match value:
        case CodeType():
            return [value.co_code, value.co_names, inside(value.co_consts)]
        case FunctionType():
            cells = [c.cell_contents for c in value.__closure__ or () if c != CellType()]
            return inside([value.__code__, value.__defaults__, value.__kwdefaults__, cells])
        case MethodType():
            return inside([value.__func__, value.__self__])
        case partial():
            return inside([value.func, value.args, value.keywords])
        case dict():
            return inside(value.items())
        case list() | tuple():
            return inside(value)
        case jax.Array() | np.ndarray() | np.generic():
            key: Any = value
            array = np.asarray(jax.random.key_data(key) if jnp.issubdtype(key.dtype, jax.dtypes.prng_key) else key)
            return [str(array.dtype), array.shape, array.tobytes()]
        case None | bool() | int() | float() | str() | bytes():
            return value
    name = getattr(value, "__qualname__", type(value).__qualname__)
    return [name, inside(_fields(value).items())] if is_dataclass(value) and not isinstance(value, type) else name


def _contents(parts: Any, above: tuple[int, ...]) -> list[Any]:
    return [_content(part, above) for part in parts]
