"""A check: what was found against what was expected, and how long that took."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Check:
    """What became of a check.

    Attributes:
        name: what is checked.
        passed: whether what was found is what was expected.
        found, expected: both, in words.
        seconds: how long it took.
    """

    name: str
    passed: bool
    found: str
    expected: str
    seconds: float


@dataclass(frozen=True, kw_only=True)
class PlannedCheck:
    """A check that can be run.

    Attributes:
        name: what is checked.
        expected: what a correct installation finds, in words.
        find: whether it is found, and what is, in words.
    """

    name: str
    expected: str
    find: Callable[[], tuple[bool, str]]

    def __call__(self) -> Check:
        """Run it. An error is a check that failed, whatever it is, so that the others still tell what does work."""
        began = time.monotonic()
        try:
            passed, found = self.find()
        except Exception as error:
            passed, found = False, f"stopped by {type(error).__name__}: {error}"
        seconds = time.monotonic() - began
        return Check(name=self.name, passed=passed, found=found, expected=self.expected, seconds=seconds)


def check(name: str, *, expected: str) -> Callable[[Callable[[], tuple[bool, str]]], PlannedCheck]:
    """Make a check of a function that says whether what it found is as expected, and what it was."""

    def made(find: Callable[[], tuple[bool, str]]) -> PlannedCheck:
        return PlannedCheck(name=name, expected=expected, find=find)

    return made
