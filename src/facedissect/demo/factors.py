"""What varies between drawn faces: who it is (Identity) and how it is seen (Scene).

Shape factors are deviations from the average face of the same age and gender, from -1 to 1. Angles are in degrees.
`FaceFactors` puts both halves together and says which concepts and subgroups the face has.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from functools import lru_cache
from typing import Annotated, Any, Literal, get_args, get_origin, get_type_hints

import numpy as np

from ..concepts import FACE_DICTIONARY
from ..errors import SettingsError, nearest_names

Gender = Literal["Male", "Female"]
Ethnicity = Literal["white", "black", "asian", "indian"]
HairStyle = Literal[
    "bald",
    "buzz",
    "short",
    "side_part",
    "slick_back",
    "curly",
    "afro",
    "crop",
    "fringe",
    "bob",
    "long",
    "long_waves",
    "bun",
]
HairColour = Literal["black", "dark_brown", "brown", "light_brown", "blond", "red"]
IrisColour = Literal["dark_brown", "brown", "hazel", "green", "blue", "grey"]
Background = Literal["plain", "gradient", "blobs", "bands", "texture"]
Clothing = Literal["crew_neck", "v_neck", "collar", "jacket"]

TRAITS: tuple[str, ...] = (
    "5_o_Clock_Shadow",
    "Goatee",
    "No_Beard",
    "Mustache",
    "Arched_Eyebrows",
    "Bushy_Eyebrows",
    "Bags_Under_Eyes",
    "Big_Lips",
    "Big_Nose",
    "Pointy_Nose",
    "Double_Chin",
    "High_Cheekbones",
    "Narrow_Eyes",
)
"""Local concepts that belong to the identity, in the order in which they are sampled."""

PASSING: tuple[str, ...] = (
    "Smiling",
    "AU_12",
    "AU_15",
    "AU_20",
    "AU_26",
    "Mouth_Slightly_Open",
    "AU_25",
    "AU_17",
    "AU_4",
    "AU_1",
    "AU_2",
    "AU_5",
    "AU_6",
    "AU_9",
    "Eyeglasses",
    "Rosy_Cheeks",
    "Wearing_Lipstick",
)
"""Local concepts that belong to the scene (expression, make-up, accessories), in the order in which they are sampled."""

PARTS: tuple[str, ...] = tuple(concept.name for concept in FACE_DICTIONARY.of_kind("part"))
"""The parts, which every face has."""

IMPLIES: tuple[tuple[str, str], ...] = (("Smiling", "AU_12"), ("Mouth_Slightly_Open", "AU_25"), ("AU_26", "AU_25"))
"""Pairs (a, b): a face with concept a has concept b."""

EXCLUDES: tuple[tuple[str, str], ...] = (
    ("No_Beard", "5_o_Clock_Shadow"),
    ("No_Beard", "Goatee"),
    ("5_o_Clock_Shadow", "Goatee"),
    ("AU_12", "AU_15"),
    ("AU_12", "AU_20"),
    ("AU_15", "AU_20"),
    ("AU_17", "AU_26"),
    ("AU_17", "Mouth_Slightly_Open"),
    ("AU_2", "AU_4"),
    ("AU_5", "Narrow_Eyes"),
)
"""Pairs of concepts that no face has together. A face with none of No_Beard, 5_o_Clock_Shadow, Goatee has a full beard."""

DARK_BELOW_DEGREES = 28.0
"""Skin whose individual typology angle is below this is dark: the border of 'intermediate' and 'tan' (Chardon et al., 1991)."""

AGE_SUBGROUPS: tuple[tuple[str, float, float], ...] = (
    ("zero_to_twenty", 3.0, 20.0),
    ("twenty_to_forty", 20.0, 40.0),
    ("forty_to_sixty", 40.0, 60.0),
    ("sixty_plus", 60.0, 88.0),
)
"""Subgroup, lowest age, upper limit (excluded, except of the last), in years."""


@dataclass(frozen=True)
class Range:
    """The lowest and highest value of a factor."""

    low: float
    high: float


@dataclass(frozen=True)
class Among:
    """The names that a set of concepts is chosen from."""

    names: tuple[str, ...]


Deviation = Annotated[float, Range(-1.0, 1.0)]
Share = Annotated[float, Range(0.0, 1.0)]
Turn = Annotated[float, Range(-15.0, 15.0)]
Shift = Annotated[float, Range(-0.06, 0.06)]
ChanceSeed = Annotated[int, Range(0, 2**31 - 1)]


class _Checked:
    """Turns numbers and collections into plain Python values, and checks them against the annotations."""

    def __post_init__(self) -> None:
        for name, rule in _rules(self.__class__.__name__).items():
            object.__setattr__(self, name, _checked(name, rule, getattr(self, name)))


@dataclass(frozen=True, kw_only=True)
class Identity(_Checked):
    """Who it is: all that stays when the same person is seen again.

    Attributes:
        age: years, 3 to 88.
        gender, ethnicity: subgroups of the global concepts.
        typology_angle: individual typology angle of the skin in degrees, -60 (darkest) to 65 (lightest).
        undertone: -1 (rosy) to 1 (olive).
        masculinity: -1 (most feminine bones, brows and lips) to 1 (most masculine).
        face_width ... ear_size: deviations from the average, -1 to 1.
        hair_style, hair_colour, iris_colour: names.
        hair_grey: share of grey hair, 0 to 1. hair_recession: how far the hairline has drawn back, 0 to 1.
        freckles: density, 0 to 1.
        monolid: 0 (upper lid with a crease) to 1 (epicanthic fold, no crease).
        traits: the local concepts of the identity that are present, a subset of TRAITS.
        texture_seed: what is left to chance: pores, freckles, strands; 0 to 2**31 - 1.

    Raises:
        SettingsError: a factor is out of its range or unknown.
    """

    age: Annotated[float, Range(3.0, 88.0)] = 30.0
    gender: Gender = "Female"
    ethnicity: Ethnicity = "white"
    typology_angle: Annotated[float, Range(-60.0, 65.0)] = 45.0
    undertone: Deviation = 0.0
    masculinity: Deviation = -0.8
    face_width: Deviation = 0.0
    face_length: Deviation = 0.0
    jaw_width: Deviation = 0.0
    chin_width: Deviation = 0.0
    cheek_fullness: Deviation = 0.0
    forehead_height: Deviation = 0.0
    eye_size: Deviation = 0.0
    eye_spacing: Deviation = 0.0
    eye_tilt: Deviation = 0.0
    brow_height: Deviation = 0.0
    brow_thickness: Deviation = 0.0
    nose_width: Deviation = 0.0
    nose_length: Deviation = 0.0
    nose_bridge: Deviation = 0.0
    lip_fullness: Deviation = 0.0
    mouth_width: Deviation = 0.0
    ear_size: Deviation = 0.0
    hair_style: HairStyle = "long"
    hair_colour: HairColour = "brown"
    hair_grey: Share = 0.0
    hair_recession: Share = 0.0
    iris_colour: IrisColour = "brown"
    freckles: Share = 0.0
    monolid: Share = 0.0
    traits: Annotated[frozenset[str], Among(TRAITS)] = frozenset({"No_Beard"})
    texture_seed: ChanceSeed = 0

    @property
    def age_subgroup(self) -> str:
        """The subgroup of the global concept age."""
        return next(name for name, low, _ in reversed(AGE_SUBGROUPS) if self.age >= low)

    @property
    def skin_tone(self) -> str:
        """The subgroup of the global concept skin_tone; see DARK_BELOW_DEGREES."""
        return "dark" if self.typology_angle < DARK_BELOW_DEGREES else "bright"


@dataclass(frozen=True, kw_only=True)
class Scene(_Checked):
    """How a face is seen: all that may change when the same person is seen again.

    Attributes:
        yaw, pitch, roll: degrees, -15 to 15; positive turns the face to the image's right, down, and clockwise.
        head_size: half the height of an average adult head as a share of the image's side, 0.31 to 0.40.
        shift_x, shift_y: of the head's centre from its usual place, as shares of the image's side, -0.06 to 0.06.
        light_azimuth: degrees, -75 (from the image's left) to 75. light_elevation: degrees, 5 to 70.
        light_strength: of the key light, 0.5 to 1.5. ambient: of the light from all around, 0.2 to 0.8.
        light_warmth: -1 (bluish) to 1 (yellowish).
        gaze_x, gaze_y: where the eyes look, -1 to 1; positive to the image's right and down.
        expressiveness: how strong the action units are, 0.6 to 1.
        shown: the local concepts of the scene that are present, a subset of PASSING.
        background, clothing: names. background_hue, clothing_hue: 0 to 1 around the colour circle.
        background_light, clothing_light: 0 (dark) to 1 (light).
        noise: standard deviation of the camera's noise in grey levels, 0 to 6.
        scene_seed: what is left to chance; 0 to 2**31 - 1.

    Raises:
        SettingsError: a factor is out of its range or unknown.
    """

    yaw: Turn = 0.0
    pitch: Turn = 0.0
    roll: Turn = 0.0
    head_size: Annotated[float, Range(0.31, 0.40)] = 0.355
    shift_x: Shift = 0.0
    shift_y: Shift = 0.0
    light_azimuth: Annotated[float, Range(-75.0, 75.0)] = -30.0
    light_elevation: Annotated[float, Range(5.0, 70.0)] = 35.0
    light_strength: Annotated[float, Range(0.5, 1.5)] = 1.0
    ambient: Annotated[float, Range(0.2, 0.8)] = 0.4
    light_warmth: Deviation = 0.0
    gaze_x: Deviation = 0.0
    gaze_y: Deviation = 0.0
    expressiveness: Annotated[float, Range(0.6, 1.0)] = 0.85
    shown: Annotated[frozenset[str], Among(PASSING)] = frozenset()
    background: Background = "gradient"
    background_hue: Share = 0.6
    background_light: Share = 0.6
    clothing: Clothing = "crew_neck"
    clothing_hue: Share = 0.6
    clothing_light: Share = 0.3
    noise: Annotated[float, Range(0.0, 6.0)] = 1.5
    scene_seed: ChanceSeed = 0


@dataclass(frozen=True, kw_only=True)
class FaceFactors:
    """All factors of one drawn face: the same factors give the same pixels.

    Attributes:
        identity: who it is.
        scene: how it is seen.

    Raises:
        SettingsError: the concepts of the two contradict each other (IMPLIES, EXCLUDES).
    """

    identity: Identity = field(default_factory=Identity)
    scene: Scene = field(default_factory=Scene)

    def __post_init__(self) -> None:
        present = self.present
        for concept, implied in IMPLIES:
            if concept in present and implied not in present:
                raise SettingsError(
                    f"expected {implied} in a face with {concept}, got none; add {implied} or take {concept} out"
                )
        for one, other in EXCLUDES:
            if one in present and other in present:
                raise SettingsError(f"expected at most one of {one} and {other} in a face, got both; take one out")

    @property
    def present(self) -> frozenset[str]:
        """Names of the local concepts that are present, without the parts."""
        return self.identity.traits | self.scene.shown

    @property
    def concepts(self) -> tuple[str, ...]:
        """Names of all local concepts that are present, in the order of the published vocabulary."""
        present = self.present.union(PARTS)
        return tuple(name for name in FACE_DICTIONARY.names if name in present)

    @property
    def subgroups(self) -> dict[str, str]:
        """Global concept -> subgroup, for all four."""
        who = self.identity
        return {"age": who.age_subgroup, "gender": who.gender, "ethnicity": who.ethnicity, "skin_tone": who.skin_tone}


def factor_names(part: type[Identity] | type[Scene]) -> tuple[str, ...]:
    """The names of the factors of one half of a face."""
    return tuple(factor.name for factor in fields(part))


@lru_cache(maxsize=2)
def _rules(part: str) -> dict[str, Any]:
    """Factor -> its annotation, for a half of a face."""
    return get_type_hints({"Identity": Identity, "Scene": Scene}[part], include_extras=True)


def _checked(name: str, rule: Any, value: Any) -> Any:
    """The value as plain float, int, str or frozenset. Raises SettingsError."""
    if get_origin(rule) is Literal:
        if value not in get_args(rule):
            raise SettingsError(f"expected {name} as one of {', '.join(get_args(rule))}, got {value!r}")
        return value
    kind, limits = get_args(rule)
    if isinstance(limits, Range):
        if not isinstance(value, int | float | np.number) or not limits.low <= value <= limits.high:
            raise SettingsError(f"expected {name} from {limits.low:g} to {limits.high:g}, got {value!r}")
        return kind(value)
    for concept in sorted(set(value).difference(limits.names)):
        near = nearest_names(concept, limits.names)
        raise SettingsError(f"expected {name} out of {len(limits.names)} concepts, got {concept!r}; nearest: {near}")
    return frozenset(value)
