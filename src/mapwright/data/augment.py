"""Vary image and mask together, for any number of bands; what is invalid stays invalid.

Geometry is one affine map per tile: a reflection, a rotation, a zoom. Bands are interpolated
over their valid pixels alone, the mask is never interpolated, and what comes from outside the
image is invalid and ignored. Radiometry works in units of each band's standard deviation, so
the same settings fit 8-bit pictures, reflectance and kelvin.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from mapwright.data.augmentation import Augmentation
from mapwright.types import IGNORE


def augment(
    image: Tensor, mask: Tensor, patch: int, how: Augmentation, std: Tensor, rng: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Cut a varied tile from the centre of each source.

    Args:
        image: (N, C, S, S) float32 file values, NaN where invalid.
        mask: (N, S, S) int64 class indices or `IGNORE`; or (N, L, S, S), several such maps.
        patch: Side of the tiles, in pixels; even, and of the same parity as S.
        how: How strongly.
        std: (C,) standard deviation per band, in file values.
        rng: On the CPU, so that every device gets the same draws.

    Returns:
        (N, C, patch, patch) float32, and (N, patch, patch) or (N, L, patch, patch) int64.
    """
    grid = _grid(_draw_maps(len(image), how, rng), patch, image.shape[-1]).to(image)
    image, mask = warp(image, mask, grid)
    return radiometry(image, how, std, rng), mask


def _draw_maps(count: int, how: Augmentation, rng: torch.Generator) -> Tensor:
    """(N, 2, 2) maps from tile offsets to source offsets, both (x, y) in pixels."""
    free = torch.rand(count, generator=rng) < how.rotate
    angle = torch.rand(count, generator=rng) * 2 * math.pi
    quarters = torch.randint(0, 4, (count,), generator=rng) * (math.pi / 2)
    turn = torch.where(free, angle, quarters * how.reflect)
    flip = torch.where(torch.rand(count, generator=rng) < 0.5 * how.reflect, -1.0, 1.0)
    zoomed = torch.rand(count, generator=rng) < how.zoom_rate
    size = how.zoom ** (torch.rand(count, generator=rng) * 2 - 1)
    size = torch.where(zoomed, size, 1.0)
    cos, sin = turn.cos() * size, turn.sin() * size
    return torch.stack([cos * flip, -sin, sin * flip, cos], dim=1).view(count, 2, 2)


def _grid(maps: Tensor, patch: int, source: int) -> Tensor:
    """(N, patch, patch, 2) sampling positions in the source, -1..1 from edge to edge."""
    offsets = torch.arange(patch) - (patch - 1) / 2
    x, y = offsets[None, :].expand(patch, patch), offsets[:, None].expand(patch, patch)
    tile = torch.stack([x, y], dim=-1).double()
    positions = torch.einsum("nij,hwj->nhwi", maps.double(), tile)
    return (positions * 2 / source).float()


def warp(image: Tensor, mask: Tensor, grid: Tensor) -> tuple[Tensor, Tensor]:
    """Sample sources at `grid`; shapes as in `augment`.

    A tile pixel is valid when most of the weight of its four source pixels is; its value is
    their mean weighted over the valid ones.
    """
    sample = torch.nn.functional.grid_sample
    valid = ~torch.isnan(image).any(dim=1, keepdim=True)
    filled = torch.where(valid, image, 0.0)
    share = sample(valid.float(), grid, mode="bilinear", align_corners=False)
    values = sample(filled, grid, mode="bilinear", align_corners=False)
    warped = torch.where(share > 0.5, values / share.clamp(min=1e-6), torch.nan)
    # shifted by one, so that outside the source, where sampling gives 0, means `IGNORE`
    maps = mask if mask.dim() == 4 else mask.unsqueeze(1)
    shifted = torch.where(maps == IGNORE, 0, maps + 1).float()
    labels = sample(shifted, grid, mode="nearest", align_corners=False).round().long() - 1
    unknown = (labels < 0) | torch.isnan(warped).any(dim=1, keepdim=True)
    whole = torch.where(unknown, IGNORE, labels)
    return warped, whole if mask.dim() == 4 else whole[:, 0]


def radiometry(image: Tensor, how: Augmentation, std: Tensor, rng: torch.Generator) -> Tensor:
    """Vary brightness, contrast, tint, noise and sharpness; (N, C, H, W) in, the same out."""
    count, bands = image.shape[:2]

    def normal(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=rng).to(image)

    std = std.to(image).view(1, -1, 1, 1)
    centre = torch.nanmean(image, dim=(2, 3), keepdim=True)  # NaN only where nothing is valid
    gain = (normal(count, 1, 1, 1) * how.contrast + normal(count, bands, 1, 1) * how.tint).exp()
    image = (image - centre) * gain + centre + normal(count, 1, 1, 1) * how.brightness * std
    blurred = torch.rand(count, generator=rng) < how.blur
    if blurred.any():
        here = blurred.to(image.device)
        image = torch.where(here.view(-1, 1, 1, 1), _blur(image), image)
    if how.noise:
        level = torch.rand(count, 1, 1, 1, generator=rng).to(image) * how.noise
        image = image + normal(*image.shape) * level * std
    return image


def _blur(image: Tensor) -> Tensor:
    """A 3 x 3 binomial blur over valid pixels; invalid ones stay invalid."""
    line = torch.tensor([0.25, 0.5, 0.25], dtype=image.dtype, device=image.device)
    kernel = torch.outer(line, line).expand(image.shape[1], 1, 3, 3)
    valid = ~torch.isnan(image)
    conv = torch.nn.functional.conv2d
    total = conv(torch.where(valid, image, 0.0), kernel, padding=1, groups=image.shape[1])
    weight = conv(valid.to(image.dtype), kernel, padding=1, groups=image.shape[1])
    return torch.where(valid, total / weight.clamp(min=1e-6), torch.nan)
