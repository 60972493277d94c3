from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from facedissect.errors import OutputError
from facedissect.mapped import mapped, release


def test_an_array_is_gone_on_with_and_released_memory_is_read_again(tmp_path: Path) -> None:
    values = mapped(tmp_path / "values", np.float32, (10, 100))
    values[3] = 7
    release(values, np.zeros(3))
    assert (values[3] == 7).all()
    again = mapped(tmp_path / "values", np.float32, (10, 100))
    assert again.sum() == 700


def test_an_array_of_nothing_needs_no_file(tmp_path: Path) -> None:
    assert mapped(tmp_path / "values", np.float32, (0, 5)).shape == (0, 5)
    assert not (tmp_path / "values").exists()


def test_a_disk_without_room_is_told_before_anything_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full)
    with pytest.raises(OutputError, match=r"expected room for 4.0 GB in .*, got: No space left on device; free some"):
        mapped(tmp_path / "values", np.float32, (1000, 1000, 1000))
