"""What the QGIS plugin Deepness reads from a file, in its units.

The plugin divides every value by 255 and then standardises; our graphs take the values of the
files, so a deviation of 1/255 undoes the division. It takes the likeliest class of each pixel; a
threshold of 0 switches its own off, and so does a size of 0 its removal of small patches.
"""

from __future__ import annotations

import json
from typing import Any

from mapwright.card import Card
from mapwright.onnxfile import Form

_SHIFT = 1 / 255


def deepness_keys(card: Card, form: Form) -> dict[str, str]:
    """Metadata entries of an export that gives probabilities for the plugin; values are JSON."""
    bands = len(card.spec.used)
    keys: dict[str, Any] = {
        "model_type": "Segmentor",
        "class_names": dict(enumerate(card.spec.class_names)),
        "tile_size": form.tile,  # what the plugin reads
        "tiles_size": form.tile,  # what its manual says
        "tiles_overlap": round(100 * card.plan.overlap),  # percent
        "standardization_mean": [0.0] * bands,
        "standardization_std": [_SHIFT] * bands,
        "seg_thresh": 0.0,
        "seg_small_segment": 0,
    }
    if card.fingerprint.gsd:
        keys["resolution"] = round(100 * card.fingerprint.gsd, 4)  # centimetres a pixel
    return {key: json.dumps(value, ensure_ascii=False) for key, value in keys.items()}
