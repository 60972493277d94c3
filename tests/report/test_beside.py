"""What other commands left beside a result is found, and only what is of that result."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from facedissect.ablation import Ablation
from facedissect.ablation_storage import save_ablation
from facedissect.baseline import Baseline
from facedissect.baseline_storage import save_baseline
from facedissect.errors import OutputError
from facedissect.report import Beside
from facedissect.results import Dissection


def test_what_lies_beside_a_result_is_read(
    result: Dissection, ablation: Ablation, baseline: Baseline, tmp_path: Path
) -> None:
    result.save(tmp_path)
    assert Beside.read(result, tmp_path) == Beside()
    save_ablation(ablation, tmp_path)
    save_baseline(baseline, tmp_path)
    found = Beside.read(result, tmp_path)
    assert found.baseline == baseline
    assert [(one.layer, one.sets) for one in found.ablations] == [("act", ablation.sets)]


def test_what_is_of_another_network_or_run_is_passed_over(
    result: Dissection, ablation: Ablation, baseline: Baseline, tmp_path: Path
) -> None:
    result.save(tmp_path)
    save_ablation(ablation, tmp_path)
    save_baseline(baseline, tmp_path)
    model = {**result.provenance.model, "digest": "another"}
    other = replace(result, provenance=replace(result.provenance, model=model, created="later"))
    other.save(tmp_path)
    assert Beside.read(other, tmp_path) == Beside()


def test_what_is_damaged_is_said(result: Dissection, baseline: Baseline, tmp_path: Path) -> None:
    result.save(tmp_path)
    save_baseline(baseline, tmp_path)
    (tmp_path / "baseline.json").write_text("{")
    with pytest.raises(OutputError, match="expected a complete baseline, got a damaged one"):
        Beside.read(result, tmp_path)
