"""What a step frees stays with the process."""

import ctypes
import sys
from functools import cache

import jax

TRIM_THRESHOLD, MMAP_THRESHOLD, ARENA_MAX = -1, -3, -8  # names of <malloc.h>
GIB = 1 << 30


@cache
def keep_freed() -> None:
    """Let the C library keep up to 1 GiB of freed memory, in one arena, where JAX computes on a CPU.

    A step asks for its temporary arrays anew, and glibc returns as much to the system at its end, page by page: ten thousand
    page faults of a SymAE step, a fifth of its time. Does nothing where the C library is not glibc.
    """
    if not sys.platform.startswith("linux") or jax.default_backend() != "cpu":
        return
    set_option = getattr(ctypes.CDLL(None), "mallopt", None)
    for option, value in ((MMAP_THRESHOLD, GIB), (TRIM_THRESHOLD, GIB), (ARENA_MAX, 1)):
        if set_option is not None:
            set_option(option, value)
