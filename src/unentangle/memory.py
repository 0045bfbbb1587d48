"""What a step frees stays with the process while it trains."""

import ctypes
import os
import sys
from functools import cache
from typing import Any

import jax

TRIM_THRESHOLD, MMAP_THRESHOLD, ARENA_MAX = -1, -3, -8  # names of <malloc.h>
MIB = 1 << 20


@cache
def keep_freed() -> None:
    """Let glibc keep what JAX frees on a CPU: blocks below 1 GiB lie in its heap, and up to 1 GiB of free ones stay there.

    A step takes its temporary arrays anew. By default glibc hands them back to the system, some 40 MB of a SymAE step, and the
    next step gets them page by page: ten thousand page faults, a fifth of its time. The settings are those of the whole
    process. Nothing is changed where its environment has settings of its own (`MALLOC_*`, `GLIBC_TUNABLES`), on a GPU, and
    where the C library is not glibc.
    """
    chosen = any(name.startswith("MALLOC_") or name == "GLIBC_TUNABLES" for name in os.environ)
    set_option = None if chosen or jax.default_backend() != "cpu" else _glibc("mallopt")
    if set_option is None:
        return
    if not set_option(MMAP_THRESHOLD, 1024 * MIB):
        set_option(MMAP_THRESHOLD, 32 * MIB)  # the most in older ones; unset, the next line would leave it where it is
    set_option(TRIM_THRESHOLD, 1024 * MIB)
    set_option(ARENA_MAX, 1)  # no new arenas: those of threads hand back every 64 MiB that are free, whatever the threshold


def give_back() -> None:
    """Hand all that is free back to the system, as at the end of a training."""
    if trim := _glibc("malloc_trim"):
        trim(0)


@cache
def _glibc(name: str) -> Any:
    try:
        return getattr(ctypes.CDLL(None), name, None) if sys.platform.startswith("linux") else None
    except OSError:  # a Python that is linked statically
        return None
