"""Where units and positions lie in a layer's output, deduced from its shape, its module and the maps seen before it.

Every layout ends as maps (image, unit, height, width), whatever the network is made of; a unit without positions has a map
of 1 x 1.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn

from .preprocess import Size

Kind = Literal["channels_first", "channels_last", "tokens", "tokens_last", "sequence_first", "heads", "vector"]
Shape = tuple[int, ...]

MOST_PREFIX_TOKENS = 16
"""Class and register tokens stand before those of the image; more than this many are taken for something else."""

_CHANNELS_FIRST = (
    nn.modules.conv._ConvNd,
    nn.modules.batchnorm._BatchNorm,
    nn.modules.instancenorm._InstanceNorm,
    nn.GroupNorm,
    nn.modules.pooling._MaxPoolNd,
    nn.modules.pooling._AvgPoolNd,
    nn.modules.pooling._AdaptiveAvgPoolNd,
    nn.modules.pooling._AdaptiveMaxPoolNd,
    nn.Upsample,
    nn.PixelShuffle,
)


@dataclass(frozen=True, kw_only=True)
class Layout:
    """How to read a layer's output as maps.

    Attributes:
        kind: which axes are which: `channels_first` (image, unit, height, width), `channels_last` (image, height, width,
            unit), `tokens` (image, token, unit), `tokens_last` (image, unit, token), `sequence_first` (token, image, unit),
            `heads` (image, head, token, unit of the head), `vector` (image, unit).
        grid: height and width on which the tokens are laid, row by row.
        prefix: class and register tokens before those of the image; they have no place and are dropped.
    """

    kind: Kind
    grid: Size | None = None
    prefix: int = 0

    def maps(self, output: Float[Tensor, ...]) -> Float[Tensor, "image unit h w"]:
        """The output as maps; a view where there can be one."""
        if self.kind == "channels_first":
            return output
        if self.kind == "channels_last":
            return output.movedim(-1, 1)
        if self.kind == "vector":
            return output.reshape(output.shape[0], -1, 1, 1)
        tokens = _tokens_in_the_middle(self.kind, output)[:, self.prefix :]
        return tokens.transpose(1, 2).reshape(len(tokens), -1, *(self.grid or (1, 1)))


@dataclass(frozen=True, kw_only=True)
class Unreadable:
    """Why an output cannot be read as maps: what it is, for the end of a sentence."""

    reason: str


class LayoutReader:
    """Reads the layouts of a forward pass's outputs, which must be told in the order in which they are made.

    Args:
        images: how many images the pass has.
        input_size: height and width of those.
    """

    def __init__(self, images: int, input_size: Size) -> None:
        self._images, self._input_size = images, input_size
        self._grids: list[Size] = []
        self._certain: dict[Shape, Layout] = {}

    def read(self, module: nn.Module, shape: Sequence[int]) -> Layout | Unreadable:
        """The layout of an output that `module` made."""
        layout = self._read(module, tuple(shape))
        if isinstance(layout, Layout) and layout.kind in ("channels_first", "channels_last"):
            height, width = shape[2:] if layout.kind == "channels_first" else shape[1:3]
            self._grids.append((height, width))
        return layout

    def _read(self, module: nn.Module, shape: Shape) -> Layout | Unreadable:
        told = " x ".join(map(str, shape))
        if len(shape) == 3 and shape[1] == self._images != shape[0]:
            found, what = (
                self._tokens("sequence_first", shape[0]),
                f"{shape[0]} tokens that fill no grid like the image",
            )
        elif len(shape) < 2 or shape[0] != self._images:
            found, what = None, f"other rows than the {self._images} images of the pass, such as windows or patches"
        elif len(shape) == 2:
            found, what = Layout(kind="vector"), ""
        elif len(shape) in (3, 4) and self._between_tokens(shape):
            found, what = None, "weights between tokens, which are no units"
        elif len(shape) == 3:
            found, what = self._sequence(module, shape), f"{shape[1]} tokens that fill no grid like the image"
        elif len(shape) == 4:
            found, what = self._planes(module, shape), "neither maps shaped like the image nor tokens"
        else:
            found, what = None, f"{len(shape)} axes, of which it is not known which are height and width"
        return found or Unreadable(reason=f"{told}: {what}")

    def _sequence(self, module: nn.Module, shape: Shape) -> Layout | None:
        if shape[1] == 1:
            return Layout(kind="vector")
        if isinstance(module, _CHANNELS_FIRST):
            return self._tokens("tokens_last", shape[2])
        # What mixes tokens has them last, and no rest.
        return self._tokens("tokens", shape[1]) or self._tokens("tokens_last", shape[2], most_prefix=0, known_grid=True)

    def _planes(self, module: nn.Module, shape: Shape) -> Layout | None:
        first, last = Layout(kind="channels_first"), Layout(kind="channels_last")
        if isinstance(module, _CHANNELS_FIRST):
            return self._certain.setdefault(shape, first)
        fits_first, fits_last = self._fits(shape[2:]), self._fits(shape[1:3])
        heads = None if fits_last else self._tokens("heads", shape[2], known_grid=True)
        # Subclasses of LayerNorm may turn the axes themselves.
        if isinstance(module, nn.Linear) or type(module) is nn.LayerNorm:
            return heads or self._certain.setdefault(shape, last)
        if fits_first and fits_last:
            return self._certain.get(shape, first)
        if fits_first or fits_last:
            return first if fits_first else last
        return self._certain.get(shape) or heads

    def _between_tokens(self, shape: Shape) -> bool:
        """Whether an output has a number for every pair of tokens of the last grid."""
        tokens = self._tokens("heads", shape[-1], known_grid=True)
        if shape[-1] != shape[-2] or shape in self._certain or tokens is None or tokens.grid != self._grids[-1]:
            return False
        # Tokens may well be as wide as there are patches, but hardly as there are with a class token.
        return len(shape) == 4 or tokens.prefix > 0

    def _fits(self, size: Sequence[int]) -> bool:
        """Whether a map of this size has the shape of the image: to one position, and exactly for a square."""
        (height, width), (rows, columns) = size, self._input_size
        return abs(height * columns - width * rows) <= (0 if rows == columns else max(rows, columns))

    def _tokens(
        self, kind: Kind, count: int, *, most_prefix: int = MOST_PREFIX_TOKENS, known_grid: bool = False
    ) -> Layout | None:
        """Tokens on the last grid that they fill but for a prefix; unless it must be known, on one that follows from others."""
        for height, width in reversed(self._grids):
            if height * width > 1 and 0 <= count - height * width <= most_prefix:
                return Layout(kind=kind, grid=(height, width), prefix=count - height * width)
        if known_grid:
            return None
        grids = self._merged() if self._grids else self._shaped_like_the_image(count, most_prefix)
        for height, width in grids:
            if 0 <= count - height * width <= (1 if self._grids else most_prefix):
                return Layout(kind=kind, grid=(height, width), prefix=count - height * width)
        return None

    def _merged(self) -> Iterator[Size]:
        """Grids on which tokens lie once patches of known grids are merged, as hierarchical transformers do."""
        for height, width in reversed(self._grids):
            for factor in (2, 4, 8, 16):
                if max(height, width) >= factor:
                    yield -(-height // factor), -(-width // factor)

    def _shaped_like_the_image(self, count: int, most_prefix: int) -> Iterator[Size]:
        """Grids that tokens fill but for a prefix, the shortest first, where no patch was seen."""
        rows, columns = self._input_size
        for tokens in range(count, max(1, count - most_prefix - 1), -1):
            height = max(1, round((tokens * rows / columns) ** 0.5))
            if tokens % height == 0 and self._fits((height, tokens // height)):
                yield height, tokens // height


def _tokens_in_the_middle(kind: Kind, output: Float[Tensor, ...]) -> Float[Tensor, "image token unit"]:
    if kind == "tokens_last":
        return output.transpose(1, 2)
    if kind == "sequence_first":
        return output.transpose(0, 1)
    if kind == "heads":
        return torch.flatten(output.transpose(1, 2), 2)
    return output
