"""What a step frees."""

import sys

import jax
import numpy as np
import pytest

from unentangle.memory import keep_freed


def faults(size: int, times: int) -> int:
    """Page faults of taking and freeing so many bytes, so often."""
    import resource

    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(times):
        np.ones(size, np.uint8)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before


@pytest.mark.skipif(not sys.platform.startswith("linux") or jax.default_backend() != "cpu", reason="glibc on a CPU")
def test_freed_memory_is_taken_again_without_the_system():
    keep_freed()
    faults(1 << 26, 1)
    assert faults(1 << 26, 10) < (1 << 26) // 4096
