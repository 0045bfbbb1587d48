"""The house rules that a machine can hold."""

import ast
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

import unentangle as un
from unentangle.cli import COMMANDS

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src" / "unentangle"

KNOWS = {
    "errors": set(),
    "schedules": {"errors"},
    "gaussian": set(),
    "storage": {"errors"},
    "progress": {"errors"},
    "terminal": {"errors"},
    "reading": {"errors"},
    "freedom": {"errors"},
    "data": {"errors", "freedom", "reading", "datasets", "io"},  # the last two as names of `un.data` only
    "io": {"errors", "data", "progress", "reading", "storage"},
    "datasets": {"errors", "data", "io", "storage"},
    "nets": {"errors", "data"},
    "dependence": {"errors", "gaussian"},
    "metrics": {"errors", "data", "freedom"},
    "plots": {"data"},
    "geodesics": {"dependence", "errors"},
    "methods": {"errors", "geodesics", "schedules", "data", "nets", "gaussian", "dependence", "metrics"},
    "export": {"errors", "methods", "storage"},
    "model": {"errors", "export", "geodesics", "data", "methods", "storage"},
    "train": {"errors", "progress", "schedules", "data", "methods", "model", "storage"},
    "streams": {"errors", "data", "io", "methods", "model", "storage"},
    "inspection": {"errors", "schedules", "data", "methods", "reading", "train"},
    "classical": {"data", "freedom"},
    "evaluate": {"errors", "classical", "data", "dependence", "gaussian", "metrics", "methods", "model", "train"},
    "study": {"errors", "progress", "schedules", "data", "methods", "model", "evaluate", "storage", "train"},
    "figures": {"data", "evaluate", "methods", "metrics", "model", "plots"},
    "report": {"data", "errors", "evaluate", "figures", "model", "storage", "train"},
    "runs": {"data", "datasets", "errors", "io", "methods", "model", "plots", "reading", "report", "storage", "train"},
    "scoring": {"data", "errors", "io", "metrics", "report", "runs", "storage"},
    "flags": {"data", "datasets", "errors", "methods", "reading", "report", "schedules"},
    "recipes": None,
    "experiments": None,
    "cli": None,  # the top knows everybody
    "__init__": None,
    "__main__": None,
}


def imports(path: Path) -> set[str]:
    """The modules of the package that a file imports, by their first name."""
    found = set()
    depth = len(path.relative_to(SOURCE).parts)
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.level == depth:
            found |= {node.module.split(".")[0]} if node.module else {a.name for a in node.names}
        assert not (isinstance(node, ast.ImportFrom) and (node.module or "").startswith("unentangle"))
    return found


@pytest.mark.parametrize("path", sorted(SOURCE.rglob("*.py")), ids=lambda p: str(p.relative_to(SOURCE)))
def test_imports_go_one_way(path):
    part = path.relative_to(SOURCE).parts[0].removesuffix(".py")
    allowed = KNOWS[part]
    if allowed is not None:
        assert imports(path) - {part} <= allowed


def test_the_trainer_knows_no_method():
    for name in ("train/engine.py", "train/run.py", "methods/protocol.py"):
        assert not re.search(r"symae|nashae|vae", (SOURCE / name).read_text(), re.IGNORECASE)


def test_public_names_are_there():
    assert all(hasattr(un, name) for name in un.__all__)
    assert set(un.__all__) <= set(dir(un))
    assert len(un.__all__) <= 26
    with pytest.raises(AttributeError, match="no attribute 'nonsuch'"):
        _ = un.nonsuch


def fresh(program: str) -> list[str]:
    """What a program prints last in a process of its own, as JSON."""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT)
    return json.loads(done.stdout.splitlines()[-1])


def test_help_is_there_at_once():
    """Nothing but the standard library for `import unentangle`, and nothing heavy for the first screen and for help."""
    commands = [["fit", "mra", "symae"], ["fit"], ["data", "mra"], *([name] for name in COMMANDS)]
    at_import, alone, helped = fresh(
        f"""
import contextlib, io, json, sys
before = set(sys.modules)
def new():
    return sorted({{name.partition(".")[0] for name in set(sys.modules) - before}} - set(sys.stdlib_module_names))
import unentangle
seen = [new()]
from unentangle.cli import main
with contextlib.redirect_stdout(io.StringIO()):
    main([])
    seen.append(new())
    for command in {commands}:
        with contextlib.suppress(SystemExit):
            main([*command, "--help"])
seen.append(new())
print(json.dumps(seen))
"""
    )
    assert at_import == ["unentangle"]
    assert not {"jax", "numpy", "rich"} & set(alone)
    assert not {"matplotlib", "sklearn", "scipy", "h5py", "rich", "PIL", "zarr", "obspy"} & set(helped)


def test_functions_keep_their_names_in_every_order_of_imports():
    """`train`, `study` and `evaluate` are functions, though modules have these names too."""
    orders = [
        "import unentangle as un, unentangle.train.run; from unentangle import train",
        "import unentangle.study as study, unentangle as un; from unentangle import train, evaluate",
        "from unentangle import train, study, evaluate; import unentangle as un, unentangle.evaluate, unentangle.study",
        "from unentangle.train.run import RunFolder; from unentangle.evaluate import evaluate; import unentangle as un",
    ]
    kinds = fresh(
        f"""
import json, sys
kinds = set()
for order in {orders}:
    for name in [n for n in sys.modules if n.partition(".")[0] == "unentangle"]:
        del sys.modules[name]
    names = {{}}
    exec(order, names)
    kinds |= {{type(value).__name__ for name, value in names.items() if name in ("train", "study", "evaluate")}}
    kinds |= {{type(getattr(names["un"], name)).__name__ for name in ("train", "study", "evaluate")}}
print(json.dumps(sorted(kinds)))
"""
    )
    assert kinds == ["function"]


def test_every_test_file_mirrors_a_part():
    parts = {p.stem for p in SOURCE.rglob("*")} | {"cases", "house", "meaning", "pages", "tutorials"}
    assert {p.stem.removeprefix("test_") for p in (ROOT / "tests").glob("test_*.py")} <= parts


def test_the_version_is_the_same_everywhere():
    for name in ("pyproject.toml", "CITATION.cff"):
        assert re.search(rf'^version[:=]? ?=? ?"?{re.escape(un.__version__)}"?$', (ROOT / name).read_text(), re.MULTILINE)
    assert f"[{un.__version__}]" in (ROOT / "CHANGELOG.md").read_text()
