"""Self-checks that anyone can run on their installation (docs/validation.md): the truth is planted, so it is known.

planted (faces in memory and networks that answer to them), aligned and confounded (the simulations), check (what a check is),
exact_checks, statistical_checks.
"""

from __future__ import annotations

from collections.abc import Callable

import torch

from . import exact_checks, statistical_checks
from .check import Check, PlannedCheck

__all__ = ["CHECKS", "Check", "planned", "validate"]

CHECKS: tuple[PlannedCheck, ...] = (
    exact_checks.planted_network,
    exact_checks.compiled_loops,
    exact_checks.same_run_twice,
    statistical_checks.label_p_values,
    statistical_checks.bias_p_values,
    statistical_checks.iou_intervals,
    statistical_checks.delta_intervals,
    statistical_checks.fixed_units,
    statistical_checks.following_units,
    statistical_checks.confounded_dictionary,
)
"""Those that every machine can run, in their order."""


def planned() -> tuple[PlannedCheck, ...]:
    """The checks of this machine: with a CUDA device, also whether it gives what the CPU gives."""
    return (*CHECKS, exact_checks.devices_agree("cuda")) if torch.cuda.is_available() else CHECKS


def validate(progress: Callable[[str, int, int], None] | None = None) -> tuple[Check, ...]:
    """Run all checks, one after the other.

    Args:
        progress: called with the name of the check that begins, how many are done, and how many there are.
    """
    checks, found = planned(), []
    for place, check in enumerate(checks):
        if progress:
            progress(check.name, place, len(checks))
        found.append(check())
    return tuple(found)
