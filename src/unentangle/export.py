"""Trained nets as ONNX files, for any number of rows.

JAX writes the program of a net down as a jaxpr: a list of operations on arrays whose first axis has a name instead of a size.
Each is written as the ONNX operator that does the same; what depends on weights only is computed on the way.
"""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from string import ascii_letters
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax import export
from jax.extend.core import Literal
from jaxtyping import Array

from .errors import InputError
from .methods.codes import Trained, Under
from .methods.protocol import Method
from .storage import write

OPSET, IR = 18, 9  # of 2022 and 2023, so that older runtimes read the files
INT64 = 7  # in ONNX


class Piece(NamedTuple):
    """A part of a trained net that can be of use without the rest: function(net, state, *inputs) on standardised rows."""

    function: Callable[..., Array]
    inputs: dict[str, tuple[str | int, ...]]  # shapes, in which the sizes that may be any have a name; "mask" is true or false
    output: str  # "rows", for what is to be restored to the units of the data

    @property
    def decodes(self) -> bool:
        """Whether rows come out."""
        return self.output == "rows"


def pieces(method: Method, trained: Trained) -> dict[str, Piece]:
    """The encoders of each part, and the decoder, by the names of their files."""
    rows: dict[str, tuple[str | int, ...]] = {"rows": ("n", *trained.shape)}
    result, parts = {}, method.parts
    only = len(parts) == 1 and parts[0].per == "row"
    for part in parts:
        assert part.encode
        if part.per == "row":
            result["encoder" if only else part.name] = Piece(part.encode, rows, "codes" if only else part.name)
            continue
        assert part.pool
        features = "features" if sum(p.per == "group" for p in parts) == 1 else f"{part.name}_features"
        x = jax.ShapeDtypeStruct((1, *trained.shape), np.float32)
        shape = eqx.filter_eval_shape(part.encode, trained.net, trained.state, x).shape[1:]
        groups = {"features": ("groups", "instances", *shape), "mask": ("groups", "instances")}
        result |= {features: Piece(part.encode, rows, "features"), part.name: Piece(part.pool, groups, part.name)}
    inputs: dict[str, tuple[str | int, ...]] = {"codes" if only else part.name: ("n", part.size) for part in parts}
    decoder = Under(method.decode, (None,) * len(parts))
    return result | {"decoder": Piece(decoder, inputs, "rows")}


def write_pieces(method: Method, trained: Trained, folder: Path) -> list[Path]:
    """Write each of the `pieces` as `<name>.onnx`. Rows go in and come out in the units of the data, float32.

    Raises:
        InputError: if onnx is not installed, a net does what is not known here, or a file is there already.
    """
    made = pieces(method, trained)
    paths = [folder / f"{name}.onnx" for name in made]
    if there := [path for path in paths if path.exists()]:
        raise InputError(f"{there[0]} exists already; give the name of a new folder.")
    files = [_written(name, piece, trained) for name, piece in made.items()]
    for path, content in zip(paths, files, strict=True):
        write(path, content)
    return paths


def _written(name: str, piece: Piece, trained: Trained) -> bytes:
    """A piece as the content of an ONNX file."""
    try:
        from onnx import helper
    except ModuleNotFoundError as error:
        raise InputError("ONNX files need the package onnx: pip install unentangle[onnx].") from error
    by_row = trained.scale.row_axes > 0
    inputs = piece.inputs | ({"level": ("n", 2)} if by_row and piece.decodes else {})
    outputs = [piece.output, *(["level"] if by_row and "rows" in inputs else [])]
    names = sorted({size for shape in inputs.values() for size in shape if isinstance(size, str)})
    symbols = dict(zip(names, export.symbolic_shape(", ".join(names)), strict=True))
    shapes = [
        jax.ShapeDtypeStruct([symbols.get(n, n) for n in shape], jnp.bool_ if key == "mask" else jnp.float32)  # pyright: ignore[reportArgumentType, reportCallIssue]
        for key, shape in inputs.items()
    ]

    def function(*arrays: Array) -> tuple[Array, ...]:
        given, scale = dict(zip(inputs, arrays, strict=True)), trained.scale
        level, levels = given.pop("level", None), ()
        if "rows" in given:
            levels = (scale.level(given["rows"]),) if scale.row_axes else ()
            given["rows"] = scale.standardise(given["rows"])
        made = piece.function(trained.net, trained.state, *given.values())
        return (scale.restore(made, level) if piece.decodes else made, *levels)

    program = jax.make_jaxpr(function)(*shapes)
    writer = Writer()
    for key, shape in zip(inputs, program.jaxpr.invars, strict=True):
        writer.know(key, shape.aval.shape)
    results = writer.run(program.jaxpr, program.consts, list(inputs))
    for result, output in zip(results, outputs, strict=True):
        writer.nodes.append(helper.make_node("Identity", [writer.named(result)], [output]))

    def described(key: str, aval: Any) -> Any:
        return helper.make_tensor_value_info(
            key, helper.np_dtype_to_tensor_dtype(np.dtype(aval.dtype)), list(map(_size, aval.shape))
        )

    graph = helper.make_graph(
        writer.nodes,
        name,
        [described(key, variable.aval) for key, variable in zip(inputs, program.jaxpr.invars, strict=True)],
        [described(key, aval) for key, aval in zip(outputs, program.out_avals, strict=True)],
        writer.constants,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR, producer_name="unentangle")
    helper.set_model_props(model, {"transforms": json.dumps(trained.chain.described())})
    return model.SerializeToString()


