"""An exported graph in ONNX Runtime; torch is not needed."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from mapwright.errors import ModelFileError
from mapwright.metrics.temperature import temper
from mapwright.onnxfile import OnnxFile, reason_of
from mapwright.predict.engines import Seen, views_of
from mapwright.types import Tta

Array = NDArray[np.float32]


class OnnxEngine:
    """Runs an exported model.

    Args:
        file: The model.
        tta: Test-time augmentation; needs square tiles for quarter turns.
    """

    def __init__(self, file: OnnxFile, tta: Tta = "none") -> None:
        self.classes, self.border = len(file.spec.classes), file.form.border
        self._file, self._views = file, views_of(tta)

    def probabilities(self, tiles: Array) -> Array:
        """See `Engine`. All zero where the graph gives no class; a mask gives ones and zeros."""
        return self.look(tiles).probabilities

    def look(self, tiles: Array) -> Seen:
        """See `Engine` and `probabilities`."""
        views = [self._view(tiles, quarters, flip) for quarters, flip in self._views]
        return Seen(
            _mean([seen.probabilities for seen in views]),
            _mean([seen.presence for seen in views if seen.presence is not None]),
            _mean([seen.border for seen in views if seen.border is not None]),
        )

    def _view(self, tiles: Array, quarters: int, flip: bool) -> Seen:
        """What the graph says of tiles that were turned, turned back."""
        outputs = self._run(_turn(tiles, quarters, flip))
        found = dict(zip(self._file.form.outputs, outputs, strict=True))
        soft = self._soft(found[self._file.form.output])
        border, presence = found.get("border"), found.get("presence")
        return Seen(
            _turn_back(soft, quarters, flip),
            None if presence is None else np.asarray(presence, np.float32),
            None if border is None else _turn_back(np.nan_to_num(border), quarters, flip),
        )

    def _run(self, tiles: Array) -> list[NDArray[np.generic]]:
        """What the graph gives, each output (N, ...) whatever its form."""
        if not self._file.form.squeeze:
            return self._call(tiles)
        each = [self._call(tile[None]) for tile in tiles]
        maps = [
            found.reshape(*self._shape(tile)) for tile, (found, *_) in zip(tiles, each, strict=True)
        ]
        further = zip(*(outputs[1:] for outputs in each), strict=True)
        return [np.stack(maps), *(np.concatenate(of) for of in further)]

    def _shape(self, tile: Array) -> tuple[int, ...]:
        bands = () if self._file.form.output == "mask" else (self.classes,)
        return (*bands, *tile.shape[-2:])

    def _call(self, tiles: Array) -> list[NDArray[np.generic]]:
        try:
            found: list[NDArray[np.generic]] = self._file.session.run(
                None, {self._file.input_name: tiles}
            )
        except Exception as error:  # the runtime's exceptions share no other base class
            raise ModelFileError(
                f"ONNX Runtime can't run the graph: {reason_of(error)}",
                where=self._file.path,
                expected=f"a graph for tiles of {tiles.shape[-2]} x {tiles.shape[-1]} pixels",
                fix="export the model again",
            ) from error
        return found

    def _soft(self, found: NDArray[np.generic]) -> Array:
        """(N, K, h, w) probabilities of what the graph gave, before calibration.

        It calibrates each tile; here that is the last step, once tiles and views are averaged.
        """
        if self._file.form.output == "mask":
            classes = np.arange(self.classes).reshape(1, -1, 1, 1)
            return np.asarray(found[:, None] == classes, np.float32)
        soft = np.asarray(found, np.float32)
        if self._file.form.output == "logits":
            soft = np.exp(soft - soft.max(axis=1, keepdims=True))
            soft /= soft.sum(axis=1, keepdims=True)
        hotter = 1 / self._file.decision.temperature
        return temper(np.nan_to_num(soft, nan=0.0), hotter, axis=1)


def _mean(views: list[Array]) -> Any:
    """The mean of what several views gave; None where they gave nothing."""
    return np.mean(views, axis=0, dtype=np.float32) if views else None


def _turn(x: Array, quarters: int, flip: bool) -> Array:
    turned = np.rot90(x[..., ::-1] if flip else x, quarters, (-2, -1))
    return np.ascontiguousarray(turned)


def _turn_back(x: Array, quarters: int, flip: bool) -> Array:
    back = np.rot90(x, -quarters, (-2, -1))
    return back[..., ::-1] if flip else back
