"""The pages: their numbers come from results, their pictures and links are there, and the README is short and plain."""

import importlib.util
import re
import runpy
import sys
from functools import partial, reduce
from pathlib import Path

import numpy as np
import pytest

import unentangle as un
from unentangle.methods import METHODS

ROOT = Path(__file__).parents[1]
RENDER = runpy.run_path(str(ROOT / "docs" / "render.py"))
PAGES = {page: template for template, page in RENDER["pages"]().items()}
PROSE = [*PAGES, ROOT / "ARCHITECTURE.md", ROOT / "CONTRIBUTING.md"]
LONGEST = 25  # words of a sentence


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def anchors(text: str) -> set[str]:
    """The names by which links reach the headings of a page."""
    headings = re.findall(r"^#+ (.+)$", re.sub(r"```.*?```", "", text, flags=re.DOTALL), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def examples(page: Path) -> list[str]:
    """The Python of a page."""
    return re.findall(r"```python\n(.*?)```", page.read_text(), re.DOTALL)


def sentences(text: str) -> list[str]:
    """The sentences of a page outside code, tables and headings, links and emphasis taken off."""
    text = re.sub(r"```.*?```|<!--.*?-->|^#.*?$|^\|.*?$|!\[.*?\]\(.*?\)", "", text, flags=re.DOTALL | re.MULTILINE)
    text = re.sub(r"\[([^\]]+)\]\([^)]+\)", r"\1", text).replace("*", "")
    blocks = re.split(r"\n\s*\n|\n\s*(?:- |\d+\. )", "\n" + text)
    return [s for block in blocks for s in re.split(r"(?<=[.?!])\s+(?=[^a-z\s])", " ".join(block.split())) if s]


def test_every_page_has_a_template():
    assert {page for page in PAGES if page.parent.name == "docs"} == set((ROOT / "docs").glob("*.md"))


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_pages_are_their_templates_rendered(page):
    """If not: change the template, not the page, and run `python docs/render.py`."""
    assert page.read_text() == RENDER["rendered"](PAGES[page].read_text())


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_no_marks_stand_in_pages(page):
    text = page.read_text()
    assert "{{" not in text
    marks = ["<!-- the main command -->", "<!-- the test command -->"] if page.name == "README.md" else []
    assert re.findall(r"<!--.*?-->", text, re.DOTALL) == marks


@pytest.mark.parametrize(
    "placeholder", ["results/symae_swaps.json seeds .2f", "results/symae_swaps.json measures/nothing/mean .2f", "a number"]
)
def test_a_placeholder_that_is_no_number_is_refused(placeholder):
    with pytest.raises((KeyError, TypeError, ValueError)):
        RENDER["filled"](placeholder)


@pytest.mark.parametrize("page", PROSE, ids=name)
def test_pictures_and_links_of_pages_are_there(page):
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text()):
        if "://" not in target:
            file, _, anchor = target.partition("#")
            path = page.parent / file if file else page
            assert path.exists(), target
            assert not anchor or anchor in anchors(path.read_text()), target


def test_the_readme_is_short():
    text = (ROOT / "README.md").read_text()
    assert len(text.splitlines()) <= 120
    assert len(text.encode()) <= 8000
    assert len(re.findall(r"!\[", text)) == 1
    assert len(re.findall(r"\{\{", (RENDER["TEMPLATES"] / "README.md").read_text())) > 10


@pytest.mark.parametrize("page", PROSE, ids=name)
def test_sentences_are_short(page):
    assert [s for s in sentences(page.read_text()) if len(s.split()) > LONGEST] == []


def test_architecture_names_every_room():
    rooms = re.findall(r"`(\w+)/?`", (ROOT / "ARCHITECTURE.md").read_text())
    there = {path.stem for path in (ROOT / "src" / "unentangle").iterdir() if not path.name.startswith("_")}
    assert there <= set(rooms)


# -- what pages tell to type ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("page", PROSE, ids=name)
def test_names_of_the_package_are_there(page):
    for dotted in re.findall(r"\bun\.([A-Za-z]\w*(?:\.[A-Za-z]\w*)*)", page.read_text()):
        if dotted != "data.NAME":
            reduce(getattr, dotted.split("."), un)


def test_the_worked_example_of_a_method_runs(tmp_path, monkeypatch):
    """As a file among the methods it trains, encodes, swaps and comes back from disk."""
    file, module = tmp_path / "toy.py", "unentangle.methods.toy"
    file.write_text(examples(ROOT / "docs" / "extending.md")[0])
    spec = importlib.util.spec_from_file_location(module, file)
    assert spec
    assert spec.loader
    toy = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, module, toy)
    spec.loader.exec_module(toy)
    monkeypatch.setitem(METHODS, "toy", toy.Toy)

    data = un.data.mra(12, 10)
    model = un.train(toy.Toy(), data, steps=10, batch=(4, 10), progress=False)[0]
    codes = model.encode(data)
    assert (codes.coherent.shape, codes.nuisance.shape) == ((12, 2), (120, 3))
    assert model.swap(data, data.take(np.arange(5))).shape == (12, 5, 100)
    model.save(tmp_path / "toy.safetensors")
    again = un.Model.load(tmp_path / "toy.safetensors")
    np.testing.assert_allclose(again.reconstruct(data), model.reconstruct(data), rtol=1e-5, atol=1e-6)


@pytest.mark.long
def test_the_python_of_the_readme_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(un, "train", partial(un.train, steps=2, progress=False))
    rows = np.random.default_rng(0).standard_normal((24, 32))
    np.savez("recordings.npz", x=rows, event=np.repeat(np.arange(6), 4))
    names = {}
    for example in examples(ROOT / "README.md"):
        exec(example, names)
    assert names["virtual"].shape == (6, 24, 32)
    assert names["latents"].shape == (360, 8)
