"""The folder of a run: settings, models, histories, and the checkpoints of unfinished seeds."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from ..errors import InputError
from ..methods.protocol import Method
from ..model import Model
from ..storage import plain, read_about, read_json, read_tree, write, write_json, write_tree


class Record(NamedTuple):
    """The history of a training: at the end of each chunk of steps, the seconds so far (without interruptions) and the mean of
    every loss term over the chunk.
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
        names, *rows = (line.split(",") for line in text.splitlines())
        steps, *columns = list(zip(*rows, strict=True)) or [()] * len(names)
        seconds, *terms = [[float(v) for v in c] for c in columns]
        return Record([int(v) for v in steps], seconds, dict(zip(names[2:], terms, strict=True)))


class RunFolder(NamedTuple):
    """The files of a run: `config.json`, and per seed `model-<seed>.safetensors` and `history-<seed>.csv`.

    The checkpoint of seeds that train together has the name of the first.
    """

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

    def _checkpoint(self, seeds: tuple[int, ...]) -> Path:
        return self.path / f"checkpoint-{seeds[0]}.safetensors"

    def claim(self, settings: dict[str, Any]) -> None:
        """Take the folder for a run with these settings, or take the same run up again.

        Raises:
            InputError: if it holds another run, or other files.
        """
        config = self.path / "config.json"
        if config.exists():
            saved, wanted = read_json(config), plain(settings)
            if not isinstance(saved, dict):
                raise InputError(f"{config} is not the configuration of a run; give another folder, or remove this one.")
            differing = sorted(k for k in wanted.keys() | saved.keys() if wanted.get(k) != saved.get(k))
            if differing:
                raise InputError(
                    f"{self.path} holds another run: its {' and '.join(differing)} "
                    f"{'differs' if len(differing) == 1 else 'differ'}; give another folder, or remove this one."
                )
        elif self.path.exists() and not (self.path.is_dir() and all(p.suffix == ".tmp" for p in self.path.iterdir())):
            raise InputError(f"{self.path} is not an empty folder and holds no run; give another one.")
        else:
            write_json(config, settings)

    def holds(self, seeds: tuple[int, ...]) -> bool:
        """Whether the models and histories of these seeds are all there."""
        return all(self.model(s).exists() and self.history(s).exists() for s in seeds)

    def finished(self, seeds: tuple[int, ...], method: Method) -> dict[int, tuple[Model, Record]] | None:
        """The models and histories of these seeds, if all are there."""
        if not self.holds(seeds):
            return None
        return {s: (Model.load(self.model(s), method), Record.parse(self.history(s).read_text())) for s in seeds}

    def finish(self, seed: int, model: Model, record: Record) -> None:
        """Keep the model and history of a seed."""
        write(self.history(seed), record.csv())
        model.save(self.model(seed))

    def checkpoint(self, seeds: tuple[int, ...], states: Any, records: list[Record], step: int) -> None:
        """Keep the states of seeds that train together, after so many steps."""
        about = {"step": step, "seeds": seeds, "history": [r.csv() for r in records]}
        write_tree(self._checkpoint(seeds), states, about)

    def resume(self, seeds: tuple[int, ...], like: Any) -> tuple[Any, list[Record], int] | None:
        """The states, records and step of the checkpoint of these seeds, if there is one; `like` has their structure."""
        if not (path := self._checkpoint(seeds)).exists():
            return None
        about = read_about(path)
        return read_tree(path, like), [Record.parse(h) for h in about["history"]], about["step"]

    def forget(self, seeds: tuple[int, ...]) -> None:
        """Remove the checkpoint of finished seeds."""
        self._checkpoint(seeds).unlink(missing_ok=True)
