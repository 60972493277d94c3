"""A parametric face generator with pixel-exact masks: factors in, a shaded face with all its labels out.

    factors = sample_factors(7, gender="Female", Smiling=True)      # everything else by chance
    face = draw_face(factors, size=224)                             # face.image, face.masks, face.landmarks, face.box

    who = sample_identity(3)                                        # one person, seen again and again
    faces = [draw_face(FaceFactors(identity=who, scene=sample_scene(seed, who))) for seed in range(20)]

    planted = [Correlation(cause="gender=Male", effect="Eyeglasses", strength=0.9)]
    biased = [sample_factors(seed, correlations=planted) for seed in range(1000)]

The files, from factors to pixels: factors (what varies), draws, labels, people, sampling (how it is sampled); shape,
outline, nose, places (geometry); pose, view (where it appears); relief, skin, wrinkles, eyes, mouth, beard, cuts, hair,
glasses, body, background (what is painted on the canvas); light, render (the picture); masks, landmarks (its labels).
"""

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
