"""What a command prints, and what may happen to it: names are text, whatever is in them; others' warnings are not shown."""

import logging
import os
import shutil
import signal
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from .errors import Note, visible

NARROWEST = 40  # columns: pages of help for fewer never end


class Stopped(KeyboardInterrupt):
    """A signal asked the process to end: like an interrupt by the keyboard, so that a checkpoint is kept."""

    def __init__(self, number: int):
        super().__init__(number)
        self.number = number


def say(line: Any, **options: Any) -> None:
    """Print a line, or what rich can render, on the standard output."""
    from rich.console import Console
    from rich.text import Text

    console = Console(highlight=False, markup=False, emoji=False, width=None if sys.stdout.isatty() else 110)
    console.print(Text(visible(line)) if isinstance(line, str) else line, **options)


def show(result: Any) -> None:
    """Print the table and the lines of a result."""
    from rich.table import Table
    from rich.text import Text

    if result.table:
        titles, *rows = ([Text(visible(cell)) for cell in row] for row in result.table)
        table = Table(box=None, pad_edge=False)
        for title in titles:
            table.add_column(title)
        for row in rows:
            table.add_row(*row)
        say(table)
    for line in result.lines:
        say(line)


@contextmanager
def calm() -> Iterator[None]:
    """Print what any terminal can show, end in order at SIGTERM and SIGHUP, and say only our own warnings, as notes."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:  # closed by whoever began this process
            setattr(sys, name, open(os.devnull, "w"))  # noqa: SIM115
        elif hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")  # of names that the terminal's encoding lacks
    if shutil.get_terminal_size().columns < NARROWEST:
        os.environ["COLUMNS"] = str(NARROWEST)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # of XLA
    with warnings.catch_warnings(), _signals(), _quiet():
        warnings.simplefilter("ignore")
        warnings.filterwarnings("default", category=Note)
        warnings.showwarning = _note
        try:
            yield
        finally:
            sys.stdout.flush()


def _note(message: Any, category: Any, *_: Any) -> None:
    """A warning of ours as a note; those of other packages are about what only we can change."""
    if issubclass(category, Note):
        print(f"note: {visible(str(message))}", file=sys.stderr)


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep the logs of other packages, which are warnings in another way, off the screen."""
    before, logging.lastResort = logging.lastResort, logging.NullHandler()
    disabled = logging.root.manager.disable
    logging.disable(logging.ERROR)
    try:
        yield
    finally:
        logging.lastResort = before
        logging.disable(disabled)


@contextmanager
def _signals() -> Iterator[None]:
    """Raise `Stopped` at the first SIGTERM or SIGHUP, unless this is not the main thread, or one of them is ignored."""

    def stop(number: int, _: Any) -> None:
        raise Stopped(number)

    before = {}
    for name in ("SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)
        try:
            if number is not None and signal.getsignal(number) == signal.SIG_DFL:
                before[number] = signal.signal(number, stop)
        except ValueError:  # another thread than the main one
            pass
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def gone() -> int:
    """The exit status after whoever read the output has gone; the rest of it goes nowhere."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):  # no file, as in a notebook
            os.dup2(nowhere, stream.fileno())
    return 128 + getattr(signal, "SIGPIPE", 13)
