"""A recipe at work: its trainings, and the JSON beside every result: what was measured, on what, and for how long."""

import json
import os
import platform
import re
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cache
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from time import monotonic
from typing import Any, NamedTuple, TypeVar

import jax
import numpy as np
from matplotlib.figure import Figure

from ..data import Dataset
from ..errors import Diverged, InputError
from ..methods.description import describe
from ..methods.protocol import Method
from ..storage import plain, read_json, save, write_json
from ..train.training import Run, prepare, settings, train

Row = dict[str, Any]  # what is measured of one training
Label = TypeVar("Label")


class Work(NamedTuple):
    """A recipe at work. It writes `name`.json and pictures into `out`. Its trainings stay there, too, and every recipe that
    needs the same training by the same code reads them. Fast versions have names of their own. `saved` is the JSON that the
    same code wrote before, or nothing.
    """

    out: Path
    name: str
    fast: bool
    at: str  # the commit at which it began
    begun: float
    saved: Mapping[str, Any]

    def called(self, name: str) -> str:
        """The name of a file or folder."""
        return f"{name}_fast" if self.fast else name

    @property
    def folder(self) -> Path:
        """Where this recipe keeps its parts, as long as the code is the same."""
        return self.out / f"{self.called(self.name)}-{code()}"

    def train(self, method: Method, data: Dataset, seeds: int | Sequence[int] = 0, **training: Any) -> Run:
        """Train one seed, or several as one program; go on with a training that was stopped, and read one that is finished."""
        about = [describe(method), resolved(method, data, **training), data.fingerprint, code()]
        digest = sha256(json.dumps(plain(about)).encode()).hexdigest()[:16]
        folder = self.out / "trained" / f"{type(method).__name__.lower()}-{digest}"
        name = f"seed-{seeds}" if isinstance(seeds, int) else f"seeds-{'-'.join(map(str, seeds))}"
        return train(method, data, seeds=seeds, out=folder / name, **training)

    def write(self, content: Mapping[str, Any]) -> dict[str, Any]:
        """Write the JSON: the content and its provenance, whose seconds are those of all calls until they last wrote."""
        before = self.saved["provenance"]["seconds"] if self.saved else 0.0
        written = {**content, "provenance": provenance(before + monotonic() - self.begun, self.at) | {"code": code()}}
        write_json(self.out / f"{self.called(self.name)}.json", written)
        return written

    def save(self, figure: Figure, name: str) -> None:
        """Write a picture."""
        save(figure, self.out / f"{self.called(name)}.png")


class Variant(NamedTuple):
    """One setting of a comparison. `seeds` are numbers, or sequences of numbers that train as one program."""

    method: Method
    data: Dataset
    training: Mapping[str, Any] = {}
    seeds: Sequence[int | Sequence[int]] = (0,)

    @property
    def resolved(self) -> dict[str, Any]:
        """The settings of its training, with what the method recommends."""
        return resolved(self.method, self.data, **self.training)


def compare(
    work: Work,
    variants: Mapping[Label, Variant],
    measure: Callable[[Label, Run], Row],
    content: Callable[[dict[Label, list[Row]]], Mapping[str, Any]],
    saved: Mapping[Label, Sequence[Row]] | None = None,
    diverged: Callable[[Label, Diverged], Row] | None = None,
) -> dict[Label, list[Row]]:
    """Train and measure every variant, seed by seed, and write the JSON after each training.

    Args:
        work: the recipe, whose trainings are not repeated.
        variants: by label.
        measure: the row of a training of one seed.
        content: the JSON of all rows so far, of the variants that have some.
        saved: rows that are neither trained nor measured again, of the first seeds of each variant.
        diverged: the row of a training that diverged; without it the error is raised.

    Returns:
        the rows of each variant, one per seed.
    """
    rows = {label: list((saved or {}).get(label, ())) for label in variants}
    most = max(len(variant.seeds) for variant in variants.values())
    missing = [
        (label, variant.seeds[position])
        for position in range(most)
        for label, variant in variants.items()
        if len(rows[label]) <= position < len(variant.seeds)
    ]
    for label, seeds in missing:
        method, data, training, _ = variants[label]
        try:
            rows[label] += [measure(label, run) for run in _single(work.train(method, data, seeds, **training))]
        except Diverged as error:
            if diverged is None:
                raise
            rows[label].append(diverged(label, error))
        work.write(content({label: own for label, own in rows.items() if own}))
    return rows


