"""From factors to the face's geometry: where every feature lies and how it is formed by age, gender, traits and action units.

Face coordinates (u, v) are those of the frontal face: the origin is the middle of the head, v points down, u to the
image's right, and 1 is half the height of an average adult head (top of the skull to chin). A mirrored feature is given
for u > 0.
"""

from __future__ import annotations

from dataclasses import dataclass

from .factors import FaceFactors, Identity


@dataclass(frozen=True, kw_only=True)
class Skull:
    """The outline: half-heights above and below the origin, and half-widths at five heights."""

    top: float
    bottom: float
    widths: tuple[float, float, float, float, float]


@dataclass(frozen=True, kw_only=True)
class Eye:
    """Centre, half-width, heights of the lids over the line of the corners; `tilt` lifts the outer corner."""

    u: float
    v: float
    half_width: float
    upper: float
    lower: float
    tilt: float
    crease: float
    iris: float


@dataclass(frozen=True, kw_only=True)
class Brow:
    """Centre, half-length and half-thickness; `arch` lifts the outer third, `inner` and `outer` lift the ends."""

    u: float
    v: float
    half_length: float
    thickness: float
    arch: float
    inner: float
    outer: float


@dataclass(frozen=True, kw_only=True)
class Nose:
    """Heights of root and base, half-widths of bridge, tip and wings, protrusion of bridge and tip, nostrils' flare."""

    root: float
    base: float
    bridge_width: float
    tip_width: float
    wing_width: float
    bridge: float
    tip: float


@dataclass(frozen=True, kw_only=True)
class Mouth:
    """Height of its line, half-width, thickness of the lips, how far corners and middle (`bend`) lie lower, and the opening."""

    v: float
    half_width: float
    upper: float
    lower: float
    corner: float
    bend: float
    open_up: float
    open_down: float


@dataclass(frozen=True, kw_only=True)
class FaceShape:
    """All of it; `child` and `old` run from 0 to 1, `male` from -1 to 1."""

    skull: Skull
    eye: Eye
    brow: Brow
    nose: Nose
    mouth: Mouth
    hairline: float
    child: float
    old: float
    male: float


def face_shape(factors: FaceFactors) -> FaceShape:
    """The geometry of a face."""
    who = factors.identity
    child = _childhood(who.age)
    old = _ageing(who.age)
    male = who.masculinity
    eye = _eye(factors, child, old)
    nose = _nose(factors, child, old, eye)
    mouth = _mouth(factors, child, old, eye.v + _nose_length(who, child, old))
    return FaceShape(
        skull=_skull(factors, child, old),
        eye=eye,
        brow=_brow(factors, child, old, eye),
        nose=nose,
        mouth=mouth,
        hairline=-0.60 - 0.07 * who.forehead_height + 0.03 * child,
        child=child,
        old=old,
        male=male,
    )


def _childhood(age: float) -> float:
    """1 at 3 years, 0 from 20 on."""
    return min(max((20.0 - age) / 17.0, 0.0), 1.0)


def _ageing(age: float) -> float:
    """0 up to 20 years, 1 at 85; nearly even in between, so that every year shows."""
    return float(min(max((age - 20.0) / 65.0, 0.0), 1.0) ** 0.9)


def _strength(factors: FaceFactors, action_unit: str) -> float:
    return factors.scene.expressiveness if action_unit in factors.present else 0.0


def _skull(factors: FaceFactors, child: float, old: float) -> Skull:
    who = factors.identity
    male = who.masculinity
    width = 1.0 + 0.085 * who.face_width + 0.012 * male + 0.05 * child
    full = 0.035 * who.cheek_fullness + 0.05 * child
    cheekbone = 0.012 if "High_Cheekbones" in who.traits else 0.0
    jaw = 0.09 * who.jaw_width + 0.055 * male + 0.05 * old + full
    chin = 0.07 * ("Double_Chin" in who.traits) + 0.11 * who.chin_width + 0.06 * male - 0.05 * child
    return Skull(
        top=1.0 + 0.02 * child,
        bottom=1.0 + 0.08 * who.face_length + 0.02 * male - 0.15 * child + 0.09 * _strength(factors, "AU_26"),
        widths=(
            0.86 * width,
            0.735 * width,
            (0.672 + cheekbone + 0.3 * full) * width,
            (0.675 + jaw) * width,
            (0.66 + chin + 0.6 * full) * width,
        ),
    )


