"""The U-Net with valid convolutions (Ronneberger et al. 2015; Rumberger et al. 2021, section 3).

Skips are cropped by constants (`Architecture.skip_crop`), the same at every input size: the
exported graph has no shape arithmetic, and its grid cannot move with the size. If a pooling does
not divide an input, the concatenation fails instead of rounding.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

import torch
from torch import Tensor, nn

from shiftzoo.recipe import Architecture

CONVOLUTION = {1: nn.Conv1d, 2: nn.Conv2d, 3: nn.Conv3d}
TRANSPOSED: dict[int, Callable[..., nn.Module]] = {
    1: nn.ConvTranspose1d,
    2: nn.ConvTranspose2d,
    3: nn.ConvTranspose3d,
}
MAX_POOL: dict[int, Callable[..., nn.Module]] = {1: nn.MaxPool1d, 2: nn.MaxPool2d, 3: nn.MaxPool3d}
BATCH_NORM = {1: nn.BatchNorm1d, 2: nn.BatchNorm2d, 3: nn.BatchNorm3d}


class ValidUNet(nn.Module):
    """Map images (B, C, *space) to embeddings and foreground logits.

    Embeddings are (B, E, *space - offset), foreground logits (B, 1, *space - offset).
    """

    def __init__(self, architecture: Architecture) -> None:
        super().__init__()
        self.architecture = architecture
        depth, d = architecture.depth, architecture.dimensions
        width = [
            min(architecture.base_channels << level, architecture.max_channels)
            for level in range(depth + 1)
        ]
        self.encoder = nn.ModuleList(
            _block(
                architecture, width[level - 1] if level else architecture.in_channels, width[level]
            )
            for level in range(depth + 1)
        )
        self.pool = nn.ModuleList(MAX_POOL[d](factors, factors) for factors in architecture.pooling)
        self.upsample = nn.ModuleList(
            TRANSPOSED[d](width[level + 1], width[level], factors, factors)
            if architecture.upsampling == "learned"
            else nn.Upsample(scale_factor=tuple(float(f) for f in factors), mode="nearest")
            for level, factors in enumerate(architecture.pooling)
        )
        self.decoder = nn.ModuleList(
            _block(
                architecture,
                width[level]
                + (width[level] if architecture.upsampling == "learned" else width[level + 1]),
                width[level],
            )
            for level in range(depth)
        )
        self.embedding = CONVOLUTION[d](width[0], architecture.embedding_channels, 1)
        self.foreground = CONVOLUTION[d](width[0], 1, 1)

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        skips: list[Tensor] = []
        x = self.encoder[0](image)
        for pool, block in zip(self.pool, self.encoder[1:], strict=True):
            skips.append(x)
            x = block(pool(x))
        for level in reversed(range(self.architecture.depth)):
            skip = _crop(skips[level], self.architecture.skip_crop(level))
            x = self.decoder[level](torch.cat([skip, self.upsample[level](x)], dim=1))
        return cast(Tensor, self.embedding(x)), cast(Tensor, self.foreground(x))


def _block(architecture: Architecture, channels_in: int, channels_out: int) -> nn.Sequential:
    d = architecture.dimensions
    layers: list[nn.Module] = []
    for index in range(architecture.convolutions):
        source = channels_in if index == 0 else channels_out
        layers.append(CONVOLUTION[d](source, channels_out, 3, bias=not architecture.batch_norm))
        if architecture.batch_norm:
            layers.append(BATCH_NORM[d](channels_out))
        layers.append(nn.ReLU(inplace=True))
    return nn.Sequential(*layers)


def _crop(x: Tensor, per_side: tuple[int, ...]) -> Tensor:
    """Cut `per_side` px from each end of every spatial axis."""
    return x[
        (slice(None), slice(None), *(slice(px, -px) if px else slice(None) for px in per_side))
    ]