def _single(run: Run) -> list[Run]:
    """The runs of each seed."""
    return [
        replace(run, seeds=(seed,), models=(model,), history=(record,), snapshots=run.snapshots[i : i + 1])
        for i, (seed, model, record) in enumerate(zip(run.seeds, run.models, run.history, strict=True))
    ]


def seconds(run: Run) -> float:
    """How long the training of the first seed took."""
    return run.history[0].seconds[-1]


def slug(label: str) -> str:
    """A label as part of the name of a file."""
    return re.sub("[^a-z0-9]+", "_", label.lower()).strip("_")


def resolved(method: Method, data: Dataset, *, snapshots: Sequence[int] = (), **training: Any) -> dict[str, Any]:
    """The settings of a training, with what the method recommends where nothing is given."""
    values = settings(prepare(method, data, **training)) | ({"snapshots": list(snapshots)} if snapshots else {})
    return {name: value for name, value in values.items() if name != "data"}


def begin(out: Path, name: str, fast: bool) -> Work:
    """Start, or go on from the JSON that the same code wrote. A JSON of other code is overwritten."""
    work = Work(out, name, fast, commit(), monotonic(), {})
    try:
        saved = read_json(out / f"{work.called(name)}.json")
        return work._replace(saved=saved) if saved["provenance"]["code"] == code() else work
    except (InputError, LookupError, TypeError):
        return work


@cache
def code() -> str:
    """A digest of the package's code, so that trainings of another version are not mistaken for those of this one."""
    root = Path(__file__).parents[1]
    return sha256(b"".join(path.read_bytes() for path in sorted(root.rglob("*.py")))).hexdigest()[:12]


def interval(values: Any, level: float = 0.95) -> tuple[float, float]:
    """Student's confidence interval of the mean of independent values; without bounds for a single one."""
    values = np.asarray(values, float)
    if len(values) < 2:
        return (-np.inf, np.inf)
    half = _student(values, level) / np.sqrt(len(values))
    return (float(values.mean() - half), float(values.mean() + half))


def two_sample(values: Any, level: float = 0.95) -> float:
    """How far the mean of as many other values may lie from that of these by chance, if both spread alike (Student)."""
    values = np.asarray(values, float)
    return _student(values, level) * float(np.sqrt(2 / len(values)))


def _student(values: np.ndarray, level: float) -> float:
    """The standard deviation of values times the quantile of Student's distribution."""
    from scipy.stats import t

    return float(t.ppf((1 + level) / 2, len(values) - 1) * values.std(ddof=1))


def provenance(seconds: float, at: str | None = None) -> dict[str, Any]:
    """The commit (marked if files had changed since, or the one it began at), versions, device and duration of a result."""
    packages = ("unentangle", "jax", "equinox", "optax", "numpy", "scikit-learn")
    device = jax.devices()[0]
    return {
        "commit": at or commit(),
        "versions": {"python": platform.python_version()} | {name: version(name) for name in packages},
        "device": {"kind": device.device_kind, "backend": device.platform, "cores": cores()},
        "matrix_precision": jax.config.jax_default_matmul_precision or "default (float32; TF32 on NVIDIA GPUs)",  # pyright: ignore[reportAttributeAccessIssue]
        "seconds": round(seconds, 1),
    }


def summary(rows: Sequence[Row]) -> dict[str, Any]:
    """Each number of the rows: its values, their mean and its interval. What is no number is left out."""
    columns = {name: [row[name] for row in rows] for name, first in rows[0].items() if np.isscalar(first)}
    return {name: {"values": v, "mean": float(np.mean(v)), "interval_95": interval(v)} for name, v in columns.items()}


def rows_of(measures: Mapping[str, Any]) -> list[Row]:
    """The inverse of `summary`; what is null in JSON was not finite."""
    values = ([np.nan if v is None else v for v in measure["values"]] for measure in measures.values())
    return [dict(zip(measures, row, strict=True)) for row in zip(*values, strict=True)]


def cores() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def commit() -> str:
    """The commit of this code, marked if files have changed since."""

    def git(*words: str) -> str:
        return subprocess.run(
            ["git", *words], cwd=Path(__file__).parent, capture_output=True, text=True, check=True
        ).stdout.strip()

    try:
        return git("rev-parse", "--short=12", "HEAD") + ("+changes" if git("status", "--porcelain", "-uno") else "")
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