def _eye(factors: FaceFactors, child: float, old: float) -> Eye:
    who, present = factors.identity, factors.present
    half_width = 0.140 * (1.0 + 0.07 * who.eye_size + 0.22 * child)
    openness = 1.0 + 0.13 * who.eye_size + 0.25 * child - 0.24 * old - 0.06 * who.masculinity - 0.12 * who.monolid
    if "Narrow_Eyes" in present:
        openness *= 0.56
    upper_raise = 0.55 * _strength(factors, "AU_5")
    squint = (
        0.55 * _strength(factors, "AU_6") + 0.18 * _strength(factors, "Smiling") + 0.10 * _strength(factors, "AU_4")
    )
    return Eye(
        u=0.288 * (1.0 + 0.07 * who.eye_spacing + 0.05 * who.face_width + 0.02 * child),
        v=0.01 + 0.13 * child,
        half_width=half_width,
        upper=0.072 * openness * (1.0 + upper_raise - 0.25 * squint),
        lower=0.044 * openness * (1.0 - squint),
        tilt=0.06 * who.eye_tilt + 0.02 - 0.04 * old,
        crease=0.034 * (1.0 - who.monolid) * (1.0 - 0.35 * old),
        iris=0.066 * (1.0 + 0.14 * child),
    )


def _brow(factors: FaceFactors, child: float, old: float, eye: Eye) -> Brow:
    who, present = factors.identity, factors.present
    bushy, arched = "Bushy_Eyebrows" in present, "Arched_Eyebrows" in present
    lower = _strength(factors, "AU_4")
    thickness = 0.0275 + 0.0070 * who.masculinity + 0.0035 * who.brow_thickness - 0.004 * child
    return Brow(
        u=eye.u + 0.012 - 0.022 * lower,
        v=eye.v - 0.195 + 0.022 * who.masculinity - 0.018 * who.brow_height - 0.012 * child + 0.02 * old + 0.05 * lower,
        half_length=0.175 + 0.008 * who.masculinity - 0.015 * child,
        thickness=thickness * (1.75 if bushy else 1.0),
        arch=0.022 - 0.012 * who.masculinity + (0.05 if arched else 0.0),
        inner=0.10 * _strength(factors, "AU_1") - 0.035 * lower,
        outer=0.10 * _strength(factors, "AU_2"),
    )


def _nose(factors: FaceFactors, child: float, old: float, eye: Eye) -> Nose:
    who, present = factors.identity, factors.present
    big, pointy = "Big_Nose" in present, "Pointy_Nose" in present
    wrinkle = _strength(factors, "AU_9")
    grown = 1.0 - 0.40 * child + 0.05 * old
    width = 0.142 * (1.0 + 0.22 * who.nose_width + 0.05 * who.masculinity - 0.08 * child) * (1.30 if big else 1.0)
    length = _nose_length(who, child, old) * (1.06 if big else 1.0)
    return Nose(
        root=eye.v - 0.03,
        base=eye.v + length - 0.02 * wrinkle,
        bridge_width=0.080 * (1.0 + 0.2 * who.nose_width) * (1.2 if big else 1.0) * (0.72 if pointy else 1.0),
        tip_width=0.100 * (1.0 + 0.25 * who.nose_width) * (1.35 if big else 1.0) * (0.55 if pointy else 1.0),
        wing_width=width * (1.0 + 0.12 * wrinkle) * (0.82 if pointy else 1.0),
        bridge=0.080 * grown * (1.0 + 0.45 * who.nose_bridge) * (1.2 if big else 1.0),
        tip=0.175 * grown * (1.0 + 0.12 * who.nose_bridge) * (1.15 if big else 1.0) * (1.45 if pointy else 1.0),
    )


def _nose_length(who: Identity, child: float, old: float) -> float:
    """From the line of the eyes to the base of the nose at rest; a wrinkled or big nose does not move the mouth."""
    return 0.43 * (1.0 + 0.07 * who.nose_length - 0.30 * child + 0.05 * old)


def _mouth(factors: FaceFactors, child: float, old: float, nose_base: float) -> Mouth:
    who, present = factors.identity, factors.present
    smile, pull = _strength(factors, "Smiling"), _strength(factors, "AU_12")
    down, raise_chin = _strength(factors, "AU_15"), _strength(factors, "AU_17")
    stretch, part, drop = _strength(factors, "AU_20"), _strength(factors, "AU_25"), _strength(factors, "AU_26")
    ajar = _strength(factors, "Mouth_Slightly_Open")
    full = 1.0 + 0.28 * who.lip_fullness - 0.08 * who.masculinity - 0.42 * old
    full *= (
        (1.5 if "Big_Lips" in present else 1.0)
        * (1.0 - 0.22 * smile)
        * (1.0 - 0.28 * stretch)
        * (1.0 - 0.2 * raise_chin)
    )
    opening = 0.028 * part + 0.045 * ajar + 0.075 * drop
    width = 0.225 * (1.0 + 0.07 * who.mouth_width + 0.03 * who.masculinity - 0.10 * child)
    return Mouth(
        v=nose_base + 0.195 - 0.06 * child - 0.018 * raise_chin - 0.01 * smile,
        half_width=width
        * (1.0 + 0.17 * smile + 0.10 * pull + 0.20 * stretch - 0.10 * drop * (1.0 - smile) + 0.03 * down),
        upper=0.064 * full,
        lower=0.088 * full,
        corner=-0.022 - 0.055 * smile - 0.046 * pull + 0.058 * down + 0.018 * old,
        bend=-0.030 * raise_chin,
        open_up=0.35 * opening,
        open_down=opening,
    )