def _size(size: Any) -> Any:
    return size if isinstance(size, int) else str(size)


class Writer:
    """The nodes and constants of a graph that grows. A value is the name of a tensor in it, or an array that is known."""

    def __init__(self):
        self.nodes: list[Any] = []
        self.constants: list[Any] = []
        self.sizes: dict[str, tuple[str, int]] = {}  # of which tensor a named size is which axis
        self.count = 0

    def add(self, operator: str, *inputs: Any, **attributes: Any) -> str:
        """The result of an operator."""
        from onnx import helper

        name = self._fresh()
        self.nodes.append(helper.make_node(operator, [self.named(i) for i in inputs], [name], **attributes))
        return name

    def named(self, value: Any) -> str:
        """The name of a value, for which a known array becomes a constant."""
        if isinstance(value, str):
            return value
        from onnx import numpy_helper

        name = self._fresh()
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(value).reshape(np.shape(value)), name))
        return name

    def _fresh(self) -> str:
        self.count += 1
        return f"v{self.count}"

    def know(self, name: str, shape: Sequence[Any]) -> None:
        """Remember where the sizes with a name can be read."""
        for axis, size in enumerate(shape):
            if not isinstance(size, int):
                self.sizes.setdefault(str(size), (name, axis))

    def shape(self, shape: Sequence[Any]) -> Any:
        """A shape as a value; one size that is nowhere to be read is -1."""
        parts: list[Any] = []
        for size in shape:
            if not isinstance(size, int) and str(size) in self.sizes:
                name, axis = self.sizes[str(size)]
                parts.append(self.add("Gather", self.add("Shape", name), np.array([axis]), axis=0))
            else:
                parts.append(np.array([size if isinstance(size, int) else -1]))
        if not any(isinstance(part, str) for part in parts):
            return np.concatenate([*parts, np.zeros(0, np.int64)]).astype(np.int64)
        return self.add("Concat", *parts, axis=0)

    def run(self, jaxpr: Any, consts: Sequence[Any], values: Sequence[Any]) -> list[Any]:
        """The results of a program for these values.

        Raises:
            InputError: if there is an operation in it that is not known here.
        """
        known = dict(zip([*jaxpr.constvars, *jaxpr.invars], [*map(np.asarray, consts), *values], strict=True))

        def value(variable: Any) -> Any:
            aval: Any = variable.aval
            return np.asarray(variable.val, aval.dtype) if isinstance(variable, Literal) else known[variable]

        for equation in jaxpr.eqns:
            kind, given = equation.primitive.name, [value(v) for v in equation.invars]
            sized = kind != "dim_as_value" and all(isinstance(n, int) for v in equation.outvars for n in v.aval.shape)
            if inner := next((equation.params[k] for k in ("jaxpr", "call_jaxpr", "fun_jaxpr") if k in equation.params), None):
                closed = hasattr(inner, "consts")
                results = self.run(inner.jaxpr if closed else inner, inner.consts if closed else (), given)
            elif sized and not any(isinstance(v, str) for v in given):
                results = equation.primitive.bind(*given, **equation.params)
                results = list(map(np.asarray, results if equation.primitive.multiple_results else [results]))
            elif kind in OPERATORS:
                results = [OPERATORS[kind](self, equation, *given)]
            else:
                raise InputError(f"the net uses the operation {kind}, for which unentangle knows no ONNX operator.")
            for variable, result in zip(equation.outvars, results, strict=True):
                known[variable] = result
                if isinstance(result, str):
                    self.know(result, variable.aval.shape)
        return [value(v) for v in jaxpr.outvars]


