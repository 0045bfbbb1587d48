"""A trained model and all that is done with its codes, written once for all methods, against the schema of codes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.tree_util import Partial
from jaxtyping import Float

from .data.dataset import Dataset, Scale, evenly
from .data.transforms import Chain, restored
from .errors import InputError, brief, short
from .export import write_pieces
from .geodesics import geodesics
from .methods import codes as schema
from .methods.codes import Codes, Part, Trained, Under
from .methods.description import describe, restore
from .methods.protocol import Method, fresh
from .methods.terms.alignment import consistency_penalty
from .storage import read_about, read_tree, write_tree

FORMAT = 6
READS = (5, 6)  # of 5 the header has two entries, and names no run


@dataclass(frozen=True, eq=False)
class Model:
    """A trained net with its method, on raw rows: transforms and standardising are inside, and undone on output."""

    method: Method
    trained: Trained
    seed: int

    # -- codes ------------------------------------------------------------------------------------------------------------

    @property
    def parts(self) -> tuple[Part, ...]:
        """The schema of the codes."""
        return self.method.parts

    @property
    def grouped(self) -> bool:
        """Whether a part of the codes is one per group."""
        return any(part.per == "group" for part in self.parts)

    @property
    def single(self) -> str | None:
        """The name of the only part, if it is one per row: such codes are plain arrays."""
        return self.parts[0].name if len(self.parts) == 1 and not self.grouped else None

    def encode(self, data: Any) -> Any:
        """The codes of a data set, or of an array of rows.

        For SymAE, `Codes` with coherent (groups, p), nuisance (rows, q) and group (rows,): groups may have any size. For a
        method with a single part per row, an array (rows, m); VAEs give the mean of q(z|x).
        """
        codes = self.codes(data)
        return codes.by_row[self.single] if self.single else codes

    def codes(self, data: Any) -> Codes:
        """The codes as `Codes`, for every method. Each row is read once and goes through each net once."""
        data, trained = self.view(data), self.trained
        made = {"row": len(data), "group": len(data.group_names)}
        arrays = {part.name: np.empty((made[part.per], part.size), np.float32) for part in self.parts}
        level = np.empty((len(data), 2)) if trained.scale.row_axes else None
        for members, index, mask, rows in schema.whole_groups(data, 8 * trained.chunk) if self.grouped else schema.chunks(data):
            real = index[mask]
            if level is not None:
                level[real] = trained.scale.level(rows)
            rows = trained.scale.standardise(rows)
            for part in self.parts:
                assert part.encode
                values = trained.map(part.encode, rows)
                if part.per == "row":
                    arrays[part.name][real] = values
                else:
                    assert part.pool
                    padded = np.zeros((*mask.shape, *values.shape[1:]), np.float32)
                    padded[mask] = values
                    arrays[part.name][members] = trained.map(part.pool, padded, mask)
        by_group, by_row = ({p.name: arrays[p.name] for p in self.parts if p.per == per} for per in ("group", "row"))
        return Codes(by_group, by_row, data.group, level)

    def decode(self, codes: Any) -> Float[np.ndarray, "rows ..."]:
        """The rows that these codes stand for, in the units of the data.

        Args:
            codes: `Codes`; for a method with a single part per row also an array (rows, m).
        """
        if not isinstance(codes, Codes):
            if not self.single:
                raise InputError(f"codes is of type {type(codes).__name__}; the Codes of `encode` are needed.")
            rows = schema.array_of(self.parts[0], codes, "codes")
            codes = Codes({}, {self.single: rows}, np.arange(len(rows)))
        return self._decoded(schema.per_row(codes), codes.level)

    def _decoded(
        self, codes: Mapping[str, np.ndarray], level: np.ndarray | None, shared: Mapping[str, np.ndarray] | None = None
    ) -> Float[np.ndarray, "rows ..."]:
        """The rows of codes that are given for each row, and of `shared` ones (1, size), which are the same for all."""
        varying = (codes[p.name] for p in self.parts if p.name not in (shared or {}))
        return self.trained.restore(self.trained.map(self._under(shared or {}), *varying), level)

    def _under(self, shared: Mapping[str, np.ndarray]) -> Under:
        return Under(self.method.decode, tuple(jnp.asarray(shared[p.name]) if p.name in shared else None for p in self.parts))

    def reconstruct(self, data: Any) -> Float[np.ndarray, "rows ..."]:
        """Encode and decode."""
        return self.decode(self.codes(data))

    # -- virtual rows -----------------------------------------------------------------------------------------------------

    def swap(
        self,
        state: Any,
        style: Any,
        parts: str | Sequence[str] | Mapping[str, Any] | None = None,
        pairs: Literal["all", "each"] = "all",
    ) -> Float[np.ndarray, "..."]:
        """Virtual data: some parts of the codes from `style`, the rest from `state` (redatuming, section 2.4 of the SymAE
        paper).

        Args:
            state: a data set or `Codes`; or an array of the one part that it gives. It counts by groups if it gives parts per
                group only, else by rows.
            style: likewise.
            parts: names of the parts that come from `style`, or {name: numbers of the part}. By default all parts per row, if
                another is per group: the state of a group under the nuisance of a row.
            pairs: "all" gives every state under every style, (states, styles, *row); "each" the first with the first, the
                second with the second and so on, (rows, *row).
        """
        if pairs not in ("all", "each"):
            raise InputError(f"pairs={pairs!r} is unknown; it is all or each.")
        taken = self.taken(parts)
        rest = [p for p in self.parts if len(taken.get(p.name, ())) < p.size]
        base, base_level = self._side(state, "state", rest or self.parts)
        other, level = self._side(style, "style", [p for p in self.parts if p.name in taken])
        own = any(p.per == "row" for p in rest)
        if own:  # the level of a row goes with what comes from the row
            level = base_level
        states, styles = (len(next(iter(side.values()))) for side in (base, other))
        i, j = np.arange(states), np.arange(styles)
        if pairs == "each":
            if states != styles:
                raise InputError(f"there are {states} states and {styles} styles; pairs='each' needs as many.")
            return self._decoded(schema.mixed(base, other, taken), level)
        if not own and not base.keys() & taken.keys():  # a decoder does once what depends on the group alone
            return np.stack([self._decoded(other, level, {name: part[[k]] for name, part in base.items()}) for k in i])
        i, j = np.repeat(i, styles), np.tile(j, states)
        codes = schema.mixed(
            {name: part[i] for name, part in base.items()}, {name: part[j] for name, part in other.items()}, taken
        )
        rows = self._decoded(codes, None if level is None else level[i if own else j])
        return rows.reshape(states, styles, *rows.shape[1:])

    def traverse(
        self, data: Any, row: int = 0, parts: str | Sequence[str] | Mapping[str, Any] | None = None, points: int = 10
    ) -> Float[np.ndarray, "numbers points ..."]:
        """One row of the data decoded while one number of its code at a time goes from its least to its greatest value.

        Args:
            data: the rows that the ranges come from.
            row: the row to start from.
            parts: names of parts, or {name: numbers of the part}; by default all parts per row.
            points: evenly spaced values of each number.
        """
        data = self.view(data)
        if not 0 <= row < len(data) or points < 2:
            raise InputError(f"row={row} and points={points}; a row below {len(data)} and 2 points or more are needed.")
        taken = self.taken([p.name for p in self.parts if p.per == "row"] if parts is None else parts)
        codes = self.codes(data)
        start, count = codes.pair(codes.group[row], [row]), sum(map(len, taken.values()))
        paths = {name: np.repeat(part, count * points, axis=0) for name, part in schema.per_row(start).items()}
        for k, (name, i) in enumerate((name, i) for name, numbers in taken.items() for i in numbers):
            values = codes.parts[name][:, i]
            paths[name][k * points : (k + 1) * points, i] = np.linspace(values.min(), values.max(), points)
        rows = self._decoded(paths, None if start.level is None else np.repeat(start.level, count * points, axis=0))
        return rows.reshape(count, points, *rows.shape[1:])

    def interpolate(
        self,
        data: Any,
        position: Any = None,
        at: Any = None,
        path: Literal["spline", "geodesic"] = "spline",
        among: Any = None,
    ) -> Float[np.ndarray, "points ..."]:
        """Decode a path through the codes per row of one group's instances, with its codes per group (SymAE paper, section
        4.1).

        Args:
            data: the instances of one group, two or more.
            position: where on the path each instance lies, (n,) different numbers, such as its shift; by default 0, 1, 2, ...
            at: where to decode, (points,); by default 10 places between any two instances. A spline goes on beyond them, a
                geodesic ends there.
            path: "spline", the natural cubic spline of section 4.1; or "geodesic", from each instance to the next the path on
                which the decoded rows change least (`geodesics`).
            among: rows whose codes geodesics keep near: without them, the shortest path is often to fade one instance out and
                the other in. Of more than 2,000 rows, as many are taken.
        """
        data = self.view(data)
        if path not in ("spline", "geodesic"):
            raise InputError(f"path={path!r} is unknown; it is spline or geodesic.")
        if among is not None:
            if path != "geodesic":
                raise InputError("among is for geodesics; a spline runs through the instances and keeps near nothing else.")
            among = self.view(among)
            among = among.take(evenly(len(among), 2000))
        position = np.arange(len(data)) * 1.0 if position is None else np.asarray(position, float)
        if len(data.group_names) > 1 and data.groups is not None:
            raise InputError(f"there are {len(data.group_names)} groups; the path runs through the instances of one.")
        if len(data) < 2 or position.shape != (len(data),) or len(np.unique(position[np.isfinite(position)])) < len(data):
            raise InputError(f"position has shape {position.shape}; {len(data)} different numbers are needed, and at least 2.")
        order = np.argsort(position)
        ends = position[order[0]], position[order[-1]]
        at = np.atleast_1d(np.linspace(*ends, 10 * (len(data) - 1) + 1) if at is None else np.asarray(at, float))
        if not np.isfinite(at).all():
            raise InputError("at holds NaN or infinity; every place on the path must be a finite number.")
        instances = Dataset(data.x, groups=np.zeros(len(data), int), transforms=data.transforms).take(order)
        codes, position = self.codes(instances), position[order]
        corners = schema.side_by_side(codes.by_row)
        if path == "geodesic":
            near = None if among is None else schema.side_by_side(self.codes(among).by_row)
            through = self._along_geodesics(codes, corners, near, position, at)
        else:
            from scipy.interpolate import CubicSpline

            through = CubicSpline(position, corners, bc_type="natural")(at)
        level = None if codes.level is None else np.stack([np.interp(at, position, c) for c in codes.level.T], axis=1)
        ends = np.cumsum([part.shape[1] for part in codes.by_row.values()])[:-1]
        by_row = dict(zip(codes.by_row, np.split(through.astype(np.float32), ends, axis=1), strict=True))
        return self.decode(Codes(codes.by_group, by_row, np.zeros(len(at), int), level))

    def _along_geodesics(self, codes: Codes, corners: Any, near: Any, position: Any, at: Any) -> Float[np.ndarray, "points _"]:
        """The codes at some places of the shortest paths from each corner to the next."""
        ends = np.cumsum([part.shape[1] for part in codes.by_row.values()])[:-1]
        under = Partial(Under.apart, self._under(codes.by_group), tuple(ends.tolist()), self.trained.net, self.trained.state)
        paths = geodesics(under, corners, near)
        pieces = paths.shape[1] - 1
        along = np.interp(np.arange((len(position) - 1) * pieces + 1) / pieces, np.arange(len(position)), position)
        joined = np.concatenate([paths[:, :-1].reshape(-1, corners.shape[1]), corners[-1:]])
        return np.stack([np.interp(at, along, c) for c in joined.T], axis=1)

    # -- what swaps are worth without a truth -----------------------------------------------------------------------------

    def inconsistency(self, codes: Codes, swaps: int = 2000, seed: int = 0) -> float:
        """How far swaps, encoded again, are from the codes that they were decoded with: 0 if a swap has the state of the one
        group and the nuisance of the other row.

        The `consistency_penalty` of the part that does worst: a model that hands the donor back keeps its nuisance well. A
        swap has the nuisance of a random row of another group (which may be of the same state), and the swaps of a group, 16
        or more, are encoded as one group. NaN if there is one group only, or a part is the same for all.
        """
        rng, groups = np.random.default_rng(seed), len(next(iter(codes.by_group.values()), ()))
        if groups < 2 or not all(part.std(axis=0).any() for part in codes.parts.values()):
            return np.nan
        chosen = np.sort(rng.permutation(groups)[: max(swaps // 16, 2)])
        each = max(swaps // len(chosen), 16)
        donors = np.concatenate([rng.choice(np.flatnonzero(codes.group != group), each) for group in chosen])
        given = schema.per_row(codes.pair(np.repeat(chosen, each), donors))
        rows = self.trained.map(self._under({}), *(given[p.name] for p in self.parts))
        values = []
        for part in self.parts:
            assert part.encode
            wanted, again = given[part.name], self.trained.map(part.encode, rows)
            if part.per == "group":
                assert part.pool
                features = again.reshape(len(chosen), each, *again.shape[1:])
                wanted, again = wanted[::each], self.trained.map(part.pool, features, np.ones((len(chosen), each), bool))
            values.append(float(consistency_penalty(jnp.asarray(again), jnp.asarray(wanted))))
        return float(np.max(values))

    def shortfall(self, data: Any) -> float:
        """How far a model is from what it is for, as far as data without truth tells. The inconsistency of swaps where a part
        of the codes is per group, infinite if rows are reconstructed no better than by their mean; else the squared error.
        """
        data, codes = self.view(data), self.codes(data)
        rows, decoded = data.chain.undo(data.rows(np.arange(len(data)))).astype(float), self.decode(codes)
        if not self.grouped:
            return float(np.nanmean((decoded - rows) ** 2))
        return self.inconsistency(codes) if self.trained.scale.relative(decoded, rows, codes.level) < 1 else np.inf

    def predictions(self, data: Any) -> Float[np.ndarray, "rows m"] | None:
        """Each number of a code as the method's own predictors have it from the others; None if it has none."""
        part = self.parts[-1]
        return self.trained.map(part.predict, self.codes(data).by_row[part.name]) if part.predict else None

    def variances(self, data: Any) -> Float[np.ndarray, "rows m"] | None:
        """The variances of q(z|x) of each row; None if codes are not random."""
        data, function = self.view(data), self.parts[-1].variance
        if function is None:
            return None
        return np.concatenate([self.trained.map(function, self.trained.scale.standardise(x)) for _, x in data.chunks()])

    # -- what goes in -----------------------------------------------------------------------------------------------------

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

    def state_by_row(self, parts: Any = None) -> bool:
        """Whether in such a swap the state gives a part per row, so that it is a row and not a group."""
        taken = self.taken(parts)
        return any(p.per == "row" and len(taken.get(p.name, ())) < p.size for p in self.parts) or not self.grouped

    def _side(self, given: Any, argument: str, parts: Sequence[Part]) -> tuple[dict[str, np.ndarray], np.ndarray | None]:
        """What one side of a swap gives: some parts, of groups if all are per group, else of rows; and the level of rows."""
        if not isinstance(given, Dataset | Codes):
            if len(parts) > 1:
                names = " and ".join(p.name for p in parts)
                raise InputError(f"{argument} gives {names}, so an array is not enough; a Dataset or Codes are needed.")
            return {parts[0].name: schema.array_of(parts[0], given, argument)}, None
        codes = given if isinstance(given, Codes) else self.codes(given)
        by_row = any(p.per == "row" for p in parts)
        arrays = schema.per_row(codes) if by_row else codes.by_group
        return {p.name: schema.array_of(p, arrays[p.name], argument) for p in parts}, codes.level if by_row else None

    def taken(self, parts: Any) -> dict[str, np.ndarray]:
        """The numbers of each part that come from the style in such a swap, by the name of the part."""
        return schema.numbers_of_parts(self.parts, parts, type(self.method).__name__)

    # -- on disk ----------------------------------------------------------------------------------------------------------

    def export(self, folder: str | Path) -> list[Path]:
        """Write the encoders and the decoder as ONNX files, for any number of rows; needs the extra `onnx`.

        A part per row has one file that makes it from rows (encoder.onnx if it is the only part). A part per group has two:
        rows to features, and features (groups, instances, ...) with a mask of those that are real to codes. decoder.onnx makes
        rows from codes. Rows are float32 in the units of the data, after the model's transforms: standardising is inside, the
        transforms are not. Where each row is standardised by itself, the level that comes out of an encoder goes into the
        decoder.
        """
        return write_pieces(self.method, self.trained, Path(folder))

    def save(self, path: str | Path, run: str = "") -> None:
        """Write a `.safetensors` file: the arrays, and in its header everything else as JSON, with the run that it is of."""
        net, state, scale, chain = self.trained
        about = {
            "format": FORMAT,
            "method": describe(self.method),
            "shape": chain.shape,
            "transforms": chain.described(),
            "scale": scale._asdict(),
            "seed": self.seed,
            "run": run,
        }
        write_tree(Path(path), (net, state), about)

    @classmethod
    def load(cls, path: str | Path, method: Method | None = None, run: str | None = None, seed: int | None = None) -> "Model":
        """Read a model. No code is run from the file.

        A model with your own nets or functions needs the `method` it was trained with, because a file holds no code. A `run`
        or `seed` that is given has to be the file's.

        Raises:
            InputError: if the file is missing, truncated, of another format, run or seed, or does not fit its method.
        """
        path = Path(path)
        about = read_about(path)
        try:
            if about["format"] not in READS or isinstance(about["format"], bool):
                raise InputError(f"it has format {about['format']}; this version reads {' and '.join(map(str, READS))}.")
            if run not in (None, about.get("run", run)) or seed not in (None, about["seed"]):
                raise InputError("it belongs to another run or seed; remove it, and the same `fit` command trains it again.")
            method = method or restore(about["method"])
            raw, level = tuple(about["shape"]), about["scale"]
            if not (1 <= len(raw) <= 3 and all(type(n) is int and 0 < n < 1 << 31 for n in raw)):
                raise InputError("its rows have an impossible shape.")
            chain = Chain(raw, restored(about["transforms"]))
            shape = chain.row_shape
            scale = Scale.described(level, shape)
            number = int(about["seed"])
            like = eqx.filter_eval_shape(partial(fresh, method, shape, missing=scale.missing), jax.random.key(0))
        except (LookupError, TypeError, ValueError, ArithmeticError, AttributeError, RuntimeError, MemoryError) as error:
            if isinstance(error, InputError):
                raise InputError(f"{path} cannot be read: {short(str(error), 300)}") from error
            raise InputError(f"{path} is not a model: its description lacks or spoils {brief(error)}.") from error
        net, state = read_tree(path, like)
        return cls(method, Trained(eqx.nn.inference_mode(net), state, scale, chain), number)

    def __repr__(self) -> str:
        return f"Model({self.method!r}, rows of {self.trained.chain.shape}, seed {self.seed})"
