"""Where each concept of the published vocabulary lies in a face: ellipses, discs and polygons over its 68 landmarks.

Parts and attributes follow the published masks: their factors are those with which real masks of that kind come out of
landmarks again. Action units have none to follow; theirs are the places where the muscle moves the skin (Ekman, Friesen and
Hager, Facial Action Coding System, 2002). `left` is the person's own left: the right of the picture.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from .shapes import Disc, Ellipse, Points, Polygon, Region, Shape, mirrored


def _from(first: int, last: int) -> Points:
    return tuple(range(first, last + 1))


def _both(shape: Shape) -> Region:
    return (mirrored(shape), shape)


_BROW_POINTS, _NOSE_POINTS, _EYE_POINTS = _from(22, 26), _from(27, 35), _from(42, 47)
_EYES, _MOUTH_POINTS, _INNER_LIPS = _from(36, 47), _from(48, 67), _from(60, 67)
_NOSE_BASE, _UPPER_LIP, _LOWER_LIP, _LIPS = _from(31, 35), _from(48, 54), _from(55, 59), _from(48, 59)
_BROW_ENDS, _NOSE_BRIDGE = (17, 21, 22, 26), 28
_INNER_BROW, _OUTER_BROW = 22, (24, 25, 26)
_UPPER_LID, _UNDER_EYE = (43, 44), (45, 46, 47)
_OUTER_CORNER, _MOUTH_CORNER, _NOSE_WING, _JAW_SIDE = 45, 54, 35, 13
_LOW_LIP, _CHIN = 57, 8

_BROW = Ellipse(around=_BROW_POINTS, along=1.15, across=1.2, least=0.12)
_EYE = Ellipse(around=_EYE_POINTS, along=1.25, across=1.6, least=0.1)
_NOSE = Ellipse(around=_NOSE_POINTS, along=1.1, across=1.15)
_MOUTH = Ellipse(around=_MOUTH_POINTS, along=1.1, across=1.25, least=0.12)
_CHEEK = Disc(at=(_JAW_SIDE, _NOSE_WING, _OUTER_CORNER, _MOUTH_CORNER), radius=0.33)
_BEARD = Ellipse(around=(*_from(4, 12), *_NOSE_BASE, *_LIPS), along=1.05, across=1.05)

REGIONS: Mapping[str, Region] = MappingProxyType(
    {
        # Action units
        "AU_1": _both(Disc(at=(_INNER_BROW,), radius=0.25, moved=(0.0, -0.04))),  # raises the inner brows
        "AU_2": _both(Disc(at=_OUTER_BROW, radius=0.23, moved=(0.0, -0.02))),  # raises the outer brows
        "AU_4": (Disc(at=_from(20, 23), radius=0.5, height=0.19),),  # draws the brows down and together
        "AU_5": _both(Disc(at=_UPPER_LID, radius=0.25, height=0.11)),  # raises the upper lids
        "AU_6": _both(Disc(at=_UNDER_EYE, radius=0.32, height=0.19, moved=(0.06, 0.14))),  # raises the cheeks
        "AU_9": (Disc(at=(_NOSE_BRIDGE,), radius=0.29, height=0.32),),  # wrinkles the nose
        "AU_12": _both(Disc(at=(_MOUTH_CORNER,), radius=0.19, moved=(0.02, -0.05))),  # pulls the mouth's corners up
        "AU_15": _both(Disc(at=(_MOUTH_CORNER,), radius=0.15, height=0.2, moved=(0.0, 0.09))),  # pulls them down
        "AU_17": (Disc(at=(_LOW_LIP, _CHIN), radius=0.34, height=0.23, moved=(0.0, -0.06)),),  # raises the chin
        "AU_20": _both(Disc(at=(_MOUTH_CORNER,), radius=0.21, moved=(0.04, 0.02))),  # stretches the lips
        "AU_25": (Ellipse(around=_INNER_LIPS, along=1.1, across=1.6, least=0.18),),  # parts the lips
        "AU_26": (Polygon(corners=(*_from(5, 11), *_LOWER_LIP)),),  # drops the jaw
        # Parts
        "nose": (_NOSE,),
        "left_brow": (_BROW,),
        "right_brow": (mirrored(_BROW),),
        "left_eye": (_EYE,),
        "right_eye": (mirrored(_EYE),),
        "mouth": (_MOUTH,),
        "left_cheek": (_CHEEK,),
        "right_cheek": (mirrored(_CHEEK),),
        # Attributes
        "5_o_Clock_Shadow": (_BEARD,),
        "Arched_Eyebrows": _both(_BROW),
        "Bushy_Eyebrows": _both(_BROW),
        "No_Beard": (_BEARD,),
        "Bags_Under_Eyes": _both(Disc(at=_EYE_POINTS, radius=0.2, moved=(0.0, 0.24))),
        "Big_Lips": (_MOUTH,),
        "Big_Nose": (_NOSE,),
        "Double_Chin": (Ellipse(around=_from(6, 10), along=1.25, across=2.15),),
        "Eyeglasses": (Ellipse(around=(*_EYES, *_BROW_ENDS, _NOSE_BRIDGE), along=1.085, across=1.07),),
        "Goatee": (Ellipse(around=(*_from(7, 9), *_LOWER_LIP), along=0.9, across=1.05),),
        "High_Cheekbones": _both(_CHEEK),
        "Rosy_Cheeks": _both(_CHEEK),
        "Mouth_Slightly_Open": (_MOUTH,),
        "Mustache": (Ellipse(around=(*_NOSE_BASE, *_UPPER_LIP)),),
        "Narrow_Eyes": _both(_EYE),
        "Pointy_Nose": (_NOSE,),
        "Smiling": (_MOUTH,),
        "Wearing_Lipstick": (_MOUTH,),
    }
)
"""Concept -> its region. Lengths are in inter-ocular distances (discs) or in the extent of the points (ellipses)."""
