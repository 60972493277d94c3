"""`recipe.toml`: what can be said in it, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from facedissect.building import Recipe, read_recipe, recipe
from facedissect.building.global_concepts import Grouping
from facedissect.building.skin_tone import SkinToneLimits
from facedissect.errors import SettingsError


def read(folder: Path, content: str) -> Recipe:
    path = folder / "recipe.toml"
    path.write_text(content, encoding="utf-8")
    return read_recipe(path)


def test_the_example_of_the_documentation(tmp_path: Path) -> None:
    example = (recipe.__doc__ or "").partition("\n\n")[2]
    assert read(tmp_path, example) == Recipe(
        kinds=("part", "attribute"),
        smallest_eyes=12,
        largest_turn=45,
        overhang=0.2,
        intensity=1.0,
        probability=0.5,
        groupings=(
            Grouping(
                concept="age",
                column="age",
                edges=(20, 40, 60),
                subgroups=("zero_to_twenty", "twenty_to_forty", "forty_to_sixty", "sixty_plus"),
            ),
            Grouping(concept="gender", column="Male", renames={"true": "Male", "false": "Female"}),
        ),
        skin_tone=SkinToneLimits(dark_below=28, bright_from=28),
    )


def test_an_empty_file_is_the_defaults(tmp_path: Path) -> None:
    assert read(tmp_path, "") == Recipe()
    assert read(tmp_path, "[skin_tone]").skin_tone == SkinToneLimits()


def test_a_column_is_named_as_its_concept_unless_said_otherwise(tmp_path: Path) -> None:
    (grouping,) = read(tmp_path, '[global.race.rename]\nWhite = "white"\nBlack = "black"').groupings
    assert (grouping.concept, grouping.column) == ("race", "race")


def test_it_can_be_kept_as_json(tmp_path: Path) -> None:
    example = (recipe.__doc__ or "").partition("\n\n")[2]
    kept = json.loads(json.dumps(read(tmp_path, example).as_dict()))
    assert kept["skin_tone"] == {"dark_below": 28, "bright_from": 28}
    assert kept["groupings"][1]["renames"] == {"true": "Male", "false": "Female"}


REFUSED = {
    "not toml": ("kinds = [", r"expected a recipe as TOML in UTF-8, got .*recipe.toml: "),
    "key": ("smalest_eyes = 3", r"recipe.toml: expected the keys kinds, .*, got 'smalest_eyes'; nearest: smallest_eyes"),
    "kind": ('kinds = ["parts"]', r"expected kinds out of action_unit, part, attribute, got 'parts'"),
    "no list": ('kinds = "part"', r"expected names as kinds, got 'part'"),
    "eyes": ("smallest_eyes = 0", r"expected smallest_eyes from 1 to 10000, got 0"),
    "turn": ("largest_turn = 91", r"expected largest_turn from 0 to 90, got 91"),
    "word": ('intensity = "high"', r"expected intensity from 0 to 5, got 'high'"),
    "truth": ("probability = true", r"expected probability from 0 to 1, got True"),
    "skin": ("skin_tone = 28", r"expected a table \[skin_tone\], got skin_tone = 28"),
    "skin key": ("[skin_tone]\ndark = 3", r"expected the keys .* in \[skin_tone\], got 'dark'; nearest: dark_below"),
    "skin word": ('[skin_tone]\ndark_below = "a"', r"expected a number as dark_below in \[skin_tone\], got 'a'"),
    "skin limits": ("[skin_tone]\ndark_below = 50", r"recipe.toml: expected -90 <= dark_below <= bright_from"),
    "global": ("global = 3", r"expected a table \[global\], got global = 3"),
    "global value": ("[global]\nage = 3", r"expected a table \[global.age\], got global.age = 3"),
    "global key": ("[global.age]\nedge = [1]", r"expected the keys column, .* in \[global.age\], got 'edge'; nearest: edges"),
    "column": ("[global.age]\ncolumn = 3", r"expected names as column in \[global.age\], got \[3\]"),
    "edges": ("[global.age]\nedges = 3", r"expected a list of numbers as edges in \[global.age\], got 3"),
    "edge": ('[global.age]\nedges = ["a"]', r"expected a number as every edge in \[global.age\], got 'a'"),
    "subgroups": ("[global.age]\nedges = [1]\nsubgroups = [1, 2]", r"expected names as subgroups in \[global.age\], got \[1, 2"),
    "rename": ("[global.age]\nrename = { a = 1 }", r"expected names as rename in \[global.age\], got \[1\]"),
    "nothing": ("[global.age]", r"recipe.toml: expected either edges or rename for age, got neither"),
    "twice": ('[skin_tone]\n[global.skin_tone]\nrename = { a = "b", c = "d" }', r"every .* once, got skin_tone 2 times"),
}  # fmt: skip


@pytest.mark.parametrize(("content", "message"), REFUSED.values(), ids=REFUSED)
def test_what_is_refused(tmp_path: Path, content: str, message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        read(tmp_path, content)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"expected a recipe as TOML in UTF-8, got .*gone.toml: .*No such file"):
        read_recipe(tmp_path / "gone.toml")


@pytest.mark.parametrize("value", [float("nan"), None, "3"])
def test_numbers_are_numbers(value: Any) -> None:
    with pytest.raises(SettingsError, match="expected smallest_eyes from 1 to 10000, got"):
        Recipe(smallest_eyes=value)
