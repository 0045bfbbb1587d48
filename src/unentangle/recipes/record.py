"""A recipe at work: what it has trained, and the JSON beside every result: what was measured, on what, and for how long."""

import json
import os
import platform
import re
import subprocess
from collections.abc import Mapping, Sequence
from functools import cache
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from time import monotonic
from typing import Any, NamedTuple

import jax
import numpy as np
from matplotlib.figure import Figure
from scipy.stats import t as student

from ..data import Dataset
from ..errors import InputError
from ..methods.description import describe
from ..methods.protocol import Method
from ..storage import plain, read_json, save, write_json
from ..train.training import Run, prepare, settings, train


class Work(NamedTuple):
    """A recipe at work. It writes `name`.json and pictures into `out`; what it has trained stays there, too, and is taken up
    again by every recipe that asks for the same training by the same code. Fast versions have names of their own.
    `kept` is the JSON that the same code wrote before, or nothing.
    """

    out: Path
    name: str
    fast: bool
    at: str  # the commit at which it began
    begun: float
    kept: Mapping[str, Any]

    def called(self, name: str) -> str:
        """The name of a file or folder."""
        return f"{name}_fast" if self.fast else name

    @property
    def folder(self) -> Path:
        """What this recipe keeps, as long as the code is the same."""
        return self.out / f"{self.called(self.name)}-{code()}"

    def train(self, method: Method, data: Dataset, seeds: int | Sequence[int] = 0, **training: Any) -> Run:
        """One seed, or several as one program, trained, gone on with, or read if they are finished."""
        about = [describe(method), resolved(method, data, **training), data.fingerprint, code()]
        digest = sha256(json.dumps(plain(about)).encode()).hexdigest()[:16]
        folder = self.out / "trained" / f"{type(method).__name__.lower()}-{digest}"
        name = f"seed-{seeds}" if isinstance(seeds, int) else f"seeds-{'-'.join(map(str, seeds))}"
        return train(method, data, seeds=seeds, out=folder / name, **training)

    def write(self, content: Mapping[str, Any]) -> dict[str, Any]:
        """Write the JSON: the content and its provenance, with the seconds that all calls took until they wrote last. (What was
        trained before is read, and its time is with its measures.)
        """
        before = self.kept["provenance"]["seconds"] if self.kept else 0.0
        written = {**content, "provenance": provenance(before + monotonic() - self.begun, self.at) | {"code": code()}}
        write_json(self.out / f"{self.called(self.name)}.json", written)
        return written

    def save(self, figure: Figure, name: str) -> None:
        """A picture."""
        save(figure, self.out / f"{self.called(name)}.png")


def slug(label: str) -> str:
    """A label as part of the name of a file."""
    return re.sub("[^a-z0-9]+", "_", label.lower()).strip("_")


def resolved(method: Method, data: Dataset, *, snapshots: Sequence[int] = (), **training: Any) -> dict[str, Any]:
    """The settings of a training, those that the method recommends in place of what is not given."""
    found = settings(prepare(method, data, **training)) | ({"snapshots": list(snapshots)} if snapshots else {})
    return {name: value for name, value in found.items() if name != "data"}


def begin(out: Path, name: str, fast: bool) -> Work:
    """Start, or go on from the JSON that the same code wrote; what something else wrote there will be overwritten."""
    work = Work(out, name, fast, commit(), monotonic(), {})
    try:
        kept = read_json(out / f"{work.called(name)}.json")
        return work._replace(kept=kept) if kept["provenance"]["code"] == code() else work
    except (InputError, LookupError, TypeError):
        return work


@cache
def code() -> str:
    """A digest of the package's code: what another version has trained is not taken for what this one would."""
    root = Path(__file__).parents[1]
    return sha256(b"".join(path.read_bytes() for path in sorted(root.rglob("*.py")))).hexdigest()[:12]


def interval(values: Any, level: float = 0.95) -> tuple[float, float]:
    """Student's confidence interval of the mean of independent values; without bounds for a single one."""
    values = np.asarray(values, float)
    if len(values) < 2:
        return (-np.inf, np.inf)
    half = student.ppf((1 + level) / 2, len(values) - 1) * values.std(ddof=1) / np.sqrt(len(values))
    return (float(values.mean() - half), float(values.mean() + half))


def two_sample(values: Any, level: float = 0.95) -> float:
    """How far the mean of as many other values may lie from that of these by chance, both spread as these are (Student)."""
    values = np.asarray(values, float)
    return float(student.ppf((1 + level) / 2, len(values) - 1) * values.std(ddof=1) * np.sqrt(2 / len(values)))


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


def summary(measured: Mapping[str, Sequence[float]]) -> dict[str, Any]:
    """Each measure with its values per seed, their mean and its interval."""
    return {name: {"values": list(v), "mean": float(np.mean(v)), "interval_95": interval(v)} for name, v in measured.items()}


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
