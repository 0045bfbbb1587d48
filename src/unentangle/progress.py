"""Show how far long work is: bars on a terminal, lines of text elsewhere, both on the standard error."""

from collections.abc import Iterator, Sequence
from time import monotonic
from typing import Any, TypeVar

from .errors import visible

Item = TypeVar("Item")


class Display:
    """Named bars, or a line for every tenth if the standard error is no terminal. Rich is imported only if this is shown."""

    def __init__(self, show: bool = True):
        self.bars: Any = None
        self.started: dict[str, tuple[Any, float, float]] = {}  # the bar of each name, when it began, and with how much done
        self.tenths: dict[str, int] = {}
        if show:
            from rich.console import Console
            from rich.progress import BarColumn, Progress, TextColumn

            console = Console(stderr=True, highlight=False, markup=False, emoji=False)
            columns = (
                TextColumn("{task.description}", markup=False),
                BarColumn(),
                TextColumn("{task.fields[words]}", markup=False),
            )
            self.bars = Progress(*columns, console=console, disable=not console.is_terminal)

    def __enter__(self) -> "Display":
        if self.bars:
            self.bars.start()
        return self

    def __exit__(self, *error: object) -> None:
        if self.bars:
            self.bars.stop()

    def update(self, name: str, done: float, total: float, words: str = "") -> None:
        """So much of a total is done under this name; `words` say more. What is done at the first call was done before."""
        if not self.bars:
            return
        name = visible(name)
        if name not in self.started:
            self.started[name] = self.bars.add_task(name, total=total, words=""), monotonic(), done
        bar, began, before = self.started[name]
        minutes = (monotonic() - began) / 60
        left = f", about {minutes * (total - done) / (done - before):.1f} min left" if done > before else ""
        words = f"{words}  {minutes:.1f} min{left}"
        self.bars.update(bar, completed=done, words=words)
        tenth = int(10 * done / total) if total else 10
        if not self.bars.console.is_terminal and tenth > self.tenths.get(name, 0):
            self.tenths[name] = tenth
            self.bars.console.print(f"{name}  {words}", soft_wrap=True)


def track(items: Sequence[Item], name: str, show: bool = True) -> Iterator[Item]:
    """The items one by one, with a bar of this name."""
    with Display(show) as display:
        for number, item in enumerate(items):
            display.update(name, number, len(items), f"{number} of {len(items)}")
            yield item
        display.update(name, len(items), len(items), f"{len(items)} of {len(items)}")
