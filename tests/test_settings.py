from __future__ import annotations

from typing import Any

import pytest

from facedissect.errors import SettingsError
from facedissect.settings import Settings, bias_cutoff


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"quantile": 1.0}, "expected quantile between 0 and 1, got 1.0"),
        ({"quantile": 0.0}, "expected quantile between 0 and 1, got 0.0"),
        ({"min_iou": -0.1}, "expected min_iou between 0 and 1, got -0.1"),
        ({"union": "all"}, "expected union to be one of firing, labelled, got 'all'"),
        ({"negatives": "all"}, "expected negatives to be one of ignore, annotated, got 'all'"),
        ({"on_error": "ask"}, "expected on_error to be one of stop, skip, got 'ask'"),
        ({"batch_size": 0}, "expected batch_size to be at least 1, got 0"),
        ({"detection_ratio": 0}, "expected detection_ratio above 0, got 0"),
    ],
)
def test_a_value_that_makes_no_sense_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingsError) as caught:
        Settings(**changes)
    assert str(caught.value) == message


def test_reference_settings_keep_what_is_asked_for() -> None:
    reference = Settings.reference(quantile=0.95, union="labelled")
    assert (reference.quantile_method, reference.zeros) == ("published", "ignore")
    assert (reference.quantile, reference.union) == (0.95, "labelled")


def test_settings_survive_their_dictionary() -> None:
    settings = Settings(quantile=0.9, device="cpu")
    assert Settings(**settings.as_dict()) == settings


@pytest.mark.parametrize(("subgroups", "cutoff"), [(2, 0.55), (4, 0.30), (3, 0.4)])
def test_bias_cutoffs(subgroups: int, cutoff: float) -> None:
    assert bias_cutoff(subgroups) == pytest.approx(cutoff)
