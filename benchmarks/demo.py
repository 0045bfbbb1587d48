"""How long `unentangle demo` takes from nothing compiled to the printed numbers, and how right its swaps are.

Run: python benchmarks/demo.py
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from time import monotonic

from unentangle.recipes.record import provenance
from unentangle.storage import read_json, write_json


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        start = monotonic()
        program = "import sys; from unentangle.cli import main; sys.exit(main(sys.argv[1:]))"
        command = [sys.executable, "-c", program, "demo", "--out", f"{folder}/run"]
        subprocess.run(command, check=True, env=os.environ | {"HOME": folder})  # no compiled programs from before
        seconds = monotonic() - start
        metrics = read_json(Path(folder) / "run" / "metrics.json")
    result = {"command": "unentangle demo", "seconds": round(seconds, 1), "metrics": metrics}
    write_json(Path(__file__).parent / "results" / "demo.json", result | {"provenance": provenance(seconds)})


if __name__ == "__main__":
    main()