# -- the operators --------------------------------------------------------------------------------------------------------

Operator = Callable[..., Any]


def _same(operator: str) -> Operator:
    return lambda writer, equation, *given: writer.add(operator, *given)


def _cast(writer: Writer, equation: Any, x: Any) -> str:
    from onnx import helper

    return writer.add("Cast", x, to=helper.np_dtype_to_tensor_dtype(np.dtype(equation.outvars[0].aval.dtype)))


def _reshape(writer: Writer, equation: Any, x: Any, *_: Any) -> str:
    return writer.add("Reshape", x, writer.shape(equation.outvars[0].aval.shape))


def _broadcast(writer: Writer, equation: Any, x: Any, *_: Any) -> str:
    before, after = equation.invars[0].aval.shape, equation.params["shape"]
    placed: list[Any] = [1] * len(after)
    for size, axis in zip(before, equation.params["broadcast_dimensions"], strict=True):
        placed[axis] = size
    return writer.add("Expand", writer.add("Reshape", x, writer.shape(placed)), writer.shape(after))


def _transpose(writer: Writer, equation: Any, x: Any) -> str:
    return writer.add("Transpose", x, perm=equation.params["permutation"])


def _slice(writer: Writer, equation: Any, x: Any) -> str:
    p, shape = equation.params, equation.invars[0].aval.shape
    steps = p["strides"] or [1] * len(shape)
    cut = [a for a, n in enumerate(shape) if (p["start_indices"][a], p["limit_indices"][a], steps[a]) != (0, n, 1)]
    ranges = ([bounds[a] for a in cut] for bounds in (p["start_indices"], p["limit_indices"], range(len(shape)), steps))
    return writer.add("Slice", x, *(np.array(r, np.int64) for r in ranges))


def _reversed(writer: Writer, equation: Any, x: Any) -> str:
    axes = np.array(equation.params["dimensions"])
    least = np.iinfo(np.int64).min
    return writer.add("Slice", x, np.full(len(axes), -1), np.full(len(axes), least), axes, np.full(len(axes), -1))


def _concatenate(writer: Writer, equation: Any, *given: Any) -> str:
    return writer.add("Concat", *given, axis=equation.params["dimension"])


def _pad(writer: Writer, equation: Any, x: Any, value: Any) -> str:
    low, high, inside = zip(*equation.params["padding_config"], strict=True)
    if any(inside):
        raise InputError("the net pads between samples, for which unentangle knows no ONNX operator.")
    return writer.add("Pad", x, np.array([*low, *high], np.int64), value)


def _select(writer: Writer, equation: Any, which: Any, *cases: Any) -> str:
    if len(cases) != 2 or equation.invars[0].aval.dtype != bool:
        raise InputError("the net chooses between more than two values, for which unentangle knows no ONNX operator.")
    return writer.add("Where", which, cases[1], cases[0])


def _reduce(operator: str) -> Operator:
    def reduce(writer: Writer, equation: Any, x: Any) -> str:
        return writer.add(operator, x, np.array(equation.params["axes"], np.int64), keepdims=0)

    return reduce


def _iota(writer: Writer, equation: Any, *_: Any) -> str:
    (size,) = equation.params["shape"]
    stop = writer.add("Squeeze", writer.shape([size]), np.array([0]))
    return _cast(writer, equation, writer.add("Range", np.array(0), stop, np.array(1)))


def _dimension(writer: Writer, equation: Any) -> str:
    return _cast(writer, equation, writer.add("Squeeze", writer.shape([equation.params["dim"]]), np.array([0])))


def _gather(writer: Writer, equation: Any, x: Any, index: Any) -> str:
    """One slice that starts somewhere, or places along one axis, as indexing by an array has it."""
    numbers, shape = equation.params["dimension_numbers"], equation.invars[0].aval.shape
    (axis, *others), sizes = numbers.start_index_map, list(equation.params["slice_sizes"])
    if equation.invars[1].aval.ndim == 1:
        index = index.astype(np.int64) if isinstance(index, np.ndarray) else writer.add("Cast", index, to=INT64)
        axes = np.array(numbers.start_index_map)
        outcome = writer.add("Slice", x, index, writer.add("Add", index, np.array([sizes[a] for a in axes])), axes)
        gone = np.array(numbers.collapsed_slice_dims, np.int64)
        return writer.add("Squeeze", outcome, gone) if gone.size else outcome
    whole = all(size == n for a, (size, n) in enumerate(zip(sizes, shape, strict=True)) if a != axis)
    if others or tuple(numbers.collapsed_slice_dims) != (axis,) or not whole or numbers.operand_batching_dims:
        raise InputError("the net indexes along several axes, for which unentangle knows no ONNX operator.")
    last = equation.invars[1].aval.ndim - 1
    outcome = writer.add("Gather", x, writer.add("Squeeze", index, np.array([last])), axis=axis)
    saved, picked = [*range(axis), *range(axis + last, last + len(shape) - 1)], iter(range(axis, axis + last))
    slices = iter(saved)
    order = [next(slices) if a in numbers.offset_dims else next(picked) for a in range(last + len(saved))]
    return writer.add("Transpose", outcome, perm=order)


