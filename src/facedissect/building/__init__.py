"""Face Dictionaries out of labels and landmarks: `build` draws masks and forms subgroups, as a `Recipe` says."""

from .action_units import read_action_units, with_labels
from .build import Built, build
from .landmarks_files import read_landmark_files, read_pts
from .recipe import Recipe, read_recipe
from .regions import REGIONS
from .shapes import draw

__all__ = [
    "REGIONS",
    "Built",
    "Recipe",
    "build",
    "draw",
    "read_action_units",
    "read_landmark_files",
    "read_pts",
    "read_recipe",
    "with_labels",
]
