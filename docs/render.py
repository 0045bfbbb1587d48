"""Render the pages of the project from their templates.

    python docs/render.py

docs/templates/README.md becomes README.md, every other docs/templates/NAME.md becomes docs/NAME.md. A template is Markdown with
two kinds of placeholder:

    {{ results/symae_swaps.json measures/swap_error/mean .4f }}      a number: a file, the keys to it, its format
    {{ table results/nashae_table_1.json nashae.readme }}            a table: a file, and the recipe's function that lays it out

Files are named from the repository's root. Keys are those of objects or positions in lists; `max` and `min` are the greatest
and the least value of a list. A slash between blanks belongs to a key: `cases/output / 10/seconds`.
"""

import importlib
import json
import re
from functools import cache
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
TEMPLATES = ROOT / "docs" / "templates"
NUMBER = re.compile(r"(?P<file>\S+\.json) (?P<keys>.+) (?P<format>\.\d+f)")
TABLE = re.compile(r"table (?P<file>\S+\.json) (?P<module>\w+)\.(?P<function>\w+)")


@cache
def content(file: str) -> Any:
    """What a JSON file of the repository holds."""
    return json.loads((ROOT / file).read_text())


def number(file: str, keys: str) -> float:
    """The number that the keys lead to; KeyError, IndexError or TypeError if they lead to none."""
    value = content(file)
    for key in re.split(r"(?<! )/(?! )", keys):
        if isinstance(value, dict):
            value = value[key]
        else:
            value = {"max": max, "min": min}[key](value) if key in ("max", "min") else value[int(key)]
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"{file} {keys} is {value!r}; a number is needed.")
    return value


def filled(placeholder: str) -> str:
    """The text that takes the place of `{{ placeholder }}`; ValueError if it is neither a number nor a table."""
    if match := NUMBER.fullmatch(placeholder):
        return format(number(match["file"], match["keys"]), match["format"])
    if match := TABLE.fullmatch(placeholder):
        recipe = importlib.import_module(f"unentangle.recipes.{match['module']}")
        return getattr(recipe, match["function"])(content(match["file"]))
    raise ValueError(f"{{{{ {placeholder} }}}} is neither a number nor a table.")


def rendered(template: str) -> str:
    """A template with all its placeholders filled."""
    return re.sub(r"\{\{ (.+?) \}\}", lambda match: filled(match[1]), template)


def pages() -> dict[Path, Path]:
    """Every template, and the page that it becomes."""
    templates = sorted(TEMPLATES.glob("*.md"))
    return {t: ROOT / "README.md" if t.name == "README.md" else ROOT / "docs" / t.name for t in templates}


if __name__ == "__main__":
    for template, page in pages().items():
        page.write_text(rendered(template.read_text()))
        print(f"wrote {page.relative_to(ROOT)}")
