"""The labels of a face while they are being decided: what one label says about the others, and planted correlations."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ..concepts import FACE_DICTIONARY
from ..errors import SettingsError, nearest_names
from .factors import EXCLUDES, IMPLIES, PASSING, TRAITS

SUBGROUPS: dict[str, tuple[str, ...]] = {concept.name: concept.subgroups for concept in FACE_DICTIONARY.global_concepts}
LOCAL: tuple[str, ...] = (*TRAITS, *PASSING)
_EVENTS: tuple[str, ...] = (
    *LOCAL,
    *(f"{name}={subgroup}" for name, subgroups in SUBGROUPS.items() for subgroup in subgroups),
)


@dataclass(frozen=True, kw_only=True)
class Correlation:
    """A planted dependence between two labels: P(effect | cause) = strength and P(effect | no cause) = 1 - strength.

    Attributes:
        cause, effect: a local concept ("Eyeglasses"), or a subgroup of a global one ("gender=Male").
        strength: 0 to 1; 0.5 makes them independent, 1 makes the effect follow the cause.

    Raises:
        SettingsError: an unknown label, a strength outside [0, 1], or cause and effect of the same concept.
    """

    cause: str
    effect: str
    strength: float

    def __post_init__(self) -> None:
        for event in (self.cause, self.effect):
            if event not in _EVENTS:
                raise SettingsError(
                    f"expected a local concept or CONCEPT=SUBGROUP in a correlation, got {event!r}; "
                    f"nearest: {nearest_names(event, _EVENTS)}"
                )
        if not 0.0 <= self.strength <= 1.0:
            raise SettingsError(f"expected the strength of a correlation from 0 to 1, got {self.strength!r}")
        if concept_of(self.cause) == concept_of(self.effect):
            raise SettingsError(f"expected cause and effect of two concepts, got {self.cause!r} and {self.effect!r}")


def concept_of(event: str) -> str:
    """The concept that an event speaks of: "gender" of "gender=Male", "Smiling" of "Smiling"."""
    return event.partition("=")[0]


def in_causal_order(correlations: Sequence[Correlation]) -> list[Correlation]:
    """The correlations in an order in which every cause is decided before its effect.

    Raises:
        SettingsError: two correlations have the same effect, they form a circle, or one concept in them decides another.
    """
    _expect_free(correlations)
    effects = [concept_of(correlation.effect) for correlation in correlations]
    for effect in effects:
        if effects.count(effect) > 1:
            raise SettingsError(
                f"expected at most one correlation with the effect {effect}, got {effects.count(effect)}"
            )
    waiting, ordered = list(correlations), list[Correlation]()
    while waiting:
        open_effects = {concept_of(correlation.effect) for correlation in waiting}
        ready = [correlation for correlation in waiting if concept_of(correlation.cause) not in open_effects]
        if not ready:
            raise SettingsError(f"expected causes before effects, got a circle: {', '.join(sorted(open_effects))}")
        ordered += ready
        waiting = [correlation for correlation in waiting if correlation not in ready]
    return ordered


def _expect_free(correlations: Sequence[Correlation]) -> None:
    """Concepts that imply or exclude each other cannot be given any other dependence."""
    events = {event for correlation in correlations for event in (correlation.cause, correlation.effect)}
    concepts = sorted(event for event in events if event in LOCAL)
    for concept in concepts:
        for present in (True, False):
            labels = Labels()
            labels.settle(concept, present)
            bound = [other for other in concepts if other != concept and other in labels]
            if bound:
                raise SettingsError(
                    f"expected correlations between concepts that are free of each other, got {concept} and {bound[0]}; "
                    "one implies or excludes the other"
                )


class Labels:
    """Which local concepts are decided, and how; deciding one decides those that it implies or excludes."""

    def __init__(self) -> None:
        self._decided: dict[str, bool] = {}

    def __contains__(self, concept: object) -> bool:
        return concept in self._decided

    def __getitem__(self, concept: str) -> bool:
        return self._decided[concept]

    def present(self, among: Iterable[str]) -> frozenset[str]:
        """Those of the concepts that are decided to be present."""
        return frozenset(concept for concept in among if self._decided.get(concept))

    def settle(self, concept: str, present: bool) -> None:
        """Decide a concept and all that follows from it.

        Raises:
            SettingsError: that contradicts what is decided already.
        """
        before = self._decided.get(concept)
        if before is present:
            return
        if before is not None:
            raise SettingsError(
                f"expected labels that agree, got {concept} both present and absent; see facedissect.demo.IMPLIES and EXCLUDES"
            )
        self._decided[concept] = present
        for one, other in IMPLIES:
            if present and concept == one:
                self.settle(other, True)
            elif not present and concept == other:
                self.settle(one, False)
        if present:
            for pair in EXCLUDES:
                if concept in pair:
                    self.settle(pair[1] if concept == pair[0] else pair[0], False)
