"""A parametric face generator with pixel-exact masks: factors in, a shaded face with all its labels out."""

from .factors import EXCLUDES, IMPLIES, PARTS, PASSING, TRAITS, FaceFactors, Identity, Scene
from .labels import Correlation
from .render import DRAWING, DrawnFace, draw_face, locate_face
from .sampling import sample_factors, sample_identity, sample_scene

__all__ = [
    "DRAWING",
    "EXCLUDES",
    "IMPLIES",
    "PARTS",
    "PASSING",
    "TRAITS",
    "Correlation",
    "DrawnFace",
    "FaceFactors",
    "Identity",
    "Scene",
    "draw_face",
    "locate_face",
    "sample_factors",
    "sample_identity",
    "sample_scene",
]
