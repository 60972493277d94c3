"""Hair cuts: each style as a row of lengths and volumes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from .factors import Identity


@dataclass(frozen=True, kw_only=True)
class Cut:
    """A hair style, in face coordinates.

    Attributes:
        top, side: volume over the skull and beside it.
        ends: height at which the hair beside the face ends.
        opening: half-width of the opening that the hair leaves for the face, as a share of the head's.
        fringe: 0 (hair starts at the hairline) to 1 (it falls down to the brows).
        sweep: slant of the hairline from a side part. part: where the hair parts, as u.
        curl: 0 (straight) to 1 (coiled). density: opacity.
        bun: whether it is tied up behind the head. crown: whether there is hair on top.
    """

    top: float = 0.06
    side: float = 0.03
    ends: float = 0.16
    opening: float = 0.945
    fringe: float = 0.0
    sweep: float = 0.0
    part: float = 0.0
    curl: float = 0.0
    density: float = 1.0
    bun: bool = False
    crown: bool = True


CUTS: Mapping[str, Cut] = {
    "bald": Cut(top=0.0, side=0.0, density=0.0),
    "buzz": Cut(top=0.012, side=0.006, ends=0.10, opening=0.955, density=0.80, curl=0.3),
    "short": Cut(top=0.085, side=0.03, ends=0.16, fringe=0.18, curl=0.15),
    "side_part": Cut(top=0.10, side=0.04, ends=0.20, sweep=0.30, part=0.28, fringe=0.08),
    "slick_back": Cut(top=0.075, side=0.02, ends=0.16, part=0.0),
    "curly": Cut(top=0.15, side=0.12, ends=0.28, opening=0.88, fringe=0.25, curl=0.75),
    "afro": Cut(top=0.24, side=0.24, ends=0.38, opening=0.88, fringe=0.10, curl=1.0),
    "crop": Cut(top=0.085, side=0.03, ends=0.16, fringe=0.75),
    "fringe": Cut(top=0.085, side=0.09, ends=0.80, opening=0.835, fringe=0.95),
    "bob": Cut(top=0.09, side=0.12, ends=0.74, opening=0.83, sweep=0.16, part=-0.20),
    "long": Cut(top=0.085, side=0.11, ends=2.2, opening=0.83, sweep=0.12, part=0.05),
    "long_waves": Cut(top=0.11, side=0.19, ends=2.2, opening=0.835, sweep=0.22, part=0.22, curl=0.45),
    "bun": Cut(top=0.05, side=0.012, ends=0.12, opening=0.955, bun=True),
}

_HORSESHOE = Cut(top=0.0, side=0.025, ends=0.22, opening=0.955, density=0.9, crown=False)
"""What is left around a bald crown."""
_HORSESHOE_FROM = 0.45
"""Recession from which a bald man still has hair at the sides."""
_SHAVEN_BELOW = 0.05


def cut_of(who: Identity) -> Cut | None:
    """The hair cut of a person, or None for a shaven head."""
    if who.hair_style == "bald" and who.gender == "Male" and who.hair_recession > _HORSESHOE_FROM:
        return _HORSESHOE
    cut = CUTS[who.hair_style]
    return cut if cut.density > _SHAVEN_BELOW else None
