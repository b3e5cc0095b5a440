"""How strongly tiles are varied: by the bands, and by how often the images are seen.

Variation keeps a network from learning its images by heart, which it can only once it has seen
them often; before that, it costs. `benchmarks/README.md` says what was measured.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mapwright.data.augmentation import Augmentation
from mapwright.data.fingerprint import Fingerprint

FEW = 15
"""Epochs below which tiles are not varied."""

_COLOURS = 3  # bands; more are a spectrum
_FAINT = {"brightness": 0.05, "contrast": 0.05, "tint": 0.02, "noise": 0.03, "blur": 0.0}
_NONE = {
    "reflect": False, "rotate": 0.0, "zoom": 1.0, "zoom_rate": 0.0, "brightness": 0.0,
    "contrast": 0.0, "tint": 0.0, "noise": 0.0, "blur": 0.0,
}  # fmt: skip


def variation(
    fingerprint: Fingerprint, learning: Mapping[str, Any], given: Mapping[str, Any]
) -> tuple[Augmentation, str]:
    """How tiles are varied, and why so.

    Args:
        fingerprint: Statistics of the images.
        learning: Settings of the plan: steps, batch, patch and gate.
        given: What was set by hand of it; the rest follows.

    Raises:
        SettingError: A value is unknown or out of range.
    """
    epochs = epochs_of(fingerprint, learning)
    spectral = len(fingerprint.bands) > _COLOURS
    # objects of mostly empty images are drawn again and again, however many images there are
    few = epochs < FEW and not learning["gate"]
    usual = _none(given) if few else full_variation(len(fingerprint.bands)).plain()
    how = Augmentation.parse({**usual, **given}, "augmentation")
    if few:
        return how, (
            f"{epochs:.3g} epochs: nothing is learnt by heart in fewer than {FEW}, and what is not "
            "varied is learnt faster; for images of other times or places set it by hand"
        )
    return how, (
        "seen from above, every direction is alike: all flips and turns; zoom differs; "
        + (
            "of many bands the values themselves tell, so brightness and tint differ little"
            if spectral
            else "brightness, contrast and tint differ between takes"
        )
        + "; strengths are in units of each band's deviation"
    )


def full_variation(bands: int) -> Augmentation:
    """How tiles are varied that are seen often: spectra about as much as air and sensor do.

    Args:
        bands: Number of bands; more than three are a spectrum.
    """
    return Augmentation.parse(_FAINT if bands > _COLOURS else {}, "augmentation")


def _none(given: Mapping[str, Any]) -> dict[str, Any]:
    """Nothing is varied; but a zoom set by hand keeps its rate, and a rate its zoom."""
    zoomed = {"zoom", "zoom_rate"} & given.keys()
    return {key: value for key, value in _NONE.items() if not (zoomed and key.startswith("zoom"))}


def epochs_of(fingerprint: Fingerprint, learning: Mapping[str, Any]) -> float:
    """Pixels that are learnt from, as a multiple of those that the images have."""
    seen = learning["steps"] * learning["batch"] * learning["patch"] ** 2
    return float(seen / fingerprint.pixels)
