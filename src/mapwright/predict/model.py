"""A model as people use it: load it, give it an image, get a map."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from mapwright.card import Card
from mapwright.data.dataset import Sample
from mapwright.data.likeness import Doubt, find_doubts, sample_values
from mapwright.io.files import make_folder
from mapwright.io.maps import (
    class_map_writer,
    map_suffix,
    probability_writer,
    require_replaceable,
)
from mapwright.io.picture import overlay, save_picture
from mapwright.io.vector import PolygonOptions
from mapwright.metrics.components import Ids
from mapwright.metrics.temperature import temper
from mapwright.onnxfile import SUFFIX, load_onnx
from mapwright.predict.engines import Engine, open_engine
from mapwright.predict.pipeline import Tiling, decide, predict_rows, predict_samples, predict_whole
from mapwright.predict.presence import Presence
from mapwright.predict.source import Source
from mapwright.predict.stitch import Strip
from mapwright.progress import Progress
from mapwright.types import IGNORE, ClassIndex, Image, Probabilities, Tta, Window

if TYPE_CHECKING:
    from mapwright.models.custom import Build


@dataclass(frozen=True)
class Prediction:
    """A map in memory.

    Args:
        classes: (H, W) uint8 class indices, `IGNORE` where the image is invalid.
        probabilities: (K, H, W) float32, calibrated, NaN where the image is invalid.
        geobox: Shape, transform and CRS; those of the image.
        class_names: What the class indices mean.
        doubts: What about the values of the image the model may not cope with.
        presence: Probability that the image holds any object, the highest of its tiles; None
            without a gate.
        border: (H, W) float32, probability that objects touch at a pixel, NaN where the image is
            invalid; None where the model does not say it.
    """

    classes: ClassIndex
    probabilities: Probabilities
    geobox: GeoBox
    class_names: tuple[str, ...]
    doubts: tuple[Doubt, ...] = ()
    presence: float | None = None
    border: NDArray[np.float32] | None = None


@dataclass(frozen=True)
class Written:
    """The files of one prediction.

    Args:
        image: What was predicted.
        map: The class map.
        probabilities: The probabilities, if asked for.
        confidence: The probability of the class in the map, if asked for.
        overlay: The picture with classes laid over it, if asked for.
        polygons: The patches of the map, if asked for.
        doubts: What about the values of the image the model may not cope with.
        presence: Probability that the image holds any object; None without a gate.
    """

    image: Path
    map: Path
    probabilities: Path | None = None
    confidence: Path | None = None
    overlay: Path | None = None
    polygons: Path | None = None
    doubts: tuple[Doubt, ...] = ()
    presence: float | None = None

    def plain(self) -> dict[str, Any]:
        """The files that there are, doubts and presence, as JSON-able built-in types."""
        paths = {key: str(path) for key, path in vars(self).items() if isinstance(path, Path)}
        doubts = [doubt.plain() for doubt in self.doubts]
        told = {"doubts": doubts} if doubts else {}
        return paths | told | ({} if self.presence is None else {"presence": self.presence})


@dataclass(frozen=True)
class Model:
    """A trained model, ready to use.

    Args:
        bundle: What the model file holds.
        tta: Test-time augmentation; None = as planned when it was trained.
    """

    bundle: Card
    tta: Tta | None = None

    @classmethod
    def load(cls, path: str | Path, build: str | Build | None = None) -> Model:
        """Read a model file: what `mapwright train` wrote, or `mapwright export`.

        Args:
            path: The file.
            build: Makes the network instead of the function that the file names.

        Raises:
            ModelFileError: Missing, cut short, altered or not ours.
            SettingError: The function can't be found by its name.
        """
        if Path(path).suffix.lower() == SUFFIX:
            return cls(load_onnx(Path(path)))
        from mapwright.bundle import load_bundle  # torch waits until a model needs it

        return cls(load_bundle(Path(path), build))

    def with_tta(self, tta: Tta | None) -> Model:
        """The same model with another test-time augmentation; None = as planned.

        Raises:
            SettingError: An exported model whose output can't be averaged.
        """
        return replace(self, tta=tta and self.bundle.views(tta))

    @property
    def views(self) -> Tta:
        """The test-time augmentation that is used."""
        return self.bundle.views(self.tta)

    def predict(self, path: str | Path) -> Prediction:
        """Predict an image into memory.

        Raises:
            ImageFileError: Unreadable, or a band is missing.
        """
        source = Source(self.bundle.spec, Path(path))
        presence = Presence()
        parts = list(self._parts(source, presence=presence))
        return Prediction(
            classes=np.concatenate([part.classes for part in parts]),
            probabilities=np.concatenate([part.probabilities for part in parts], axis=1),
            geobox=source.info.geobox,
            class_names=self.bundle.spec.class_names,
            doubts=self._doubts(source),
            presence=presence.highest,
            border=_joined(parts),
        )

    def objects(self, path: str | Path) -> Ids:
        """The objects of an image, told apart by the rule of the model.

        Returns:
            (H, W) int32: 0 where no object is, 1..n on the objects.

        Raises:
            ImageFileError: Unreadable, or a band is missing.
            SettingError: The model does not say which class is counted.
        """
        index, presence = self.bundle.require_counted(), Presence()
        parts = list(self._parts(Source(self.bundle.spec, Path(path)), presence=presence))
        soft = np.concatenate([part.raw[index] for part in parts])
        rule = self.bundle.decision.object_rule
        return rule.objects(soft, _joined(parts), presence.highest)

    def predict_file(
        self,
        path: Path,
        folder: Path,
        *,
        probabilities: bool = False,
        confidence: bool = False,
        with_overlay: bool = False,
        polygons: PolygonOptions | None = None,
        progress: Progress | None = None,
    ) -> Written:
        """Predict an image into files, on its own grid; only polygons need it whole in memory.

        Args:
            path: The image.
            folder: Where the files go; they are named after the image.
            probabilities: Also write one band of probability per class.
            confidence: Also write the probability of the class that the map shows.
            with_overlay: Also write a picture with the classes laid over it.
            polygons: Also write the patches of the map, in this way.
            progress: Told of every tile.

        Raises:
            ImageFileError: Unreadable, or a band is missing.
            OutputError: A file can't be written; nothing half-written is left.
            SettingError: A library that the polygons need is not installed.
        """
        spec = self.bundle.spec
        source = Source(spec, path)
        make_folder(folder)
        files = self._names(path, folder, source)
        files = replace(
            files,
            probabilities=files.probabilities if probabilities else None,
            confidence=files.confidence if confidence else None,
            overlay=files.overlay if with_overlay else None,
            polygons=polygons.path_for(folder, path.stem) if polygons else None,
            doubts=self._doubts(source),
        )
        require_replaceable(files.map)
        presence = Presence()
        shown = self._write_rows(files, source, self._parts(source, progress, presence))
        if files.overlay:
            laid = overlay(source.picture(), np.concatenate(shown), spec.colors)
            save_picture(files.overlay, laid)
        if polygons and files.polygons:
            polygons.write(files.map, files.polygons, spec.legend)
        return replace(files, presence=presence.highest)

    def _write_rows(
        self, files: Written, source: Source, parts: Iterable[_Part]
    ) -> list[ClassIndex]:
        """Write map, probabilities and confidence, part by part.

        Returns:
            The parts of the map, (h, w) each, as small as the picture of the image; none where no
            picture is asked for.
        """
        spec, geobox, step = self.bundle.spec, source.info.geobox, source.reduction
        shown: list[ClassIndex] = []
        with ExitStack() as stack:
            maps = stack.enter_context(class_map_writer(files.map, geobox, spec.legend))
            soft = files.probabilities and stack.enter_context(
                probability_writer(files.probabilities, geobox, spec.class_names)
            )
            sure = files.confidence and stack.enter_context(
                probability_writer(files.confidence, geobox, ["confidence"])
            )
            for part in parts:
                maps.write(part.row, part.classes)
                if soft:
                    soft.write(part.row, part.probabilities)
                if sure:
                    sure.write(part.row, part.confidence)
                if files.overlay:
                    shown.append(part.classes[-part.row % step :: step, ::step])
        return shown

    def _names(self, path: Path, folder: Path, source: Source) -> Written:
        """Every file that may be written, named after the image, never the image itself."""
        suffix = map_suffix(path, source.info.geobox, self.bundle.spec.legend)
        target = folder / f"{path.stem}{suffix}"
        if target.resolve() == path.resolve():
            target = folder / f"{path.stem}_classes{suffix}"
        return Written(
            image=path,
            map=target,
            probabilities=folder / f"{path.stem}_probabilities.tif",
            confidence=folder / f"{path.stem}_confidence.tif",
            overlay=folder / f"{path.stem}_overlay.png",
        )

    def classify(self, image: Image) -> ClassIndex:
        """Class of every pixel of an image in memory, invalid pixels included.

        Args:
            image: (C, H, W) float32 file values of the used bands, NaN where invalid.

        Returns:
            (H, W) uint8 class indices.
        """
        size = image.shape[1], image.shape[2]
        strips = predict_rows(self._engine, lambda w: w.cut(image, np.nan), size, self._tiling)
        threshold = self.bundle.decision.raw_threshold
        return np.concatenate([decide(strip.probabilities, threshold) for strip in strips])

    def probabilities(self, image: Image) -> Probabilities:
        """Calibrated probabilities (K, H, W) of an image in memory; see `classify`."""
        raw = predict_whole(self._engine, image, self._tiling)
        return temper(raw, self.bundle.decision.temperature)

    def samples(
        self,
        read: Callable[[Window], Sample],
        size: tuple[int, int],
        presence: Presence | None = None,
    ) -> Iterator[tuple[Sample, Strip]]:
        """Predict a labelled image strip by strip, before calibration; see `predict_samples`."""
        return predict_samples(self._engine, read, size, self._tiling, presence)

    def only(self, members: Sequence[int]) -> Model:
        """The same model with some members of its ensemble."""
        return replace(self, bundle=self.bundle.only(members))

    def _doubts(self, source: Source) -> tuple[Doubt, ...]:
        values = sample_values(source.read, source.info.size)
        return find_doubts(self.bundle.fingerprint.bands, values)

    @cached_property
    def _engine(self) -> Engine:
        return open_engine(self.bundle, self.views)

    @property
    def _tiling(self) -> Tiling:
        bundle = self.bundle
        return Tiling(bundle.tile, bundle.plan.overlap, least=bundle.smallest_tile)

    def _parts(
        self, source: Source, progress: Progress | None = None, presence: Presence | None = None
    ) -> Iterator[_Part]:
        """Finished rows, with what is invalid taken out."""
        size = source.info.size
        strips = predict_rows(self._engine, source.read, size, self._tiling, progress, presence)
        for row, probabilities, border in strips:
            window = Window(row, 0, probabilities.shape[1], size[1])
            valid = ~np.isnan(source.read(window)).any(axis=0)
            valid &= probabilities.sum(axis=0) > 0  # not so where a network overflowed
            classes = decide(probabilities, self.bundle.decision.raw_threshold)
            yield _Part(
                row,
                np.where(valid, classes, IGNORE).astype(np.uint8),
                np.where(valid, probabilities, np.float32(np.nan)),
                None if border is None else np.where(valid, border, np.float32(np.nan)),
                self.bundle.decision.temperature,
            )


class _Part(NamedTuple):
    row: int
    classes: ClassIndex
    raw: Probabilities
    border: NDArray[np.float32] | None
    temperature: float

    @property
    def probabilities(self) -> Probabilities:
        """(K, h, W) calibrated, NaN where invalid."""
        return temper(self.raw, self.temperature)

    @property
    def confidence(self) -> Probabilities:
        """(1, h, W) the probability of the class that was chosen, NaN where invalid."""
        chosen = np.where(self.classes == IGNORE, 0, self.classes)
        return np.take_along_axis(self.probabilities, chosen[None], axis=0)


def _joined(parts: Sequence[_Part]) -> NDArray[np.float32] | None:
    """(H, W) the border of all rows; None where the model does not say it."""
    borders = [part.border for part in parts if part.border is not None]
    return np.concatenate(borders) if borders else None
