"""Every measure of codes against factors at once, each with an interval, its settings, and the versions that made it."""

import inspect
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from importlib.metadata import version
from typing import Any, Literal, NamedTuple

import numpy as np
from jaxtyping import Float

from ..errors import InputError
from .beta_vae_score import beta_vae_score
from .dci import dci
from .explicitness import explicitness
from .factor_vae_score import factor_vae_score
from .infomec import active, infomec
from .information import mig, modularity
from .irs import irs
from .sap import sap
from .tables import Decided, Factor, checked
from .tad import tad
from .total_correlation import gaussian_total_correlation

Measure = Callable[..., Any]
MEASURES: Mapping[str, Measure] = {
    m.__name__: m for m in (beta_vae_score, factor_vae_score, mig, sap, dci, modularity, explicitness, infomec, irs)
}
ATTRIBUTES: Mapping[str, Measure] = {
    "tad_paper": partial(tad, mode="paper"),
    "tad_exact": partial(tad, mode="exact"),
}


class Score(NamedTuple):
    """A number, its 95 % interval, and the settings of the function that made it."""

    value: float
    interval_95: tuple[float, float]
    settings: dict[str, Any]


class Scores(NamedTuple):
    """What was measured, by name; what could not be, and why; and what one needs to know to compare it in some years."""

    found: dict[str, Score]
    without: dict[str, str]
    rows: int
    latents: int
    still: list[int]  # latents that range over no more than a twentieth of the widest range
    factors: dict[str, str]  # how each counts: "3 classes" or "a continuum"
    left_out: dict[str, str]  # factors that say nothing, and why
    without_interval: dict[str, str]  # measures of which too many halves could not be measured, and why
    settings: dict[str, Any]
    versions: str


def scores(
    codes: Any,
    factors: Any,
    *,
    rows: int = 10_000,
    draws: int = 10,
    trees: Literal["forest", "boosting"] = "forest",
    seed: int = 0,
) -> Scores:
    """All measures of codes and factors, at their canonical settings, but for DCI with its fast trees.

    An interval is the number plus and minus Student's quantile times its standard error by the delete-half jackknife (J. Shao
    and C. Wu, "A general theory for jackknife variance estimation", 1989), the deviation of the measure among halves of the
    rows, drawn at random, and among the measure's own draws; on one side it reaches as much further as halves are on average
    off the number, the jackknife's estimate of the bias of few rows. It ends where the measure does. It tells how far the
    number may be off because of these rows; models of other seeds differ besides. A half in which a factor does not vary, or
    that has too few rows for the measure, is drawn again; where this happens to most of them, and where the number is infinite,
    it is without bounds. IRS, which compares with the largest deviation, grows with the rows: its interval is for as many.

    Args:
        codes: (n, m).
        factors: (n, k), or named columns. Those of two values are also attributes, for TAD.
        rows: if there are more, as many are drawn at random.
        draws: halves per interval, at least two; 0 for no intervals.
        trees: of DCI; "boosting" is what published numbers are made with, and much slower.
        seed: of the draws.

    Raises:
        InputError: as `tables.checked` does.
    """
    if draws < 0 or draws == 1 or rows < 2:
        raise InputError(f"draws={draws} and rows={rows}; 0 or at least 2 draws, and at least 2 rows, are needed.")
    if trees not in ("forest", "boosting"):
        raise InputError(f"trees={trees!r} is unknown; it is 'forest' or 'boosting'.")
    z, columns, left_out = checked(codes, factors)
    rng = np.random.default_rng(seed)
    chosen = rng.permutation(len(z))[:rows]
    rare = {f.name: f"has a single value in the {rows} rows that were drawn" for f in columns if not np.ptp(f.values[chosen])}
    columns = [f._replace(values=f.values[chosen]) for f in columns if f.name not in rare]
    z, left_out = z[chosen], left_out | rare
    halves = _halves(rng, len(z), draws)
    measured, without, unbounded = {}, {}, {}
    for name, measure in MEASURES.items():
        if name == "dci":
            name, measure = f"dci_{trees}", partial(dci, trees=trees)
        try:
            measured |= _score(name, measure, z, columns, halves, unbounded)
        except InputError as error:
            without[name] = str(error)
    binary = [f for f in columns if f.discrete and len(np.unique(f.values)) == 2]
    for name, measure in ATTRIBUTES.items() if binary else ():
        measured |= _score(name, measure, z, binary, halves, unbounded)
    whole, *parts = (gaussian_total_correlation(z[part]) for part in (slice(None), *halves[:draws]))
    measured["gaussian_total_correlation"] = Score(whole, _interval(whole, parts, most=np.inf), {})
    return Scores(
        measured,
        without,
        len(z),
        z.shape[1],
        np.flatnonzero(~active(z, 0.05)).tolist(),
        {f.name: f"{len(np.unique(f.values))} classes" if f.discrete else "a continuum" for f in columns},
        left_out,
        unbounded,
        {"rows": rows, "draws": draws, "seed": seed},
        ", ".join(f"{name} {version(name)}" for name in ("unentangle", "numpy", "scipy", "scikit-learn")),
    )


