"""Places of the face that have no edge of their own, as ellipses: cheeks, and where action units move or mark the face.

The drawing takes its spots from here and the masks their discs, so both agree.
"""

from __future__ import annotations

from .shape import FaceShape

Ellipse = tuple[float, float, float, float]
"""Middle (u, v) and radii in face coordinates; mirrored unless the middle is at u = 0."""


def places(shape: FaceShape) -> dict[str, tuple[Ellipse, ...]]:
    """Where action units move the face, and the qualities that have no edge of their own."""
    eye, brow, nose, mouth, skull = shape.eye, shape.brow, shape.nose, shape.mouth, shape.skull
    corner_v = mouth.v + mouth.corner
    cheek_v = (eye.v + mouth.v) * 0.5 + 0.02
    chin_v = skull.bottom - 0.14
    low_lip = mouth.v + mouth.open_down + mouth.lower
    middle = mouth.v + (mouth.open_down - mouth.open_up) * 0.5
    return {
        "cheek": ((eye.u + 0.07, cheek_v, 0.17, 0.15),),
        "Rosy_Cheeks": ((eye.u + 0.07, cheek_v, 0.165, 0.135),),
        "High_Cheekbones": ((0.43, eye.v + 0.20, 0.17, 0.12),),
        "Bags_Under_Eyes": ((eye.u, eye.v + eye.lower + 0.055, eye.half_width, 0.06),),
        "Double_Chin": ((0.0, skull.bottom - 0.11, 0.36, 0.10),),
        "AU_1": ((brow.u * 0.52, brow.v - brow.inner * 0.5 - 0.05, 0.15, 0.15),),
        "AU_2": ((brow.u + brow.half_length * 0.55, brow.v - brow.outer * 0.5 - 0.04, 0.15, 0.14),),
        "AU_4": ((0.0, brow.v, brow.u + 0.02, 0.11),),
        "AU_5": ((eye.u, eye.v - eye.upper * 0.9, eye.half_width * 1.05, 0.065),),
        "AU_6": ((eye.u + 0.09, eye.v + eye.lower + 0.075, 0.20, 0.11),),
        "AU_9": ((0.0, nose.root + 0.30 * (nose.base - nose.root), 0.17, 0.19),),
        "AU_12": ((mouth.half_width + 0.01, corner_v - 0.03, 0.11, 0.12),),
        "AU_15": ((mouth.half_width, corner_v + 0.05, 0.09, 0.12),),
        "AU_17": ((0.0, (low_lip + chin_v) * 0.5 + 0.02, 0.20, 0.13),),
        "AU_20": ((mouth.half_width + 0.02, mouth.v, 0.12, 0.13),),
        "AU_25": ((0.0, middle, mouth.half_width * 0.9, mouth.open_down + 0.06),),
        "AU_26": ((0.0, (low_lip + skull.bottom) * 0.5 - 0.02, 0.30, (skull.bottom - low_lip) * 0.5 + 0.04),),
    }
