from __future__ import annotations

import pytest
import torch

from facedissect.model.layer_names import Address, is_pattern, matches, parse, part, parts


@pytest.mark.parametrize(
    ("name", "address"),
    [
        ("layer4.2.conv1", Address(module="layer4.2.conv1")),
        ("m/s/pw/Conv", Address(module="m/s/pw/Conv")),
        ("layer4.2.relu#2", Address(module="layer4.2.relu", call=2)),
        ("encoder[last_hidden_state]", Address(module="encoder", part=("last_hidden_state",))),
        ("lstm#1[1][0]", Address(module="lstm", call=1, part=("1", "0"))),
    ],
)
def test_a_name_spells_an_address_and_back(name: str, address: Address) -> None:
    assert parse(name) == address
    assert str(address) == name


@pytest.mark.parametrize(
    ("pattern", "name", "expected"),
    [
        ("layer4.*.conv*", "layer4.2.conv1", True),
        ("layer4.*.conv*", "layer3.2.conv1", False),
        ("layer4.?.conv1", "layer4.2.conv1", True),
        ("block*[0]", "block2[0]", True),
        ("block*[0]", "block20", False),
    ],
)
def test_patterns_have_stars_and_question_marks_and_no_brackets(pattern: str, name: str, expected: bool) -> None:
    assert is_pattern(pattern)
    assert not is_pattern(name)
    assert matches(name, pattern) is expected


def test_parts_are_found_in_tuples_and_mappings() -> None:
    a, b, c = torch.zeros(1), torch.ones(1), torch.zeros(2)
    output = {"first": a, "rest": (b, [c, None, "text"])}
    assert [path for path, _ in parts(output)] == [("first",), ("rest", "0"), ("rest", "1", "0")]
    assert part(output, ("rest", "1", "0")) is c
    assert part(output, ("rest", "2")) is None
    assert part(a, ()) is a
