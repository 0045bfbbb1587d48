"""What a step frees stays with the process."""

import ctypes
import sys
from functools import cache

import jax

TRIM_THRESHOLD, MMAP_THRESHOLD, ARENA_MAX = -1, -3, -8  # names of <malloc.h>
MIB = 1 << 20


@cache
def keep_freed() -> None:
    """Let the C library keep up to 1 GiB of freed memory, in one arena, where JAX computes on a CPU.

    A step asks for its temporary arrays anew, and glibc returns as much to the system at its end, page by page: ten thousand
    page faults of a SymAE step, a fifth of its time. Does nothing where the C library is not glibc.
    """
    if not sys.platform.startswith("linux") or jax.default_backend() != "cpu":
        return
    set_option = getattr(ctypes.CDLL(None), "mallopt", None)
    if set_option is None:
        return
    if not set_option(MMAP_THRESHOLD, 1024 * MIB):
        set_option(MMAP_THRESHOLD, 32 * MIB)  # the most before glibc 2.35; unset, the next line would fix it at 128 KiB
    set_option(TRIM_THRESHOLD, 1024 * MIB)
    set_option(ARENA_MAX, 1)  # JAX computes in a thread of its own, and a thread's own arena has blocks of 64 MiB only
