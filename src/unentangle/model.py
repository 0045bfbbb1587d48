"""A trained model: encode, decode, reconstruct, swap, interpolate, save, load."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, is_dataclass
from functools import partial
from hashlib import sha256
from pathlib import Path
from types import CellType, CodeType, FunctionType, MethodType
from typing import Any, Literal

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from .data.dataset import Dataset, Scale, evenly
from .data.transforms import Chain, restored
from .errors import InputError, brief
from .export import write_pieces
from .methods import METHODS
from .methods.protocol import Method, Trained, numbers_of
from .schedules import SCHEDULES
from .storage import read_about, read_tree, write_tree

FORMAT = 4  # what is written
READ = (3, 4)  # what is read: 3 knows no transforms; in 1 and 2 SymAE's default nets were others


@dataclass(frozen=True, eq=False)
class Model:
    """A trained net with its method, on raw rows: transforms and standardising are inside, and undone on output."""

    method: Method
    trained: Trained
    seed: int

    def encode(self, data: Any) -> Any:
        """The codes of a data set, or of an array of rows.

        For SymAE, `Codes(coherent (groups, p), nuisance (rows, q), group (rows,))`: groups may have any size. For the others,
        an array (rows, m); VAEs give the mean of q(z|x).
        """
        return self.method.encode(self.trained, self.view(data))

    def decode(self, codes: Any) -> Float[np.ndarray, "rows ..."]:
        """The rows that these codes stand for, in the units of the data."""
        return self.method.decode(self.trained, codes)

    def reconstruct(self, data: Any) -> Float[np.ndarray, "rows ..."]:
        """Encode and decode."""
        return self.method.reconstruct(self.trained, self.view(data))

    def swap(
        self, state: Any, style: Any, pairs: Literal["all", "each"] = "all", latents: Sequence[int] | None = None
    ) -> Float[np.ndarray, "..."]:
        """Virtual data: the state of some groups under the nuisance of some rows (redatuming, section 2.4 of the SymAE paper).

        For methods with one code per row: the rows of `state`, with the named latents taken from the rows of `style`.

        Args:
            state: a data set or `Codes`, whose groups give the coherent codes, or coherent codes (states, p).
            style: a data set or `Codes`, whose rows give the nuisance codes, or nuisance codes (styles, q).
            pairs: "all" gives every state under every style, (states, styles, *row); "each" the first with the first, the
                second with the second and so on, (rows, *row).
            latents: which latents come from `style`, for methods with one code per row.
        """
        if pairs not in ("all", "each"):
            raise InputError(f"pairs={pairs!r} is unknown; it is all or each.")
        state, style = (self.view(given) if isinstance(given, Dataset) else given for given in (state, style))
        return self._verb("swap")(self.trained, state, style, pairs, latents)

    def traverse(
        self, data: Any, row: int = 0, latents: Sequence[int] | None = None, points: int = 10
    ) -> Float[np.ndarray, "latents points ..."]:
        """One row of the data decoded again and again, while one latent at a time goes from its least to its greatest value.

        Args:
            data: the rows that the ranges of the latents come from.
            row: the row to start from.
            latents: which latents; by default all.
            points: evenly spaced values of each.
        """
        data = self.view(data)
        if not 0 <= row < len(data) or points < 2:
            raise InputError(f"row={row} and points={points}; a row below {len(data)} and 2 points or more are needed.")
        return self._verb("traverse")(self.trained, data, row, latents, points)

    def _verb(self, name: str) -> Callable[..., Any]:
        if not hasattr(self.method, name):
            raise InputError(f"{type(self.method).__name__} has no verb {name}.")
        return getattr(self.method, name)

    def interpolate(
        self,
        data: Any,
        position: Any = None,
        at: Any = None,
        path: Literal["spline", "geodesic"] = "spline",
        among: Any = None,
    ) -> Float[np.ndarray, "points ..."]:
        """Decode a path through the nuisance codes of one group's instances, with its coherent code (section 4.1).

        Args:
            data: the instances of one group, two or more.
            position: where on the path each instance lies, (n,) different numbers, such as its shift; by default 0, 1, 2, ...
            at: where to decode, (points,); by default 10 places between any two instances. A spline goes on beyond them, a
                geodesic ends there.
            path: "spline", the natural cubic spline of section 4.1; or "geodesic", from each instance to the next the path on
                which the decoded rows change least (`geodesics`).
            among: rows whose nuisance codes geodesics keep near: without them, the shortest path is often to fade one instance
                out and the other in. Of more than 2,000 rows, as many are taken.
        """
        data = self.view(data)
        if path not in ("spline", "geodesic"):
            raise InputError(f"path={path!r} is unknown; it is spline or geodesic.")
        if among is not None:
            if path != "geodesic":
                raise InputError("among is for geodesics; a spline runs through the instances and keeps near nothing else.")
            among = self.view(among)
            among = among.take(evenly(len(among), 2000))
        x = Dataset(data.x, groups=np.zeros(len(data), int), transforms=data.transforms)
        position = np.arange(len(data)) * 1.0 if position is None else np.asarray(position, float)
        if len(data.group_names) > 1 and data.groups is not None:
            raise InputError(f"there are {len(data.group_names)} groups; the path runs through the instances of one.")
        if len(data) < 2 or position.shape != (len(data),) or len(np.unique(position[np.isfinite(position)])) < len(data):
            raise InputError(f"position has shape {position.shape}; {len(data)} different numbers are needed, and at least 2.")
        order = np.argsort(position)
        at = (
            np.linspace(position[order[0]], position[order[-1]], 10 * (len(data) - 1) + 1)
            if at is None
            else np.asarray(at, float)
        )
        if not np.isfinite(at).all():
            raise InputError("at holds NaN or infinity; every place on the path must be a finite number.")
        return self._verb("interpolate")(self.trained, x.take(order), position[order], np.atleast_1d(at), path, among)

    def view(self, data: Any) -> Dataset:
        """A data set, or an array of rows, through the transforms of this model.

        Raises:
            InputError: if the raw rows have another shape than the model was trained on, or other transforms.
        """
        data, chain = data if isinstance(data, Dataset) else Dataset(data), self.trained.chain
        if data.chain.shape != chain.shape:
            raise InputError(f"the rows have shape {data.chain.shape}; this model was trained on rows of {chain.shape}.")
        data = data if data.transforms else data.through(*chain.transforms)
        if data.transforms != chain.transforms:
            raise InputError(f"the data goes through {data.transforms}; this model was trained through {chain.transforms}.")
        return data

    def export(self, folder: str | Path) -> list[Path]:
        """Write the encoders and the decoder as ONNX files, for any number of rows; needs the extra `onnx`.

        SymAE: features.onnx (rows -> what CEnc1 makes of them), coherent.onnx (features (groups, instances, ...) and which of
        them are real -> coherent codes), nuisance.onnx (rows -> nuisance codes) and decoder.onnx (both codes -> rows).
        Others: encoder.onnx (rows -> codes) and decoder.onnx (codes -> rows). Rows are float32 in the units of the data, after
        the model's transforms: standardising is inside, the transforms are not. Where each row is standardised by itself, the
        level that comes out of an encoder goes into the decoder.
        """
        return write_pieces(self._verb("pieces")(self.trained), self.trained, Path(folder))

    # -- on disk ----------------------------------------------------------------------------------------------------------

    def save(self, path: str | Path) -> None:
        """Write a `.safetensors` file: the arrays, and in its header everything else as JSON."""
        net, state, scale, chain = self.trained
        about = {
            "format": FORMAT,
            "method": describe(self.method),
            "shape": chain.shape,
            "transforms": chain.described(),
            "scale": scale._asdict(),
            "seed": self.seed,
        }
        write_tree(Path(path), (net, state), about)

    @classmethod
    def load(cls, path: str | Path, method: Method | None = None) -> "Model":
        """Read a model. No code is run from the file.

        A model with your own nets or functions needs the `method` it was trained with, because a file holds no code.

        Raises:
            InputError: if the file is missing, truncated, of another format, or does not fit its method.
        """
        path = Path(path)
        about = read_about(path)
        try:
            if about["format"] not in READ:
                raise InputError(f"{path} has format {about['format']}; this version reads {', '.join(map(str, READ))}.")
            method = method or restore(about["method"])
            raw, level = tuple(about["shape"]), about["scale"]
            if not (1 <= len(raw) <= 3 and all(type(n) is int and 0 < n < 1 << 31 for n in raw)):
                raise InputError("its rows have an impossible shape.")
            chain = Chain(raw, restored(about.get("transforms", [])))
            shape = chain.row_shape
            scale = Scale(float(level["mean"]), float(level["std"]), int(level.get("row_axes", 0)))
            seed = int(about["seed"])
            if not (0 < scale.std < np.inf and np.isfinite(scale.mean) and scale.row_axes in (0, len(shape))):
                raise InputError("its rows have an impossible scale.")
            like = eqx.filter_eval_shape(method.init, shape, jax.random.key(0))
        except (KeyError, TypeError, ValueError, ArithmeticError) as error:
            if isinstance(error, InputError):
                raise InputError(f"{path} cannot be read: {brief(error)}") from error
            raise InputError(f"{path} is not a model: its description lacks or spoils {brief(error)}.") from error
        net, state = read_tree(path, like)
        return cls(method, Trained(eqx.nn.inference_mode(net), state, scale, chain), seed)

    def __repr__(self) -> str:
        return f"Model({self.method!r}, rows of {self.trained.chain.shape}, seed {self.seed})"


def describe(value: Any) -> Any:
    """A method, a schedule or a number as JSON; what is Python-only becomes {"python": its name, "digest": of its content}."""
    if hasattr(value, "dtype") and np.ndim(value) == 0:
        return value.item()
    if isinstance(value, Method) and is_dataclass(value):
        numbers = numbers_of(value)
        plain = {n: float(v) if n in numbers and isinstance(v, int) else v for n, v in _fields(value).items()}
        return {"name": type(value).__name__} | {name: describe(v) for name, v in plain.items()}
    schedules = {kind: name for name, kind in SCHEDULES.items()}
    if type(value) in schedules:
        said = {name: v for name, v in _fields(value).items() if name != "since" or v}  # as before there was a `since`
        return {"schedule": schedules[type(value)]} | {name: describe(v) for name, v in said.items()}
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if type(value) in (list, tuple):
        return [describe(v) for v in value]
    content = repr(_content(value, ())).encode()
    return {
        "python": getattr(value, "__qualname__", type(value).__qualname__),
        "digest": sha256(content).hexdigest()[:16],
    }


def _fields(value: Any) -> dict[str, Any]:
    return {f.name: getattr(value, f.name) for f in fields(value)}


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


FORMER = {"SymAE": {"coincidence": 0.0, "blur": 0.0}}
"""What was so where a file does not say it, because the method had no such number yet."""


def restore(described: dict[str, Any]) -> Method:
    """The inverse of `describe` for a method."""
    kinds = {kind.__name__: kind for kind in METHODS.values()}
    settings = dict(described)
    name = settings.pop("name")
    if name not in kinds:
        raise InputError(f"the method {name!r} is unknown; there is {', '.join(kinds)}.")
    settings = FORMER.get(name, {}) | settings
    if unknown := settings.keys() - {f.name for f in fields(kinds[name])}:
        raise InputError(f"{name} has no {', '.join(sorted(unknown))}.")
    for f in fields(kinds[name]):
        if isinstance(f.default, bool) and not isinstance(settings.get(f.name, f.default), bool):
            raise InputError(f"{name} has a {f.name} that is neither true nor false.")
    return kinds[name](**{field: _restore_number(field, value) for field, value in settings.items()})


def _restore_number(field: str, value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    if "python" in value:
        raise InputError(f"its {field} is Python code ({value['python']}), which a file cannot hold; load it with method=.")
    return SCHEDULES[value["schedule"]](**{k: v for k, v in value.items() if k != "schedule"})
