"""Make `import torchvision` work beside a CPU build of torch.

The torchvision wheel of the public index is built for CUDA. Beside a CPU-only torch its compiled
operators can't load, and importing it fails on the missing `nms` schema, though nothing here calls
that operator. Declaring the schemas is enough. Where torchvision imports, nothing is touched.

Import this module before timm, segmentation_models_pytorch, Lightning or torchmetrics.
"""

from __future__ import annotations

import sys

import torch

_library: torch.library.Library | None = None  # must outlive the import, or the schemas go


def ensure_torchvision() -> None:
    """Import torchvision, declaring the operators that a CPU-only torch lacks if it must."""
    global _library
    try:
        import torchvision
    except RuntimeError as error:
        if "torchvision::nms" not in str(error):
            raise
        for name in [m for m in sys.modules if m.split(".")[0] == "torchvision"]:
            del sys.modules[name]  # the half-imported modules would be found instead
        _library = torch.library.Library("torchvision", "DEF")  # type: ignore[no-untyped-call]
        boxes = "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"
        _library.define("nms" + boxes)  # type: ignore[no-untyped-call]
        _library.define("qnms" + boxes)  # type: ignore[no-untyped-call]
        import torchvision  # noqa: F401


ensure_torchvision()
