"""What varies between drawn faces: who it is (Identity) and how it is seen (Scene).

Shape factors are deviations from the average face of the same age and gender: -1 and 1 are the ends of the range, 0 is the average.
Angles are in degrees. `FaceFactors` puts both halves together and says which concepts and subgroups the face has.
"""

from __future__ import annotations

from dataclasses import Field, dataclass, field, fields
from typing import Any, Literal, get_args

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


def _real(default: float, low: float, high: float) -> Any:
    return field(default=default, metadata={"low": low, "high": high})


def _deviation() -> Any:
    return _real(0.0, -1.0, 1.0)


def _one_of(default: str, options: Any) -> Any:
    return field(default=default, metadata={"options": get_args(options)})


def _some_of(options: tuple[str, ...], default: frozenset[str] = frozenset()) -> Any:
    return field(default=default, metadata={"members": options})


@dataclass(frozen=True, kw_only=True)
class Identity:
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

    age: float = _real(30.0, 3.0, 88.0)
    gender: Gender = _one_of("Female", Gender)
    ethnicity: Ethnicity = _one_of("white", Ethnicity)
    typology_angle: float = _real(45.0, -60.0, 65.0)
    undertone: float = _deviation()
    masculinity: float = _real(-0.8, -1.0, 1.0)
    face_width: float = _deviation()
    face_length: float = _deviation()
    jaw_width: float = _deviation()
    chin_width: float = _deviation()
    cheek_fullness: float = _deviation()
    forehead_height: float = _deviation()
    eye_size: float = _deviation()
    eye_spacing: float = _deviation()
    eye_tilt: float = _deviation()
    brow_height: float = _deviation()
    brow_thickness: float = _deviation()
    nose_width: float = _deviation()
    nose_length: float = _deviation()
    nose_bridge: float = _deviation()
    lip_fullness: float = _deviation()
    mouth_width: float = _deviation()
    ear_size: float = _deviation()
    hair_style: HairStyle = _one_of("long", HairStyle)
    hair_colour: HairColour = _one_of("brown", HairColour)
    hair_grey: float = _real(0.0, 0.0, 1.0)
    hair_recession: float = _real(0.0, 0.0, 1.0)
    iris_colour: IrisColour = _one_of("brown", IrisColour)
    freckles: float = _real(0.0, 0.0, 1.0)
    monolid: float = _real(0.0, 0.0, 1.0)
    traits: frozenset[str] = _some_of(TRAITS, frozenset({"No_Beard"}))
    texture_seed: int = _real(0, 0, 2**31 - 1)

    def __post_init__(self) -> None:
        _validate(self)

    @property
    def age_subgroup(self) -> str:
        """The subgroup of the global concept age."""
        return next(name for name, _, limit in AGE_SUBGROUPS[::-1] if self.age >= _lowest_age(name))

    @property
    def skin_tone(self) -> str:
        """The subgroup of the global concept skin_tone; see DARK_BELOW_DEGREES."""
        return "dark" if self.typology_angle < DARK_BELOW_DEGREES else "bright"


@dataclass(frozen=True, kw_only=True)
class Scene:
    """How a face is seen: all that may change when the same person is seen again.

    Attributes:
        yaw, pitch, roll: degrees, -15 to 15; positive turns the face to the image's right, down, and clockwise.
        head_size: half the height of an average adult head as a share of the image's side, 0.31 to 0.40.
        shift_x, shift_y: of the head's centre from its usual place, as shares of the image's side, -0.06 to 0.06.
        light_azimuth: degrees, -75 (from the image's left) to 75. light_elevation: degrees, 5 to 70.
        light_strength: of the key light, 0.5 to 1.5. ambient: of the light from all around, 0.2 to 0.8.
        light_warmth: -1 (bluish) to 1 (yellowish).
        gaze_x, gaze_y: where the eyes look, -1 to 1.
        expressiveness: how strong the action units are, 0.6 to 1.
        shown: the local concepts of the scene that are present, a subset of PASSING.
        background, clothing: names. background_hue, clothing_hue: 0 to 1 around the colour circle.
        background_light, clothing_light: 0 (dark) to 1 (light).
        noise: standard deviation of the camera's noise in grey levels, 0 to 6.
        scene_seed: what is left to chance; 0 to 2**31 - 1.

    Raises:
        SettingsError: a factor is out of its range or unknown.
    """

    yaw: float = _real(0.0, -15.0, 15.0)
    pitch: float = _real(0.0, -15.0, 15.0)
    roll: float = _real(0.0, -15.0, 15.0)
    head_size: float = _real(0.355, 0.31, 0.40)
    shift_x: float = _real(0.0, -0.06, 0.06)
    shift_y: float = _real(0.0, -0.06, 0.06)
    light_azimuth: float = _real(-30.0, -75.0, 75.0)
    light_elevation: float = _real(35.0, 5.0, 70.0)
    light_strength: float = _real(1.0, 0.5, 1.5)
    ambient: float = _real(0.45, 0.2, 0.8)
    light_warmth: float = _deviation()
    gaze_x: float = _deviation()
    gaze_y: float = _deviation()
    expressiveness: float = _real(0.85, 0.6, 1.0)
    shown: frozenset[str] = _some_of(PASSING)
    background: Background = _one_of("gradient", Background)
    background_hue: float = _real(0.6, 0.0, 1.0)
    background_light: float = _real(0.6, 0.0, 1.0)
    clothing: Clothing = _one_of("crew_neck", Clothing)
    clothing_hue: float = _real(0.6, 0.0, 1.0)
    clothing_light: float = _real(0.3, 0.0, 1.0)
    noise: float = _real(1.5, 0.0, 6.0)
    scene_seed: int = _real(0, 0, 2**31 - 1)

    def __post_init__(self) -> None:
        _validate(self)


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


def _lowest_age(subgroup: str) -> float:
    return next(low for name, low, _ in AGE_SUBGROUPS if name == subgroup)


def _validate(factors: Identity | Scene) -> None:
    for factor in fields(factors):
        _validate_one(factor, getattr(factors, factor.name))


def _validate_one(factor: Field[Any], value: Any) -> None:
    rule = factor.metadata
    if "low" in rule:
        if isinstance(value, str) or not rule["low"] <= value <= rule["high"]:
            raise SettingsError(f"expected {factor.name} from {rule['low']:g} to {rule['high']:g}, got {value!r}")
    elif "options" in rule:
        if value not in rule["options"]:
            raise SettingsError(f"expected {factor.name} as one of {', '.join(rule['options'])}, got {value!r}")
    else:
        for name in sorted(set(value).difference(rule["members"])):
            near = nearest_names(name, rule["members"])
            raise SettingsError(
                f"expected {factor.name} out of {len(rule['members'])} concepts, got {name!r}; nearest: {near}"
            )
