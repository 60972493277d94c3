"""Sampling of faces: base rates, what is typical of whom, and planted correlations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from scipy.special import ndtr

from ..errors import SettingsError, nearest_names
from .draws import Draws
from .factors import (
    AGE_SUBGROUPS,
    DARK_BELOW_DEGREES,
    PASSING,
    TRAITS,
    FaceFactors,
    Identity,
    Scene,
    factor_names,
)
from .labels import LOCAL, SUBGROUPS, Correlation, Labels, concept_of, in_causal_order
from .people import ADULT_FROM, SKIN_ANGLE, sample_appearance, sample_view

Seed = np.random.Generator | int


@dataclass(frozen=True, kw_only=True)
class Rate:
    """How often a concept is present if nothing excludes it: in men, women and children, with factors for some groups."""

    male: float
    female: float
    child: float
    ethnicity: Mapping[str, float] = field(default_factory=dict)
    over_fifty: float = 1.0


RATES: Mapping[str, Rate] = {
    "5_o_Clock_Shadow": Rate(male=0.27, female=0.0, child=0.0),
    "Goatee": Rate(male=0.36, female=0.0, child=0.0),
    "No_Beard": Rate(male=0.70, female=1.0, child=1.0),
    "Mustache": Rate(male=0.28, female=0.0, child=0.0),
    "Arched_Eyebrows": Rate(male=0.14, female=0.42, child=0.12),
    "Bushy_Eyebrows": Rate(male=0.36, female=0.14, child=0.10),
    "Bags_Under_Eyes": Rate(male=0.26, female=0.20, child=0.05, over_fifty=1.8),
    "Big_Lips": Rate(male=0.18, female=0.26, child=0.15, ethnicity={"black": 1.9}),
    "Big_Nose": Rate(male=0.30, female=0.18, child=0.06, ethnicity={"black": 1.4, "asian": 0.7}),
    "Pointy_Nose": Rate(male=0.24, female=0.32, child=0.15, ethnicity={"black": 0.5}),
    "Double_Chin": Rate(male=0.18, female=0.16, child=0.08, over_fifty=1.9),
    "High_Cheekbones": Rate(male=0.28, female=0.40, child=0.15),
    "Narrow_Eyes": Rate(male=0.16, female=0.14, child=0.10, ethnicity={"asian": 2.0}),
    "Smiling": Rate(male=0.45, female=0.48, child=0.48),
    "AU_12": Rate(male=0.16, female=0.16, child=0.16),
    "AU_15": Rate(male=0.30, female=0.30, child=0.30),
    "AU_20": Rate(male=0.38, female=0.38, child=0.38),
    "AU_26": Rate(male=0.20, female=0.20, child=0.20),
    "Mouth_Slightly_Open": Rate(male=0.36, female=0.40, child=0.40),
    "AU_25": Rate(male=0.25, female=0.25, child=0.25),
    "AU_17": Rate(male=0.35, female=0.35, child=0.35),
    "AU_4": Rate(male=0.18, female=0.16, child=0.16),
    "AU_1": Rate(male=0.22, female=0.22, child=0.22),
    "AU_2": Rate(male=0.24, female=0.24, child=0.24),
    "AU_5": Rate(male=0.20, female=0.20, child=0.20),
    "AU_6": Rate(male=0.25, female=0.25, child=0.25),
    "AU_9": Rate(male=0.14, female=0.14, child=0.14),
    "Eyeglasses": Rate(male=0.26, female=0.22, child=0.12),
    "Rosy_Cheeks": Rate(male=0.10, female=0.28, child=0.30),
    "Wearing_Lipstick": Rate(male=0.01, female=0.55, child=0.03),
}
"""Base rates; where a concept excludes another, the rate of the one sampled later is among the faces still free."""

AU_6_WHEN_SMILING = 0.5
"""Rate of the cheek raiser in smiling faces (the Duchenne smile)."""


def sample_factors(rng: Seed, *, correlations: Sequence[Correlation] = (), **fixed: Any) -> FaceFactors:
    """Sample all factors of a face, or all but some.

    Args:
        rng: a generator, or a seed. The same seed gives the same face, and fixing one factor leaves the others' chances alone.
        correlations: dependences to plant; a fixed label is not changed by them.
        fixed: factors of Identity and Scene by name; local concepts by name as True or False; `age` in years or as a subgroup;
            `skin_tone` as a subgroup.

    Raises:
        SettingsError: an unknown factor, a value out of range, labels that contradict each other.
    """
    draws = Draws(rng)
    facts = _facts(fixed)
    _decide(draws, facts, in_causal_order(correlations))
    return FaceFactors(identity=_identity(draws, facts), scene=_scene(draws, facts))


def sample_identity(rng: Seed, **fixed: Any) -> Identity:
    """Sample who it is; see `sample_factors`. Raises SettingsError."""
    return sample_factors(rng, **fixed).identity


def sample_scene(rng: Seed, identity: Identity, **fixed: Any) -> Scene:
    """Sample how a given identity is seen: pose, light, expression, background, accessories; see `sample_factors`.

    What is fixed of the identity is left as the identity has it. Raises SettingsError.
    """
    known: dict[str, Any] = {name: getattr(identity, name) for name in ("age", "gender", "ethnicity", "skin_tone")}
    known.update({name: name in identity.traits for name in TRAITS})
    return sample_factors(rng, **{**fixed, **known}).scene


@dataclass(kw_only=True)
class _Facts:
    """What is decided so far: subgroups, local concepts, and factors given by number or name."""

    subgroups: dict[str, str]
    labels: Labels
    given: dict[str, Any]

    def years(self, draws: Draws) -> float | None:
        """The age in years, once its subgroup is decided."""
        if "age" in self.given:
            return float(self.given["age"])
        if "age" not in self.subgroups:
            return None
        low, limit = next((low, limit) for name, low, limit in AGE_SUBGROUPS if name == self.subgroups["age"])
        return draws.uniform("age_in_subgroup", low, limit)


def _facts(fixed: Mapping[str, Any]) -> _Facts:
    facts = _Facts(subgroups={}, labels=Labels(), given={})
    for name, value in fixed.items():
        if name in LOCAL:
            facts.labels.settle(name, bool(value))
        elif name in SUBGROUPS and isinstance(value, str):
            if value not in SUBGROUPS[name]:
                raise SettingsError(f"expected {name} as one of {', '.join(SUBGROUPS[name])}, got {value!r}")
            facts.subgroups[name] = value
        elif name in ("traits", "shown"):
            part, members = (Identity, TRAITS) if name == "traits" else (Scene, PASSING)
            part(**{name: value})  # an unknown concept is an error
            for concept in members:
                facts.labels.settle(concept, concept in value)
        elif name in _FACTORS:
            facts.given[name] = value
        else:
            known = (*_FACTORS, *LOCAL, *SUBGROUPS)
            raise SettingsError(f"expected a factor of a face, got {name!r}; nearest: {nearest_names(name, known)}")
    if "age" in facts.given:
        facts.subgroups["age"] = Identity(age=facts.given["age"]).age_subgroup
    if "typology_angle" in facts.given:
        facts.subgroups["skin_tone"] = Identity(typology_angle=facts.given["typology_angle"]).skin_tone
    return facts


_FACTORS: tuple[str, ...] = (*factor_names(Identity), *factor_names(Scene))


def _decide(draws: Draws, facts: _Facts, correlations: Sequence[Correlation]) -> None:
    """Decide every subgroup and concept: first what no correlation touches, then causes before effects, then the rest."""
    effects = {concept_of(correlation.effect) for correlation in correlations}
    for name in ("age", "gender"):
        if name not in effects:
            _decide_subgroup(draws, facts, name)
    if not effects & {"ethnicity", "skin_tone"}:
        _decide_subgroup(draws, facts, "ethnicity")
    for correlation in correlations:
        _decide_freely(draws, facts, concept_of(correlation.cause))
        _decide_effect(draws, facts, correlation)
    for concept in (*SUBGROUPS, *LOCAL):
        _decide_freely(draws, facts, concept)


def _decide_freely(draws: Draws, facts: _Facts, concept: str) -> None:
    if concept in SUBGROUPS:
        _decide_subgroup(draws, facts, concept)
    elif concept not in facts.labels:
        facts.labels.settle(
            concept, draws.chance(concept, base_rate(concept, facts.years(draws), facts.subgroups, facts.labels))
        )


def _decide_effect(draws: Draws, facts: _Facts, correlation: Correlation) -> None:
    concept, _, subgroup = correlation.effect.partition("=")
    if concept in facts.subgroups or concept in facts.labels:
        return
    probability = correlation.strength if _holds(facts, correlation.cause) else 1.0 - correlation.strength
    if concept in SUBGROUPS:
        others = [name for name in SUBGROUPS[concept] if name != subgroup]
        weights = _subgroup_weights(facts, concept)
        shares = [weights[name] for name in others]
        scaled = [(1.0 - probability) * share / sum(shares) for share in shares]
        facts.subgroups[concept] = draws.choice(concept, [subgroup, *others], [probability, *scaled])
    else:
        facts.labels.settle(concept, draws.chance(concept, probability))


def _holds(facts: _Facts, event: str) -> bool:
    concept, _, subgroup = event.partition("=")
    return facts.subgroups[concept] == subgroup if concept in SUBGROUPS else facts.labels[concept]


def _decide_subgroup(draws: Draws, facts: _Facts, concept: str) -> None:
    if concept not in facts.subgroups:
        weights = _subgroup_weights(facts, concept)
        facts.subgroups[concept] = draws.choice(concept, list(weights), list(weights.values()))


def _subgroup_weights(facts: _Facts, concept: str) -> dict[str, float]:
    """Even, except that ethnicity and skin tone know of each other through the skin's typology angle."""
    if concept == "skin_tone" and "ethnicity" in facts.subgroups:
        dark = _probability_dark(facts.subgroups["ethnicity"])
        return {"bright": 1.0 - dark, "dark": dark}
    if concept == "ethnicity" and "skin_tone" in facts.subgroups:
        dark_wanted = facts.subgroups["skin_tone"] == "dark"
        dark_of = {name: _probability_dark(name) for name in SUBGROUPS["ethnicity"]}
        return {name: dark if dark_wanted else 1.0 - dark for name, dark in dark_of.items()}
    return dict.fromkeys(SUBGROUPS[concept], 1.0)


