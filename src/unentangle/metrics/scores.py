"""Every measure of codes against factors at once, each with an interval, its settings, and the versions that made it."""

import inspect
from collections.abc import Callable, Mapping
from functools import partial
from importlib.metadata import version
from typing import Any, NamedTuple

import numpy as np
from scipy.stats import t as student

from ..errors import InputError
from .beta_vae_score import beta_vae_score
from .dci import dci
from .explicitness import explicitness
from .factor_vae_score import factor_vae_score
from .infomec import infomec
from .information import mig, modularity
from .irs import irs
from .sap import sap
from .tables import Factor, table
from .tad import tad
from .total_correlation import gaussian_total_correlation

Measure = Callable[..., Any]
MEASURES: Mapping[str, Measure] = {
    "beta_vae_score": beta_vae_score,
    "factor_vae_score": factor_vae_score,
    "mig": mig,
    "sap": sap,
    "dci_forest": partial(dci, trees="forest"),
    "modularity": modularity,
    "explicitness": explicitness,
    "infomec": infomec,
    "irs": irs,
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
    versions: str


def scores(codes: Any, factors: Any, *, rows: int = 10_000, draws: int = 10, seed: int = 0) -> Scores:
    """All measures of codes and factors, at their canonical settings, DCI with its fast trees.

    An interval is the number plus and minus Student's quantile times its standard error by the delete-half jackknife (J. Shao
    and C. Wu, "A general theory for jackknife variance estimation", 1989): the deviation of the measure among halves of the
    rows, drawn at random. It tells how far the number may be off because of these rows; models of other seeds differ besides.
    It is without bounds where a half has too few rows for the measure, or the number is infinite.

    Args:
        codes: (n, m).
        factors: (n, k), or named columns. Those of two values are also attributes, for TAD.
        rows: if there are more, as many are drawn at random.
        draws: halves per interval; 0 for no intervals.
        seed: of the draws.

    Raises:
        InputError: as `tables.table` does.
    """
    z, columns = table(codes, factors)
    rng = np.random.default_rng(seed)
    chosen = rng.permutation(len(z))[:rows]
    z, columns = z[chosen], [f._replace(values=f.values[chosen]) for f in columns]
    halves = [rng.permutation(len(z))[: len(z) // 2] for _ in range(draws)]
    binary = [f for f in columns if f.discrete and len(np.unique(f.values)) == 2]
    found, without = {}, {}
    asked = [(name, measure, columns) for name, measure in MEASURES.items()]
    asked += [(name, measure, binary) for name, measure in ATTRIBUTES.items() if binary]
    for name, measure, used in asked:
        try:
            whole = _values(measure(z, _Columns(used, slice(None))))
        except InputError as error:
            without[name] = str(error)
            continue
        try:
            parts = [_values(measure(z[half], _Columns(used, half))) for half in halves]
        except InputError:  # too few rows for halves
            parts = []
        for field, value in whole.items():
            found[name + field] = Score(value, _interval(value, [p[field] for p in parts]), _settings(measure))
    whole, *parts = (gaussian_total_correlation(z[part]) for part in (slice(None), *halves))
    found["gaussian_total_correlation"] = Score(whole, _interval(whole, parts), {})
    packages = ("unentangle", "numpy", "scipy", "scikit-learn")
    return Scores(found, without, len(z), ", ".join(f"{name} {version(name)}" for name in packages))


class _Columns(dict[str, np.ndarray]):
    """Some rows of factors, as named columns that still say which of them are classes."""

    def __init__(self, factors: list[Factor], rows: Any):
        super().__init__({f.name: f.values[rows] for f in factors})
        self.kinds = {f.name: "categorical" if f.discrete else "continuous" for f in factors}


def _values(result: Any) -> dict[str, float]:
    """A number under no name, or the numbers of a named tuple, each under its own."""
    named = result._asdict() if hasattr(result, "_asdict") else {"": result}
    return {f"_{name}" if name else "": float(value) for name, value in named.items()}


def _interval(value: float, halves: list[float]) -> tuple[float, float]:
    if len(halves) < 2 or not np.isfinite([value, *halves]).all():
        return (-np.inf, np.inf)
    error = float(student.ppf(0.975, len(halves) - 1) * np.std(halves, ddof=1))
    return (value - error, value + error)


def _settings(measure: Measure) -> dict[str, Any]:
    """The settings of a measure, given or by default."""
    given = inspect.signature(measure).parameters.values()
    return {p.name: p.default for p in given if p.kind is p.KEYWORD_ONLY}
