"""The JSON beside every result: what was measured, on what, and for how long."""

import platform
import subprocess
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import jax
import numpy as np
from scipy.stats import t as student

from ..storage import write_json


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
        "device": {"kind": device.device_kind, "backend": device.platform, "cores": len(_cores())},
        "matrix_precision": jax.config.jax_default_matmul_precision or "default (float32; TF32 on NVIDIA GPUs)",  # pyright: ignore[reportAttributeAccessIssue]
        "seconds": round(seconds, 1),
    }


def write_result(
    path: Path, settings: dict[str, Any], measured: dict[str, Any], printed: dict[str, Any], seconds: float, at: str
) -> None:
    """Write a result: its settings, each measure with its values per seed, mean and interval, and the paper's number."""
    table = {name: found | {"printed": printed.get(name)} for name, found in summary(measured).items()}
    write_json(path, {"settings": settings, "measures": table, "provenance": provenance(seconds, at)})


def summary(measured: Mapping[str, Sequence[float]]) -> dict[str, Any]:
    """Each measure with its values per seed, their mean and its interval."""
    return {name: {"values": list(v), "mean": float(np.mean(v)), "interval_95": interval(v)} for name, v in measured.items()}


def _cores() -> set[int]:
    import os

    return os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else set(range(os.cpu_count() or 1))


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
