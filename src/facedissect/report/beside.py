"""What later commands leave beside a result, to be shown with it."""

from __future__ import annotations

import os
from dataclasses import dataclass

from ..ablation import Ablation
from ..ablation_storage import ablations_of
from ..baseline import Baseline
from ..baseline_storage import load_baseline
from ..results import Dissection


@dataclass(frozen=True, kw_only=True)
class Beside:
    """What a report shows beside the result itself.

    Attributes:
        ablations: of units of its layers, what replacing them does.
        baseline: how many of its units would be something with random weights and with permuted labels; None if nobody counted.
    """

    ablations: tuple[Ablation, ...] = ()
    baseline: Baseline | None = None

    @classmethod
    def read(cls, result: Dissection, folder: str | os.PathLike[str]) -> Beside:
        """What is there of a result in its folder; what was left there of another network, dictionary or run is passed over.

        Raises:
            OutputError: something of it is damaged, or of another version.
        """
        return cls(ablations=ablations_of(result, folder), baseline=load_baseline(folder))


NOTHING = Beside()
