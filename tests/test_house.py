"""The house rules that a machine can hold."""

import ast
import re
from pathlib import Path

import pytest

import unentangle as un

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src" / "unentangle"

KNOWS = {
    "errors": set(),
    "schedules": {"errors"},
    "gaussian": set(),
    "storage": {"errors"},
    "data": {"errors", "datasets", "io"},  # the last two as names of `un.data` only
    "io": {"errors", "data", "storage"},
    "datasets": {"errors", "data", "io", "storage"},
    "nets": {"errors", "data"},
    "dependence": {"errors", "gaussian"},
    "metrics": {"errors", "data"},
    "plots": {"data"},
    "geodesics": {"dependence", "errors"},
    "methods": {"errors", "geodesics", "schedules", "data", "nets", "gaussian", "dependence", "metrics"},
    "export": {"errors", "methods", "storage"},
    "model": {"errors", "export", "schedules", "data", "methods", "storage"},
    "train": {"errors", "schedules", "data", "methods", "model", "storage"},
    "streams": {"errors", "data", "io", "methods", "model"},
    "inspection": {"errors", "schedules", "data", "methods", "train"},
    "evaluate": {"errors", "data", "datasets", "dependence", "metrics", "methods", "model", "train"},
    "study": {"errors", "schedules", "data", "methods", "model", "evaluate", "storage", "train"},
    "figures": {"data", "datasets", "evaluate", "metrics", "model", "plots"},
    "recipes": None,
    "cli": None,  # the top knows everybody
    "__init__": None,
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
    assert len(un.__all__) <= 25


def test_every_test_file_mirrors_a_part():
    parts = {p.stem for p in SOURCE.rglob("*")} | {"house", "pages", "tutorials"}
    assert {p.stem.removeprefix("test_") for p in (ROOT / "tests").glob("test_*.py")} <= parts


def test_the_version_is_the_same_everywhere():
    for name in ("pyproject.toml", "CITATION.cff"):
        assert re.search(rf'^version[:=]? ?=? ?"?{re.escape(un.__version__)}"?$', (ROOT / name).read_text(), re.MULTILINE)
    assert f"[{un.__version__}]" in (ROOT / "CHANGELOG.md").read_text()
