"""A folder that holds a run: its settings, its models, its history, and the checkpoint of what is still going on."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from ..errors import InputError
from ..methods.protocol import Method
from ..model import Model
from ..storage import plain, read_about, read_json, read_tree, write, write_json, write_tree


class Record(NamedTuple):
    """What is known of a training besides its net: after each chunk of steps, the time it has taken so far (interruptions
    not counted) and the mean of every loss term over the chunk.
    """

    steps: list[int]
    seconds: list[float]
    terms: dict[str, list[float]]

    def add(self, step: int, seconds: float, terms: Mapping[str, float]) -> "Record":
        """This record and one chunk more, which took so many seconds."""
        elapsed = (self.seconds or [0.0])[-1] + seconds
        longer = {name: [*self.terms.get(name, []), value] for name, value in terms.items()}
        return Record([*self.steps, step], [*self.seconds, round(elapsed, 3)], longer)

    def csv(self) -> str:
        """One line per chunk: the step it ended with, seconds, and terms."""
        lines = [",".join(["step", "seconds", *self.terms])]
        lines += [",".join(map(repr, row)) for row in zip(self.steps, self.seconds, *self.terms.values(), strict=True)]
        return "\n".join(lines) + "\n"

    @staticmethod
    def parse(text: str) -> "Record":
        """The inverse of `csv`."""
        names, *rows = (line.split(",") for line in (text or "step,seconds").splitlines())
        steps, *columns = list(zip(*rows, strict=True)) or [()] * len(names)
        seconds, *terms = [[float(v) for v in c] for c in columns]
        return Record([int(v) for v in steps], seconds, dict(zip(names[2:], terms, strict=True)))


class RunFolder(NamedTuple):
    """The files of a run: `config.json`, and per seed `model-<seed>.safetensors` and `history-<seed>.csv`."""

    path: Path

    def model(self, seed: int) -> Path:
        """Where the model of a seed is."""
        return self.path / f"model-{seed}.safetensors"

    def snapshot(self, seed: int, step: int) -> Path:
        """Where the model of a seed is as it was after so many steps."""
        return self.path / f"model-{seed}-step-{step}.safetensors"

    def history(self, seed: int) -> Path:
        """Where the history of a seed is."""
        return self.path / f"history-{seed}.csv"

    def _checkpoint(self, team: tuple[int, ...]) -> Path:
        return self.path / f"checkpoint-{team[0]}.safetensors"

    def claim(self, settings: dict[str, Any]) -> None:
        """Take the folder for a run with these settings, or take the same run up again.

        Raises:
            InputError: if it holds another run, or other files.
        """
        config = self.path / "config.json"
        if config.exists():
            found, wanted = read_json(config), plain(settings)
            if not isinstance(found, dict):
                raise InputError(f"{config} is not the configuration of a run; give another folder, or remove this one.")
            differing = sorted(k for k in wanted.keys() | found.keys() if wanted.get(k) != found.get(k))
            if differing:
                raise InputError(
                    f"{self.path} holds another run: its {' and '.join(differing)} "
                    f"{'differs' if len(differing) == 1 else 'differ'}; give another folder, or remove this one."
                )
        elif self.path.exists() and not (self.path.is_dir() and all(p.suffix == ".tmp" for p in self.path.iterdir())):
            raise InputError(f"{self.path} is not an empty folder and holds no run; give another one.")
        else:
            write_json(config, settings)

    def holds(self, team: tuple[int, ...]) -> bool:
        """Whether the models and histories of a team of seeds are all there."""
        return all(self.model(s).exists() and self.history(s).exists() for s in team)

    def finished(self, team: tuple[int, ...], method: Method) -> dict[int, tuple[Model, Record]] | None:
        """The models and histories of a team of seeds, if all are there."""
        if not self.holds(team):
            return None
        return {s: (Model.load(self.model(s), method), Record.parse(self.history(s).read_text())) for s in team}

    def finish(self, seed: int, model: Model, record: Record) -> None:
        """Keep what a seed has become."""
        write(self.history(seed), record.csv())
        model.save(self.model(seed))

    def checkpoint(self, team: tuple[int, ...], games: Any, records: list[Record], step: int) -> None:
        """Keep the state of a team in the middle of its training."""
        about = {"step": step, "seeds": team, "history": [r.csv() for r in records]}
        write_tree(self._checkpoint(team), games, about)

    def resume(self, team: tuple[int, ...], like: Any) -> tuple[Any, list[Record], int] | None:
        """The games, records and step of a team where it was left, if it was; `like` are games of the same structure."""
        path = self._checkpoint(team)
        if not path.exists():
            return None
        about = read_about(path)
        return read_tree(path, like), [Record.parse(h) for h in about["history"]], about["step"]

    def forget(self, team: tuple[int, ...]) -> None:
        """Drop the checkpoint of a finished team."""
        self._checkpoint(team).unlink(missing_ok=True)
