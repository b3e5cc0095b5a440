"""Which bands of which files make the image that a description speaks of."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from mapwright.data.patterns import match_files, stem_of
from mapwright.data.spec import Band, DatasetSpec
from mapwright.errors import ImageFileError
from mapwright.io.raster import Raster, RasterInfo, inspect
from mapwright.io.scene import Layer, read_layers
from mapwright.types import Window


class ImageReader:
    """Reads the used bands of images, by name.

    What was found out about a file is kept, so that reading many windows asks only once.

    Args:
        spec: The description.
    """

    def __init__(self, spec: DatasetSpec) -> None:
        self._spec = spec
        self._layers: dict[Path, tuple[Layer, ...]] = {}
        self._infos: dict[Path, RasterInfo] = {}
        self._siblings: dict[tuple[Path, str], dict[str, Path]] = {}

    def info(self, path: Path) -> RasterInfo:
        """What a file says of itself."""
        if path not in self._infos:
            self._infos[path] = inspect(path)
        return self._infos[path]

    def read(self, path: Path, window: Window | None = None, step: int = 1) -> Raster:
        """Read the used bands of an image, in the order of the description.

        Args:
            path: The image, or the file of its `images` pattern where bands have their own files.
            window: The part to read; what lies outside is invalid.
            step: Read every `step`-th pixel; only without a window.

        Raises:
            ImageFileError: Unreadable, or a band is missing.
        """
        valid = self._spec.valid
        raster = read_layers(
            self.layers(path), window=window, nodata=valid.nodata, alpha=valid.alpha, step=step
        )
        return self._in_order(raster)

    def layers(self, path: Path) -> tuple[Layer, ...]:
        """The files and bands that make an image; the first is `path`, whose grid counts.

        Raises:
            ImageFileError: A file or a band is missing.
        """
        if path not in self._layers:
            own = [band for band in self._spec.used if band.file is None]
            apart = [band for band in self._spec.used if band.file is not None]
            found = [Layer(path, self._indices(own, path))] if own else []
            found += [self._layer(path, band) for band in apart]
            if not own:  # the grid is that of `images` all the same
                found.insert(0, Layer(path, ()))
            self._layers[path] = tuple(found)
        return self._layers[path]

    def _layer(self, path: Path, band: Band) -> Layer:
        assert band.file
        place = stem_of(path, self._spec.images)
        if place is None:
            raise ImageFileError(
                f"band {band.name} is in a file of its own, and nothing says which",
                where=path,
                expected=f"an image whose path ends like {self._spec.images}",
                fix="give the file that `images` in dataset.toml names",
            )
        root, stem = place
        if (root, band.file) not in self._siblings:
            self._siblings[root, band.file] = match_files(root, band.file)
        file = self._siblings[root, band.file].get(stem)
        if file is None:
            raise ImageFileError(
                f"there is no file for band {band.name} of {stem!r}",
                where=root / band.file,
                expected=f"a file that belongs to {path.name}",
                fix="add the file, or correct `file` under [[bands]] in dataset.toml",
            )
        return Layer(file, self._indices([band], file), band.resampling)

    def _indices(self, bands: Sequence[Band], path: Path) -> tuple[int, ...]:
        info = self.info(path)
        return band_indices(bands, info, by_name=self._spec.bands_by == "name")

    def _in_order(self, raster: Raster) -> Raster:
        """Bands were read file by file; put them into the order of the description."""
        used = self._spec.used
        if all(band.file is None for band in used):
            return raster
        read = [*(b for b in used if b.file is None), *(b for b in used if b.file is not None)]
        order = [read.index(band) for band in used]
        return Raster(raster.pixels[order], raster.valid, raster.geobox)


def band_indices(
    bands: Sequence[Band], info: RasterInfo, *, by_name: bool = True
) -> tuple[int, ...]:
    """Where a file holds some bands, 1-based.

    A file whose band descriptions hold every name is read by name, in whatever order it has
    them; one without such names by position; one that has only some of them elsewhere is refused.

    Args:
        bands: The bands.
        info: The file.
        by_name: Whether its descriptions count at all.

    Raises:
        ImageFileError: A band is missing, or the names contradict the positions.
    """
    names = [band.name for band in bands]
    if by_name and set(names) <= set(info.descriptions):
        return tuple(info.descriptions.index(name) + 1 for name in names)
    for band in bands:
        place = info.descriptions.index(band.name) + 1 if band.name in info.descriptions else 0
        if by_name and place and place != band.index:
            raise ImageFileError(
                f"the file calls its bands {', '.join(info.descriptions)}",
                where=info.path,
                expected=f"{', '.join(names)}, in any order, or no names at all",
                fix="use an image that has these bands, or correct its band descriptions",
            )
        if band.index > info.count:
            raise ImageFileError(
                f"band {band.index} ({band.name}) does not exist",
                where=info.path,
                expected=f"an index from 1 to {info.count}, which is what the file holds",
                fix="correct the index under [[bands]] in dataset.toml",
            )
    return tuple(band.index for band in bands)
