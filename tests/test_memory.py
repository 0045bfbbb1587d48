"""What a step frees."""

import os
import platform
import subprocess
import sys
from typing import Any

import pytest

import unentangle as un
from unentangle.train import memory
from worlds import dense_latents, small_mra

PROGRAM = """
import ctypes, resource, sys
from runpy import run_path

keep_freed = run_path(sys.argv[1])["keep_freed"]  # alone: the package takes seconds to import
libc = ctypes.CDLL(None)
libc.malloc.restype, libc.malloc.argtypes = ctypes.c_void_p, [ctypes.c_size_t]
libc.memset.argtypes, libc.free.argtypes = [ctypes.c_void_p, ctypes.c_int, ctypes.c_size_t], [ctypes.c_void_p]

def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(20):
        block = libc.malloc(48 << 20)
        libc.memset(block, 1, 48 << 20)
        libc.free(block)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

first = faults()
try:
    with keep_freed():
        kept, again = faults(), faults()
        raise KeyboardInterrupt
except KeyboardInterrupt:
    print(first, again, faults(), libc.mallopt(-3, 1 << 30))
"""


def faults_of(**environment: str) -> tuple[int, int, int, int]:
    """Page faults at first, where what is freed is kept, and after it was given back; and whether this glibc can."""
    bare = {name: value for name, value in os.environ.items() if not name.startswith(("MALLOC_", "GLIBC_"))}
    run = subprocess.run(
        [sys.executable, "-c", PROGRAM, memory.__file__],
        env=bare | environment,
        capture_output=True,
        text=True,
        check=True,
    )
    first, kept, after, able = map(int, run.stdout.split())
    return first, kept, after, able


@pytest.mark.long
@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other C libraries have settings of their own, or none")
def test_freed_memory_is_kept_and_given_back_and_left_to_who_has_set_it():
    first, kept, after, able = faults_of()
    if not able:
        pytest.skip("this glibc keeps blocks up to 32 MiB only")
    assert kept < first / 10
    assert first / 40 < after < first / 10  # once more, and kept again
    first, kept, *_ = faults_of(MALLOC_ARENA_MAX="2")
    assert kept > first / 2


def test_a_training_and_a_study_leave_the_settings_of_the_process_alone(monkeypatch):
    calls = []
    monkeypatch.setattr(memory, "_glibc", calls.append)
    training: Any = {"steps": 2, "batch": 8, "progress": False}
    un.train(dense_latents(un.AE), small_mra(), **training)
    un.study([dense_latents(un.AE)], small_mra(), seeds=0, measure=lambda model, data: {}, **training)
    assert not calls
