"""The house: imports point one way, and the public names are those listed."""

from __future__ import annotations

import ast
from importlib import import_module
from pathlib import Path

import pytest

import facedissect

PACKAGE = Path(facedissect.__file__).parent
FLOORS = [
    {"errors", "concepts"},
    {"settings", "multiplicity", "proportions", "demo", "atomic", "mapped", "bitmasks", "upsampling"},
    {"dictionary", "model", "kernels"},
    {"building", "curation", "intersections"},
    {"capture", "batching", "reading", "kept_maps", "peaks", "workspace", "exchange", "tasks", "replay"},
    {"activations", "overlaps", "interventions"},
    {"thresholds", "tally", "ranking", "strata", "top_faces", "overlap_file"},
    {"effects"},
    {"hierarchy", "bias", "trends"},
    {"significance", "stability", "sweep"},
    {"evidence"},
    {"passes", "provenance"},
    {"tables", "results"},
    {"units", "unit_sets", "unit_counts", "random_null"},
    {"views", "comparison", "dissection", "ablation"},
    {"storage", "baseline"},
    {"experiments", "validation"},
    {"ablation_storage", "baseline_storage", "reopening"},
    {"report", "progress", "options", "console"},
    {
        "dictionary_commands",
        "experiment_commands",
        "result_commands",
        "ablation_command",
        "baseline_command",
        "validation_command",
    },
    {"cli", "__init__"},
]
"""From the ground up: a room may use those of lower floors, and itself."""

WITHIN_A_FLOOR = {("concepts", "errors"), ("demo", "settings"), ("cli", "__init__")}
LOCAL_ONLY = {
    ("results", "storage"),
    ("results", "views"),
    ("results", "report"),
    ("views", "report"),
    ("comparison", "report"),
}  # methods of results
MODULES = sorted(PACKAGE.rglob("*.py"))


def room(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imported_rooms(path: Path) -> set[tuple[str, bool]]:
    """(room of the package, whether the import stands at the top of the file)."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    depth = len(path.relative_to(PACKAGE).parts)
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.level == depth:
            names = [node.module] if node.module else [alias.name for alias in node.names]
            found |= {(name.split(".")[0], node in tree.body) for name in names}
        assert not (isinstance(node, ast.ImportFrom) and (node.module or "").startswith("facedissect")), path
    return found


def floor(name: str) -> int:
    return next(level for level, rooms in enumerate(FLOORS) if name in rooms)


def test_every_room_has_a_floor() -> None:
    assert {room(path) for path in MODULES} == set().union(*FLOORS)


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_imports_point_down(path: Path) -> None:
    here = room(path)
    for there, at_top in imported_rooms(path):
        there_or_init = there if there in set().union(*FLOORS) else "__init__"
        allowed = (
            floor(there_or_init) < floor(here)
            or there == here
            or (here, there_or_init) in WITHIN_A_FLOOR
            or (not at_top and (here, there) in LOCAL_ONLY)
        )
        assert allowed, f"{here} must not import {there}"


@pytest.mark.parametrize("library", ["matplotlib", "jinja2"])
def test_only_the_report_draws(library: str) -> None:
    users = {
        room(path)
        for path in MODULES
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if (isinstance(node, ast.Import) and any(alias.name.split(".")[0] == library for alias in node.names))
        or (isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == library)
    }
    assert users == {"report"}


def test_the_public_names_exist_are_sorted_and_documented() -> None:
    assert sorted(facedissect.__all__, key=lambda name: (name.upper() != name, name[0].islower(), name)) == list(
        facedissect.__all__
    )
    for name in facedissect.__all__:
        assert getattr(facedissect, name).__doc__, name
    public = {name for name in vars(facedissect) if not name.startswith("_")}
    modules = {room(path) for path in MODULES}
    assert public - modules == set(facedissect.__all__) - modules


def test_a_function_may_hide_its_module_from_the_package_but_not_from_imports() -> None:
    from facedissect.baseline import Baseline, baseline, permuted_counts

    module = import_module("facedissect.baseline")
    assert facedissect.baseline is module.baseline is baseline
    assert facedissect.Baseline is module.Baseline is Baseline
    assert module.permuted_counts is permuted_counts


def test_there_is_no_room_for_leftovers() -> None:
    assert not {path.stem for path in MODULES} & {"utils", "helpers", "common", "misc"}
