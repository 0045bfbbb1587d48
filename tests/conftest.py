import atexit
import gc
import os
import shutil
import tempfile
from importlib.metadata import version
from pathlib import Path

# Most of the time of a test goes into compiling programs that run for a moment: compile them with less care. The second flag is
# not known to every XLA, which then stops.
os.environ.setdefault("XLA_FLAGS", "--xla_backend_optimization_level=0")
if version("jaxlib").startswith("0.10."):
    os.environ["XLA_FLAGS"] += " --xla_cpu_use_fusion_emitters=false"

import jax
import matplotlib as mpl
import pytest
from hypothesis import settings

mpl.use("Agg")
gc.set_threshold(100_000, 20, 100)  # tracing makes many small things that live: do not look through them so often
if "UNENTANGLE_TEST_CACHE" not in os.environ:  # the workers of a session inherit it, and share what they compile
    os.environ["UNENTANGLE_TEST_CACHE"] = tempfile.mkdtemp(prefix="unentangle-tests-")
    atexit.register(shutil.rmtree, os.environ["UNENTANGLE_TEST_CACHE"], ignore_errors=True)
jax.config.update("jax_compilation_cache_dir", os.environ["UNENTANGLE_TEST_CACHE"])
jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.1)
settings.register_profile("house", deadline=None, max_examples=20, derandomize=True)
settings.load_profile("house")

SHARED = Path(__file__).parents[2] / "shared"
for name in ("data", "cases"):
    if (SHARED / name).is_dir():
        os.environ.setdefault(f"UNENTANGLE_{name.upper()}", str(SHARED / name))


@pytest.fixture
def real_data() -> Path:
    """The folder of real data; tests that need it are skipped where it is not."""
    folder = Path(os.environ.get("UNENTANGLE_DATA", "nowhere"))
    if not folder.is_dir():
        pytest.skip("UNENTANGLE_DATA names no folder of real data")
    return folder


@pytest.fixture
def cache(tmp_path, monkeypatch) -> Path:
    """A cache folder of the test's own."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "unentangle"
