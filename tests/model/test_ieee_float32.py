"""float32 means float32 on a CUDA device too, and torch's switches are left as they were found."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

import facedissect as fd
from facedissect.model.ieee_float32 import ieee_float32


def tensor_float_32() -> tuple[bool, bool]:
    """Whether convolutions and matrix products may round to TensorFloat-32."""
    return torch.backends.cudnn.allow_tf32, torch.backends.cuda.matmul.allow_tf32


@pytest.fixture
def switches() -> object:
    """torch's switches, put back after the test."""
    before = tensor_float_32()
    yield
    torch.backends.cudnn.allow_tf32, torch.backends.cuda.matmul.allow_tf32 = before


@pytest.mark.parametrize("convolutions", [True, False])
@pytest.mark.parametrize("products", [True, False])
def test_switches_are_off_inside_and_as_before_outside(switches: object, convolutions: bool, products: bool) -> None:
    torch.backends.cudnn.allow_tf32, torch.backends.cuda.matmul.allow_tf32 = convolutions, products
    with ieee_float32():
        if hasattr(torch.backends.cudnn, "conv"):
            parts = torch.backends.cudnn.conv, torch.backends.cudnn.rnn, torch.backends.cuda.matmul
            assert [part.fp32_precision for part in parts] == ["ieee"] * 3
        else:
            assert tensor_float_32() == (False, False)
    assert tensor_float_32() == (convolutions, products)


def test_switches_are_as_before_after_an_error(switches: object) -> None:
    torch.backends.cudnn.allow_tf32 = True
    with pytest.raises(RuntimeError, match="inside"), ieee_float32():
        raise RuntimeError("inside")
    assert torch.backends.cudnn.allow_tf32


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device")
@pytest.mark.parametrize("network", [nn.Conv2d(3, 64, 7), nn.Linear(32, 64)], ids=["convolution", "product"])
def test_a_network_on_cuda_gives_what_it_gives_in_double_precision(switches: object, network: nn.Module) -> None:
    torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = True
    torch.manual_seed(0)
    images = torch.rand(8, 3, 32, 32)
    exact = copy.deepcopy(network).double()(images.double()).float()
    model = fd.FaceModel(network, size=32)
    with model.borrowed("cuda"):
        found = model(images).cpu()
    torch.testing.assert_close(found, exact, rtol=2e-6, atol=2e-6)  # TensorFloat-32 is off by 1e-4
