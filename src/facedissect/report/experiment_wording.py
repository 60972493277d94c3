"""What the planted-bias experiment found, in sentences for the page and the terminal."""

from __future__ import annotations

import pandas as pd

from ..experiments.planted_bias import Findings, TieFinding
from .wording import counted, number


def sentences(findings: Findings) -> list[str]:
    """A few sentences for each tie, each under its name."""
    return [f"{tie.tie}: {sentence}" for tie in findings.ties for sentence in told(tie, findings.runs)]


def told(tie: TieFinding, runs: pd.DataFrame) -> list[str]:
    """What follows for one tie, out of the rows of all networks."""
    return [*_measured(tie), _answers(runs[runs["tie"] == tie.tie]), *_false_alarms(tie)]


def _measured(tie: TieFinding) -> list[str]:
    begins = "" if tie.control is None else f", from {number(tie.control)} without a tie"
    found = [f"measured bias is {number(tie.strongest)} at the strongest tie{begins}."]
    if tie.rho is not None:
        other = "" if tie.rho_bystander is None else f", that of a concept tied to nothing with {tie.rho_bystander:.2f}"
        found.append(
            f"it follows the strength with Spearman's rho = {tie.rho:.2f} over {counted(tie.networks, 'network')}{other}."
        )
    return found


def _answers(runs: pd.DataFrame) -> str:
    strongest = runs[runs["strength"] == runs["strength"].max()]
    return (
        f"at strength {runs['strength'].max():g}, networks are right on {strongest['accuracy_congruent'].mean():.1%} of the "
        f"congruent and {strongest['accuracy_incongruent'].mean():.1%} of the incongruent faces."
    )


def _false_alarms(tie: TieFinding) -> list[str]:
    if tie.false_alarms is None or tie.layers_with_false_alarms is None:
        return []
    return [
        f"false alarms: with labels exchanged at random, {tie.false_alarms:.2%} of the control's units are said to respond; in "
        f"{tie.layers_with_false_alarms:.1%} of the exchanges some unit is."
    ]
