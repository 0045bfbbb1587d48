"""The folder of a run: settings, models, histories, and the checkpoints of unfinished seeds."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from ..errors import InputError, brief
from ..methods.protocol import Method
from ..model import Model
from ..storage import digest, misfit, plain, read_about, read_json, read_text, read_tree, write, write_json, write_tree

CONFIG = {"seeds": [int], "*": object}
CHECKPOINT = {"step": int, "seeds": [int], "history": [str], "run?": str}


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

    def csv(self, run: str = "") -> str:
        """One line per chunk: the step it ended with, seconds, terms, and of which run it is."""
        last = ["run"] * bool(run), [run] * bool(run)
        lines = [",".join(["step", "seconds", *self.terms, *last[0]])]
        rows = zip(self.steps, self.seconds, *self.terms.values(), strict=True)
        lines += [",".join([*map(repr, row), *last[1]]) for row in rows]
        return "\n".join(lines) + "\n"

    @staticmethod
    def parse(text: str, run: str = "") -> "Record":
        """The inverse of `csv`.

        Raises:
            InputError: if it is no such text, or of another run than this.
        """
        try:
            names, *rows = (line.split(",") for line in text.splitlines())
            if names[:2] != ["step", "seconds"]:
                raise ValueError("its first columns are not step and seconds")
            steps, *columns = list(zip(*rows, strict=True)) or [()] * len(names)
            if names[-1] == "run":
                names, columns, own = names[:-1], columns[:-1], columns[-1]
                if run and set(own) - {run}:
                    raise InputError("it belongs to another run")
            seconds, *terms = [[float(v) for v in c] for c in columns]
            return Record([int(v) for v in steps], seconds, dict(zip(names[2:], terms, strict=True)))
        except InputError:
            raise
        except (ValueError, IndexError) as error:
            raise InputError(f"it is no history of a training ({brief(error)})") from error


class RunFolder(NamedTuple):
    """The files of a run: `config.json`, and per seed `model-<seed>.safetensors` and `history-<seed>.csv`.

    The checkpoint of seeds that train together has the name of the first. All of them say of which run they are.
    """

    path: Path
    run: str = ""

    @classmethod
    def of(cls, path: Path, settings: Mapping[str, Any]) -> "RunFolder":
        """The folder of a run with these settings, as they are in `config.json`."""
        return cls(path, digest({name: v for name, v in settings.items() if name not in ("seeds", "snapshots")}))

    @staticmethod
    def config(path: Path) -> dict[str, Any]:
        """The settings in a folder.

        Raises:
            InputError: if it holds no run, or its settings are damaged.
        """
        if not (path / "config.json").exists():
            raise InputError(f"{path} holds no run; unentangle fit makes one.")
        return read_json(path / "config.json", CONFIG, "configuration of a run")

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

    def load(self, seed: int, method: Method | None = None, step: int | None = None) -> Model:
        """The model of a seed, at the end or after so many steps.

        Raises:
            InputError: if it is damaged, or of another run or seed.
        """
        path = self.model(seed) if step is None else self.snapshot(seed, step)
        return Model.load(path, method, run=self.run, seed=seed)

    def claim(self, settings: dict[str, Any]) -> None:
        """Take the folder for a run with these settings, or take the same run up again.

        Raises:
            InputError: if it holds another run, or other files.
        """
        config = self.path / "config.json"
        if config.exists():
            saved, wanted = read_json(config, CONFIG, "configuration of a run"), plain(settings)
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
        return {s: (self.load(s, method), self._record(self.history(s), read_text(self.history(s)), s)) for s in seeds}

    def _record(self, path: Path, text: str, seed: int) -> Record:
        try:
            return Record.parse(text, f"{self.run}-{seed}")
        except InputError as error:
            raise InputError(f"{path} cannot be used: {error}; remove it, and the same command trains again.") from error

    def finish(self, seed: int, model: Model, record: Record) -> None:
        """Keep the model and history of a seed."""
        self._there()
        write(self.history(seed), record.csv(f"{self.run}-{seed}"))
        model.save(self.model(seed), self.run)

    def _there(self) -> None:
        """Refuse a folder that somebody has removed: to make it anew would only hide that."""
        if not self.path.is_dir():
            raise InputError(f"{self.path} was removed by somebody while it was written; give the same command again.")

    def checkpoint(self, seeds: tuple[int, ...], states: Any, records: list[Record], step: int) -> None:
        """Keep the states of seeds that train together, after so many steps."""
        self._there()
        about = {"step": step, "seeds": seeds, "history": [r.csv() for r in records], "run": self.run}
        write_tree(self._checkpoint(seeds), states, about)

    def resume(self, seeds: tuple[int, ...], like: Any) -> tuple[Any, list[Record], int] | None:
        """The states, records and step of the checkpoint of these seeds, if there is one; `like` has their structure."""
        if not (path := self._checkpoint(seeds)).exists():
            return None
        about = read_about(path)
        again = "remove it, and the same command trains from the start"
        if problem := misfit(about, CHECKPOINT):
            raise InputError(f"{path} is no checkpoint: {problem}; {again}.")
        if about.get("run", self.run) != self.run or tuple(about["seeds"]) != seeds:
            raise InputError(f"{path} belongs to another run or to other seeds; {again}.")
        if len(about["history"]) != len(seeds) or about["step"] < 0:
            raise InputError(f"{path} is no checkpoint of {len(seeds)} seed(s); {again}.")
        records = [self._record(path, text, seed) for text, seed in zip(about["history"], seeds, strict=True)]
        return read_tree(path, like), records, about["step"]

    def forget(self, seeds: tuple[int, ...]) -> None:
        """Remove the checkpoint of finished seeds."""
        self._checkpoint(seeds).unlink(missing_ok=True)
