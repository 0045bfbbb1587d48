"""Names are text, warnings of others are not shown, and signals and pipes end a command in order."""

import logging
import os
import signal
import subprocess
import sys
import warnings
from types import SimpleNamespace

import matplotlib.pyplot as plt
import pytest

from unentangle import terminal
from unentangle.cli import main
from unentangle.errors import InputError, Note, sentence, visible
from unentangle.progress import Display
from unentangle.storage import save

NAMES = "k [/km]", "v [m/s]", ":smile:", "[bold]x[/bold]", "$a_$", "{x}"
ORDERS = "\x1b[31m", "\x9b2J", "\u202e", "\x07", "\u2066", "\r"


def test_names_are_printed_as_they_are(capsys):
    terminal.show(SimpleNamespace(table=[["", *NAMES], ["row", *NAMES]], lines=list(NAMES)))
    with Display() as display:
        for done in (1, 2):
            display.update(NAMES[0], done, 2, NAMES[1])
    out, err = capsys.readouterr()
    assert [out.count(name) for name in NAMES] == [3] * len(NAMES)
    assert NAMES[0] in err
    assert NAMES[1] in err


@pytest.mark.parametrize("order", ORDERS)
def test_no_order_reaches_the_terminal(order, capsys):
    terminal.say(f"a{order}b")
    terminal.show(SimpleNamespace(table=[[order], [order]], lines=[order]))
    with Display() as display:
        display.update(order, 1, 1, "x")
    assert order not in "".join(capsys.readouterr())
    assert order not in sentence(InputError(f"a{order}b")) + visible(order)


def test_names_in_figures_are_no_formulas(tmp_path):
    figure, ax = plt.subplots()
    ax.set(title="$a_{$", xlabel="x\x1b[0m", yscale="log")
    ax.plot([1, 1000], label="$\\frac{$")
    ax.legend()
    save(figure, tmp_path / "figure.png")
    assert (tmp_path / "figure.png").stat().st_size


def test_errors_of_the_system_name_the_file_and_no_number():
    assert sentence(OSError(28, "No space left on device", "a.npz")) == "a.npz: no space left on device."


def test_only_our_own_warnings_are_said(capsys):
    with terminal.calm():
        warnings.warn("theirs", UserWarning, stacklevel=1)
        warnings.warn("theirs", RuntimeWarning, stacklevel=1)
        logging.getLogger("theirs").warning("theirs")
        warnings.warn("ours", Note, stacklevel=1)
    assert "".join(capsys.readouterr()) == "note: ours\n"


@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP"])
def test_a_signal_stops_as_an_interrupt_does(name, monkeypatch, capsys):
    number = getattr(signal, name)
    monkeypatch.setattr("unentangle.cli._run", lambda args: os.kill(os.getpid(), number))
    around = signal.signal(number, signal.SIG_DFL)  # nohup and the like have it ignored, which is left as it is
    try:
        assert main(["inspect", "x"]) == 128 + number
        assert "the same command goes on" in capsys.readouterr().err
        assert signal.getsignal(number) == signal.SIG_DFL
    finally:
        signal.signal(number, around)


@pytest.mark.parametrize(
    ("change", "command"),
    [
        ({"PYTHONIOENCODING": "ascii"}, "{} inspect 'gone-\u00e9.npz'"),
        ({"COLUMNS": "5"}, "{} encode --help"),
        ({"HOME": None}, "{} --help"),
        ({}, "{} --help >&-"),
        ({}, "{} --help 2>&1 | true"),
        ({}, "{} inspect gone.npz 2>&- >&-"),
    ],
)
def test_odd_surroundings_are_no_reason_for_a_traceback(change, command, tmp_path):
    environment = {name: value for name, value in (os.environ | change).items() if value is not None}
    program = command.format(f"{sys.executable} -m unentangle")
    done = subprocess.run(program, shell=True, capture_output=True, text=True, timeout=60, env=environment, cwd=tmp_path)
    assert "Traceback" not in done.stdout + done.stderr
    assert "Exception ignored" not in done.stderr
