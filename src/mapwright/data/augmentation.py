"""The settings of how tiles are varied; `augment` does it."""

from __future__ import annotations

import math

from pydantic import Field

from mapwright.data.config import Config


class Augmentation(Config):
    """How strongly tiles are varied; 0 switches a kind off.

    Args:
        reflect: Whether tiles are flipped and turned by quarters, all eight ways alike.
        rotate: Probability of a turn by any angle.
        zoom: Largest zoom in or out as a factor, 1 = none.
        zoom_rate: Probability of a zoom.
        brightness: Standard deviation of an offset common to all bands, in band deviations.
        contrast: Standard deviation of the log of a gain common to all bands.
        tint: Standard deviation of the log of a gain of each band's own.
        noise: Largest standard deviation of pixel noise, in band deviations.
        blur: Probability of a slight blur.
    """

    reflect: bool = True
    rotate: float = Field(default=0.5, ge=0, le=1)
    zoom: float = Field(default=1.4, ge=1)
    zoom_rate: float = Field(default=0.5, ge=0, le=1)
    brightness: float = Field(default=0.3, ge=0)
    contrast: float = Field(default=0.2, ge=0)
    tint: float = Field(default=0.08, ge=0)
    noise: float = Field(default=0.1, ge=0)
    blur: float = Field(default=0.15, ge=0, le=1)

    @property
    def varies(self) -> bool:
        """Whether it does anything at all."""
        zooms = self.zoom_rate > 0 and self.zoom > 1
        values = (self.rotate, self.brightness, self.contrast, self.tint, self.noise, self.blur)
        return self.reflect or zooms or any(values)

    @property
    def context(self) -> float:
        """How much larger than the tile its source must be, so that no turn looks outside."""
        turn = math.sqrt(2) if self.rotate else 1.0
        return turn * (self.zoom if self.zoom_rate else 1.0)
