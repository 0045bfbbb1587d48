"""How far long work is."""

import subprocess
import sys

from unentangle import progress


def test_lines_come_every_tenth_and_begin_with_what_was_done_before(capsys):
    with progress.Display() as display:
        for done in range(40, 101):
            display.update("cells", done, 100, f"{done} of 100")
        display.update("seed 1", 1, 100, "not yet a tenth")
    lines = capsys.readouterr().err.splitlines()
    assert [line.split("  ")[1] for line in lines] == [f"{done} of 100" for done in range(40, 101, 10)]
    assert lines[0].endswith("0.0 min")
    assert lines[-1].endswith("0.0 min, about 0.0 min left")


def test_tracked_items_are_all_there(capsys):
    assert list(progress.track("abc", "letters")) == ["a", "b", "c"]
    assert "letters  3 of 3" in capsys.readouterr().err


def test_what_is_not_shown_imports_no_rich():
    program = """
import sys, unentangle.progress
with unentangle.progress.Display(False) as display:
    display.update("seed 0", 1, 2)
assert "rich" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", program], check=True)