def _dot(writer: Writer, equation: Any, x: Any, y: Any) -> str:
    (contract_x, contract_y), (batch_x, batch_y) = equation.params["dimension_numbers"]
    rank_x, rank_y = (v.aval.ndim for v in equation.invars)
    if not batch_x and rank_y == 2 and (tuple(contract_x), tuple(contract_y)) == ((rank_x - 1,), (0,)):
        return writer.add("MatMul", x, y)
    letters = iter(ascii_letters)
    of_x = [next(letters) for _ in range(rank_x)]
    of_y = [next(letters) for _ in range(rank_y)]
    for a, b in zip([*batch_x, *contract_x], [*batch_y, *contract_y], strict=True):
        of_y[b] = of_x[a]
    free = [of_x[a] for a in range(rank_x) if a not in (*batch_x, *contract_x)]
    free += [of_y[b] for b in range(rank_y) if b not in (*batch_y, *contract_y)]
    result = "".join([*(of_x[a] for a in batch_x), *free])
    return writer.add("Einsum", x, y, equation=f"{''.join(of_x)},{''.join(of_y)}->{result}")


def _convolution(writer: Writer, equation: Any, x: Any, kernel: Any) -> str:
    p = equation.params
    if p["batch_group_count"] != 1 or any(n != 1 for n in p["lhs_dilation"]):
        raise InputError("the net has a transposed convolution, for which unentangle knows no ONNX operator.")
    numbers = p["dimension_numbers"]
    low, high = zip(*p["padding"], strict=True)
    outcome = writer.add(
        "Conv",
        writer.add("Transpose", x, perm=numbers.lhs_spec),
        np.transpose(kernel, numbers.rhs_spec)
        if not isinstance(kernel, str)
        else writer.add("Transpose", kernel, perm=numbers.rhs_spec),
        pads=[*low, *high],
        strides=p["window_strides"],
        dilations=p["rhs_dilation"],
        group=p["feature_group_count"],
    )
    return writer.add("Transpose", outcome, perm=np.argsort(numbers.out_spec).tolist())


def _power(writer: Writer, equation: Any, x: Any) -> str:
    return writer.add("Pow", x, np.asarray(equation.params["y"], equation.invars[0].aval.dtype))


OPERATORS: dict[str, Operator] = {
    **{
        name: _same(name.capitalize())
        for name in ("add", "sub", "mul", "div", "max", "min", "exp", "log", "neg", "abs", "sign")
    },
    **{
        name: _same(name.capitalize())
        for name in ("sqrt", "tanh", "sin", "cos", "erf", "floor", "ceil", "pow", "and", "or", "not")
    },
    "gt": _same("Greater"),
    "lt": _same("Less"),
    "ge": _same("GreaterOrEqual"),
    "le": _same("LessOrEqual"),
    "eq": _same("Equal"),
    "logistic": _same("Sigmoid"),
    "stop_gradient": _same("Identity"),
    "copy": _same("Identity"),
    "rsqrt": lambda writer, equation, x: writer.add("Reciprocal", writer.add("Sqrt", x)),
    "square": lambda writer, equation, x: writer.add("Mul", x, x),
    "log1p": lambda writer, equation, x: writer.add("Log", writer.add("Add", x, np.float32(1))),
    "integer_pow": _power,
    "convert_element_type": _cast,
    "reshape": _reshape,
    "squeeze": _reshape,
    "expand_dims": _reshape,
    "broadcast_in_dim": _broadcast,
    "transpose": _transpose,
    "slice": _slice,
    "rev": _reversed,
    "concatenate": _concatenate,
    "pad": _pad,
    "select_n": _select,
    "reduce_sum": _reduce("ReduceSum"),
    "reduce_max": _reduce("ReduceMax"),
    "reduce_min": _reduce("ReduceMin"),
    "iota": _iota,
    "dim_as_value": _dimension,
    "gather": _gather,
    "dot_general": _dot,
    "conv_general_dilated": _convolution,
}
