"""Mapwright: from a folder of overhead images and masks to maps that can be trusted.

    import mapwright as mw
    run = mw.train("roofs/")
    run.model.predict("scene.tif")

Names are loaded when they are first used, so that importing the package costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mapwright.apply import load as load
    from mapwright.apply import predict_files as predict_files
    from mapwright.apply import predict_table as predict_table
    from mapwright.areas.assess import area as area
    from mapwright.areas.draw import draw_sample as draw_sample
    from mapwright.areas.result import Areas as Areas
    from mapwright.data.check import CheckReport as CheckReport
    from mapwright.data.check import check as check
    from mapwright.data.dataset import Dataset as Dataset
    from mapwright.data.describe import describe as describe
    from mapwright.data.describe import open_dataset as open_dataset
    from mapwright.data.spec import DatasetSpec as DatasetSpec
    from mapwright.errors import MapwrightError as MapwrightError
    from mapwright.evaluation import choose_items as choose_items
    from mapwright.evaluation import evaluate as evaluate
    from mapwright.exporting.write import Export as Export
    from mapwright.exporting.write import export as export
    from mapwright.io.vector import polygonize as polygonize
    from mapwright.metrics.object_result import ObjectScores as ObjectScores
    from mapwright.metrics.summary import Scores as Scores
    from mapwright.models.build import build_model as build_model
    from mapwright.models.custom import ChannelsLast as ChannelsLast
    from mapwright.plan import Plan as Plan
    from mapwright.predict.model import Model as Model
    from mapwright.predict.model import Prediction as Prediction
    from mapwright.report.auditing.page import audit as audit
    from mapwright.report.exploration.page import explore as explore
    from mapwright.run import Run as Run
    from mapwright.run import train as train

_HOMES = {
    "Areas": "areas.result",
    "area": "areas.assess",
    "audit": "report.auditing.page",
    "choose_items": "evaluation",
    "draw_sample": "areas.draw",
    "predict_files": "apply",
    "predict_table": "apply",
    "explore": "report.exploration.page",
    "export": "exporting.write",
    "polygonize": "io.vector",
    "ChannelsLast": "models.custom",
    "CheckReport": "data.check",
    "check": "data.check",
    "Dataset": "data.dataset",
    "describe": "data.describe",
    "open_dataset": "data.describe",
    "DatasetSpec": "data.spec",
    "MapwrightError": "errors",
    "ObjectScores": "metrics.object_result",
    "Scores": "metrics.summary",
    "evaluate": "evaluation",
    "Export": "exporting.write",
    "build_model": "models.build",
    "Plan": "plan",
    "Model": "predict.model",
    "Prediction": "predict.model",
    "Run": "run",
    "load": "apply",
    "train": "run",
}

__all__ = sorted(_HOMES)  # pyright: ignore


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version

        return version("mapwright")
    if name not in _HOMES:
        raise AttributeError(f"module 'mapwright' has no attribute {name!r}")
    return getattr(import_module(f"mapwright.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