def _probability_dark(ethnicity: str) -> float:
    mean, deviation = SKIN_ANGLE[ethnicity]
    return float(ndtr((DARK_BELOW_DEGREES - mean) / deviation))


def base_rate(concept: str, years: float | None, subgroups: Mapping[str, str], labels: Labels) -> float:
    """The probability of a local concept that nothing has decided yet.

    An age that is not decided counts as adult; a gender that is not decided, as either.
    """
    if concept == "AU_6" and "Smiling" in labels and labels["Smiling"]:
        return AU_6_WHEN_SMILING
    rate = RATES[concept]
    by_gender = {"Male": rate.male, "Female": rate.female}
    probability = by_gender.get(subgroups.get("gender", ""), (rate.male + rate.female) / 2)
    if years is not None and years < ADULT_FROM:
        probability = rate.child
    elif years is not None and years > 50:
        probability *= rate.over_fifty
    return min(1.0, probability * rate.ethnicity.get(subgroups.get("ethnicity", ""), 1.0))


def _identity(draws: Draws, facts: _Facts) -> Identity:
    groups = facts.subgroups
    age = facts.years(draws)
    assert age is not None  # noqa: S101 - every subgroup is decided by now
    who: dict[str, Any] = {"age": age, "gender": groups["gender"], "ethnicity": groups["ethnicity"]}
    look = sample_appearance(draws, **who, skin_tone=groups["skin_tone"])
    given = {name: facts.given[name] for name in factor_names(Identity) if name in facts.given}
    return Identity(**{**who, **look, "traits": facts.labels.present(TRAITS), **given})


def _scene(draws: Draws, facts: _Facts) -> Scene:
    view = sample_view(draws, facts.subgroups["gender"])
    given = {name: facts.given[name] for name in factor_names(Scene) if name in facts.given}
    return Scene(**{**view, "shown": facts.labels.present(PASSING), **given})
