"""A model as people use it: load it, give it an image, get a map."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import numpy as np
from odc.geo.geobox import GeoBox

from mapwright.bundle import Bundle, load_bundle
from mapwright.hardware import detect_hardware
from mapwright.io.files import make_folder
from mapwright.io.maps import (
    class_map_writer,
    map_suffix,
    probability_writer,
    require_replaceable,
)
from mapwright.io.picture import overlay, save_picture
from mapwright.predict.engines import TorchEngine
from mapwright.predict.pipeline import Tiling, decide, predict_rows, predict_whole
from mapwright.predict.source import Source
from mapwright.progress import Progress
from mapwright.types import IGNORE, ClassIndex, Image, Probabilities, Tta, Window


@dataclass(frozen=True)
class Prediction:
    """A map in memory.

    Args:
        classes: (H, W) uint8 class indices, `IGNORE` where the image is invalid.
        probabilities: (K, H, W) float32, NaN where the image is invalid.
        geobox: Shape, transform and CRS; those of the image.
        class_names: What the class indices mean.
    """

    classes: ClassIndex
    probabilities: Probabilities
    geobox: GeoBox
    class_names: tuple[str, ...]


@dataclass(frozen=True)
class Written:
    """The files of one prediction.

    Args:
        image: What was predicted.
        map: The class map.
        probabilities: The probabilities, if asked for.
        overlay: The picture with classes laid over it, if asked for.
    """

    image: Path
    map: Path
    probabilities: Path | None = None
    overlay: Path | None = None


@dataclass(frozen=True)
class Model:
    """A trained model, ready to use.

    Args:
        bundle: What the model file holds.
        tta: Test-time augmentation; None = as planned when it was trained.
    """

    bundle: Bundle
    tta: Tta | None = None

    @classmethod
    def load(cls, path: str | Path) -> Model:
        """Read a model file.

        Raises:
            ModelFileError: Missing, cut short, altered or not ours.
        """
        return cls(load_bundle(Path(path)))

    def with_tta(self, tta: Tta | None) -> Model:
        """The same model with another test-time augmentation; None = as planned."""
        return replace(self, tta=tta)

    @property
    def views(self) -> Tta:
        """The test-time augmentation that is used."""
        return self.tta or self.bundle.plan.tta

    def predict(self, path: str | Path) -> Prediction:
        """Predict an image into memory.

        Raises:
            ImageFileError: Unreadable, or a band is missing.
        """
        source = Source(self.bundle.spec, Path(path))
        parts = list(self._parts(source))
        return Prediction(
            classes=np.concatenate([part.classes for part in parts]),
            probabilities=np.concatenate([part.probabilities for part in parts], axis=1),
            geobox=source.info.geobox,
            class_names=self.bundle.spec.class_names,
        )

    def predict_file(
        self,
        path: Path,
        folder: Path,
        *,
        probabilities: bool = False,
        with_overlay: bool = False,
        progress: Progress | None = None,
    ) -> Written:
        """Predict an image into files, on its own grid, without holding it in memory.

        Args:
            path: The image.
            folder: Where the files go; they are named after the image.
            probabilities: Also write one band of probability per class.
            with_overlay: Also write a picture with the classes laid over it.
            progress: Told of every tile.

        Raises:
            ImageFileError: Unreadable, or a band is missing.
            OutputError: A file can't be written; nothing half-written is left.
        """
        spec = self.bundle.spec
        source = Source(spec, path)
        geobox = source.info.geobox
        make_folder(folder)
        files = self._names(path, folder, source, probabilities, with_overlay)
        require_replaceable(files.map)
        step, shown = source.reduction, list[ClassIndex]()
        with ExitStack() as stack:
            maps = stack.enter_context(class_map_writer(files.map, geobox, spec.legend))
            soft = files.probabilities and stack.enter_context(
                probability_writer(files.probabilities, geobox, spec.class_names)
            )
            for part in self._parts(source, progress):
                maps.write(part.row, part.classes)
                if soft:
                    soft.write(part.row, part.probabilities)
                if files.overlay:
                    shown.append(part.classes[-part.row % step :: step, ::step])
        if files.overlay:
            laid = overlay(source.picture(), np.concatenate(shown), spec.colors)
            save_picture(files.overlay, laid)
        return files

    def _names(
        self, path: Path, folder: Path, source: Source, probabilities: bool, with_overlay: bool
    ) -> Written:
        """Files named after the image, never the image itself."""
        suffix = map_suffix(path, source.info.geobox, self.bundle.spec.legend)
        target = folder / f"{path.stem}{suffix}"
        if target.resolve() == path.resolve():
            target = folder / f"{path.stem}_classes{suffix}"
        return Written(
            image=path,
            map=target,
            probabilities=folder / f"{path.stem}_probabilities.tif" if probabilities else None,
            overlay=folder / f"{path.stem}_overlay.png" if with_overlay else None,
        )

    def classify(self, image: Image) -> ClassIndex:
        """Class of every pixel of an image in memory, invalid pixels included.

        Args:
            image: (C, H, W) float32 file values of the used bands, NaN where invalid.

        Returns:
            (H, W) uint8 class indices.
        """
        return decide(self.probabilities(image), self.bundle.decision.threshold)

    def probabilities(self, image: Image) -> Probabilities:
        """Probabilities (K, H, W) of an image in memory; see `classify`."""
        return predict_whole(self._engine, image, self._tiling)

    def only(self, members: Sequence[int]) -> Model:
        """The same model with some members of its ensemble."""
        return replace(self, bundle=self.bundle.only(members))

    @cached_property
    def _engine(self) -> TorchEngine:
        return TorchEngine(
            self.bundle.networks(),
            len(self.bundle.spec.classes),
            self.views,
            detect_hardware().device,
        )

    @property
    def _tiling(self) -> Tiling:
        return Tiling(self.bundle.plan.tile, self.bundle.plan.overlap)

    def _parts(self, source: Source, progress: Progress | None = None) -> Iterator[_Part]:
        """Finished rows, with what is invalid taken out."""
        width = source.info.size[1]
        strips = predict_rows(self._engine, source.read, source.info.size, self._tiling, progress)
        for row, probabilities in strips:
            window = Window(row, 0, probabilities.shape[1], width)
            valid = ~np.isnan(source.read(window)).any(axis=0)
            classes = decide(probabilities, self.bundle.decision.threshold)
            yield _Part(
                row,
                np.where(valid, classes, IGNORE).astype(np.uint8),
                np.where(valid, probabilities, np.float32(np.nan)),
            )


class _Part(NamedTuple):
    row: int
    classes: ClassIndex
    probabilities: Probabilities