def attribute_scores(codes: Any, attributes: Any, *, draws: int = 10, seed: int = 0) -> dict[str, Score]:
    """The total AUROC difference by both rules, each with its interval, as in `scores`.

    Args:
        codes: (n, m).
        attributes: (n, k) of two values each, or named columns.
        draws: halves per interval; 0 for no intervals.
        seed: of the draws.
    """
    z, columns, _ = checked(codes, attributes)
    halves = _halves(np.random.default_rng(seed), len(z), draws)
    each = [_score(name, measure, z, columns, halves, {}) for name, measure in ATTRIBUTES.items()]
    return {name: score for scores in each for name, score in scores.items()}


def _halves(rng: np.random.Generator, n: int, draws: int) -> list[np.ndarray]:
    """Twice as many halves of n rows as are wanted, as some may be of no use."""
    return [rng.permutation(n)[: n // 2] for _ in range(2 * draws)]


def _score(
    name: str,
    measure: Measure,
    z: Float[np.ndarray, "n m"],
    columns: Sequence[Factor],
    halves: Sequence[np.ndarray],
    unbounded: dict[str, str],
) -> dict[str, Score]:
    """The numbers of a measure with their intervals; why they have none is put into `unbounded`."""
    whole = _values(measure(z, Decided(columns, slice(None))))
    parts, wanted, why = [], len(halves) // 2, ""
    drawn = "seed" in inspect.signature(measure).parameters
    for number, half in enumerate(halves, 1):
        if len(parts) < wanted:
            try:
                parts.append(_values(measure(z[half], Decided(columns, half), **({"seed": number} if drawn else {}))))
            except InputError as error:  # too few rows, or a factor does not vary in them
                why = f"in some halves of the rows {error}"
    if len(parts) < wanted:
        parts, unbounded[name] = [], why
    fields = {}
    for field, value in whole.items():
        most = np.inf if name in ATTRIBUTES or field == "_active" else 1.0
        interval = _interval(value, [part[field] for part in parts], most)
        fields[name + field] = Score(value, interval, _settings(measure))
    return fields


def _values(result: Any) -> dict[str, float]:
    """A number under no name, or the numbers of a named tuple, each under its own."""
    named = result._asdict() if hasattr(result, "_asdict") else {"": result}
    return {f"_{name}" if name else "": float(value) for name, value in named.items()}


def _interval(value: float, halves: list[float], most: float = 1.0) -> tuple[float, float]:
    if len(halves) < 2 or not np.isfinite([value, *halves]).all():
        return (-np.inf, np.inf)
    from scipy.stats import t as student

    error = float(student.ppf(0.975, len(halves) - 1) * np.std(halves, ddof=1))
    without_bias = 2 * value - float(np.mean(halves))
    low, high = min(value, without_bias) - error, max(value, without_bias) + error
    return (max(low, min(value, 0.0)), min(high, max(value, most)))


def _settings(measure: Measure) -> dict[str, Any]:
    """The settings of a measure, given or by default."""
    given = inspect.signature(measure).parameters.values()
    return {p.name: p.default for p in given if p.kind is p.KEYWORD_ONLY}
