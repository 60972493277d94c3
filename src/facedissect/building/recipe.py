"""`recipe.toml`: how a Face Dictionary is built.

kinds = ["part", "attribute"]   # optional: the kinds of concepts that are drawn; all that the source has no masks of
smallest_eyes = 12              # least inter-ocular distance, in pixels
largest_turn = 45               # degrees to a side
overhang = 0.2                  # how far the jaw may reach out of the image, in inter-ocular distances
intensity = 1.0                 # from which an action unit counts as present, of 0 to 5
probability = 0.5               # likewise, of py-feat's probabilities

[global.age]                    # any number of global concepts, by limits ...
column = "age"
edges = [20, 40, 60]
subgroups = ["zero_to_twenty", "twenty_to_forty", "forty_to_sixty", "sixty_plus"]

[global.gender]                 # ... or by renaming
column = "Male"
rename = { true = "Male", false = "Female" }

[skin_tone]                     # measured, if this table is there
dark_below = 28                 # individual typology angle, degrees
bright_from = 28
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from ..concepts import KINDS, Kind
from ..dictionary.toml_file import expect_keys, read_toml
from ..errors import SettingsError
from .global_concepts import Grouping
from .skin_tone import CONCEPT, SkinToneLimits

_GLOBAL, _GROUPING_KEYS = "global", ("column", "edges", "subgroups", "rename")


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """How a dictionary is built.

    Attributes:
        kinds: kinds of concepts whose masks are drawn; None for all that no face of the source is annotated for. What the
            source says of other kinds stays as it is.
        smallest_eyes: faces whose eyes are nearer to each other, in pixels, are left out.
        largest_turn: faces turned farther to a side, in degrees, are left out.
        overhang: faces whose jaw reaches farther out of the image, in inter-ocular distances, are left out; brows, eyes, nose
            and mouth must be inside. Closely cropped images, such as those of UTKFace, cut the chin off by a few pixels.
        intensity: from which an intensity of an action unit (0 to 5) counts as present.
        probability: from which a probability of an action unit (py-feat) counts as present.
        groupings: the global concepts made of labels.
        skin_tone: the limits of the skin tone; None to leave it unmeasured.

    Raises:
        SettingsError: a value makes no sense.
    """

    kinds: tuple[Kind, ...] | None = None
    smallest_eyes: float = 12.0
    largest_turn: float = 45.0
    overhang: float = 0.2
    intensity: float = 1.0
    probability: float = 0.5
    groupings: tuple[Grouping, ...] = ()
    skin_tone: SkinToneLimits | None = None

    def __post_init__(self) -> None:
        for kind in self.kinds or ():
            if kind not in KINDS:
                raise SettingsError(f"expected kinds out of {', '.join(KINDS)}, got {kind!r}")
        for name, low, high in (
            ("smallest_eyes", 1, 10_000),
            ("largest_turn", 0, 90),
            ("overhang", 0, 1),
            ("intensity", 0, 5),
            ("probability", 0, 1),
        ):
            value = getattr(self, name)
            if not _is_number(value) or not low <= value <= high:
                raise SettingsError(f"expected {name} from {low} to {high}, got {value!r}")
        names = [grouping.concept for grouping in self.groupings] + [CONCEPT] * (self.skin_tone is not None)
        for name in names:
            if names.count(name) > 1:
                raise SettingsError(f"expected every global concept once, got {name} {names.count(name)} times")

    def as_dict(self) -> dict[str, Any]:
        """All values, as JSON can hold them."""
        return asdict(self)


def read_recipe(path: str | os.PathLike[str]) -> Recipe:
    """The recipe in a TOML file.

    Raises:
        SettingsError: the file cannot be read, has unknown keys, or a value makes no sense.
    """
    content = read_toml(path, what="a recipe as TOML", error=SettingsError)
    try:
        return _recipe(content)
    except SettingsError as error:
        raise SettingsError(f"{os.fspath(path)}: {error}") from error


def _recipe(content: Mapping[str, Any]) -> Recipe:
    simple = [field.name for field in fields(Recipe) if field.name != "groupings"]
    expect_keys(content, (*simple, _GLOBAL), "at the top", error=SettingsError)
    values = {name: content[name] for name in simple if name in content}
    if "kinds" in values:
        values["kinds"] = _names(values["kinds"], "kinds")
    if CONCEPT in values:
        limits = _expect_table(values[CONCEPT], CONCEPT)
        expect_keys(limits, [field.name for field in fields(SkinToneLimits)], f"in [{CONCEPT}]", error=SettingsError)
        for name, value in limits.items():
            _expect_number(value, f"{name} in [{CONCEPT}]")
        values[CONCEPT] = SkinToneLimits(**limits)
    tables = _expect_table(content.get(_GLOBAL, {}), _GLOBAL)
    return Recipe(**values, groupings=tuple(_grouping(name, table) for name, table in tables.items()))


def _grouping(concept: str, table: Any) -> Grouping:
    where = f"[{_GLOBAL}.{concept}]"
    table = _expect_table(table, f"{_GLOBAL}.{concept}")
    expect_keys(table, _GROUPING_KEYS, f"in {where}", error=SettingsError)
    edges = table.get("edges", [])
    if not isinstance(edges, list):
        raise SettingsError(f"expected a list of numbers as edges in {where}, got {edges!r}")
    for edge in edges:
        _expect_number(edge, f"every edge in {where}")
    renames = _expect_table(table.get("rename", {}), f"{_GLOBAL}.{concept}.rename")
    return Grouping(
        concept=concept,
        column=_names([table.get("column", concept)], f"column in {where}")[0],
        edges=tuple(edges),
        subgroups=_names(table.get("subgroups", []), f"subgroups in {where}"),
        renames=dict(zip(renames, _names(list(renames.values()), f"rename in {where}"), strict=True)),
    )


def _expect_table(value: Any, name: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise SettingsError(f"expected a table [{name}], got {name} = {value!r}")
    return value


def _expect_number(value: Any, what: str) -> None:
    if not _is_number(value):
        raise SettingsError(f"expected a number as {what}, got {value!r}")


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _names(values: Any, what: str) -> tuple[Any, ...]:
    if not isinstance(values, list) or not all(isinstance(value, str) and value for value in values):
        raise SettingsError(f"expected names as {what}, got {values!r}")
    return tuple(values)
