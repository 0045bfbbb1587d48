"""Keep freed memory in the process while it trains: an option of the whole process, which `train` and `study` never take."""

import ctypes
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

TRIM_THRESHOLD, MMAP_THRESHOLD, ARENA_MAX = -1, -3, -8  # names of <malloc.h>
MIB = 1 << 20


@contextmanager
def keep_freed() -> Iterator[None]:
    """Let glibc keep what JAX frees on a CPU: blocks below 1 GiB in its heap, up to 1 GiB of free ones. Trim it at the end.

    Every step allocates its temporary arrays anew. By default glibc returns them to the system, some 40 MB a step on signals,
    and the next step gets them page by page. At the end, an interrupt included, all that is free is returned once; the settings
    stay those of the whole process. Nothing is done if the environment has settings of its own (`MALLOC_*`,
    `GLIBC_TUNABLES`), on a GPU, and if the C library is not glibc. A program that owns its process may call it:

        with keep_freed():
            unentangle.train(method, data)
    """
    import jax

    active = jax.default_backend() == "cpu" and _set()
    try:
        yield
    finally:
        if active:
            _glibc("malloc_trim")(0)


@cache
def _set() -> bool:
    """Make the settings, once; whether they may be made."""
    set_option = _glibc("mallopt")
    if set_option is None or any(name.startswith("MALLOC_") or name == "GLIBC_TUNABLES" for name in os.environ):
        return False
    if not set_option(MMAP_THRESHOLD, 1024 * MIB):
        set_option(MMAP_THRESHOLD, 32 * MIB)  # the most in older ones; unset, the next line would leave it where it is
    set_option(TRIM_THRESHOLD, 1024 * MIB)
    set_option(ARENA_MAX, 1)  # no new arenas: those of threads return every 64 MiB that are free, whatever the threshold
    return True


def _glibc(name: str) -> Any:
    try:
        return getattr(ctypes.CDLL(None), name, None) if sys.platform.startswith("linux") else None
    except OSError:  # a Python that is linked statically
        return None
