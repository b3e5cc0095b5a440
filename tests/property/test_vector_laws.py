"""Laws of polygons: they are the map, no more and no less."""

from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pyogrio
import shapely
from affine import Affine
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from odc.geo.geobox import GeoBox
from rasterio import features
from scipy import ndimage

from builders import COLORS
from mapwright.io.maps import Legend, class_map_writer
from mapwright.io.measure import Measure
from mapwright.io.outlines import find_patches, outlines
from mapwright.io.raster import read_raster
from mapwright.io.sieve import merge_small
from mapwright.io.vector import polygonize
from mapwright.types import IGNORE

slow = settings(deadline=None, max_examples=150)
few = settings(deadline=None, max_examples=25)

shapes_of_maps = st.tuples(st.integers(1, 14), st.integers(1, 14))
class_maps = shapes_of_maps.flatmap(
    lambda shape: arrays(
        np.uint8, shape, elements=st.sampled_from([0, 0, 0, 1, 2, IGNORE]), fill=st.nothing()
    )
)
TRANSFORMS = (
    Affine(10, 0, 262_000, 0, -10, 6_650_000),
    Affine(0.3, 0, 262_000.1, 0, 0.7, 6_650_000.7),
    Affine(8.1, -6.3, 262_000, -6.2, -8.4, 6_650_000),
    Affine(0.0, 5.0, 262_000, 5.0, 0.0, 6_650_000),
)


def four_connected(classes: np.ndarray) -> int:
    return sum(ndimage.label(classes == c)[1] for c in np.unique(classes) if c != IGNORE)


def burnt(shapes: np.ndarray, values: np.ndarray, shape: tuple[int, int], place: Affine) -> object:
    if not len(shapes):
        return np.full(shape, IGNORE, np.uint8)
    pairs = zip(shapes, values.tolist(), strict=True)
    return features.rasterize(pairs, shape, fill=IGNORE, transform=place, dtype=np.uint8)


@slow
@given(class_maps, st.sampled_from(TRANSFORMS))
def test_polygons_rasterise_to_the_very_map(classes: np.ndarray, transform: Affine) -> None:
    patches = find_patches(classes)
    drawn = outlines(patches.labels)
    placed = Measure(GeoBox(classes.shape, transform, "EPSG:25833")).place(drawn)
    assert len(drawn) == len(patches) == four_connected(classes)
    np.testing.assert_array_equal(
        burnt(placed, patches.classes[1:], classes.shape, transform), classes
    )
    for shapes in (drawn, placed):
        assert shapely.is_valid(shapes).all()
        assert shapely.coverage_is_valid(shapes)
    np.testing.assert_array_equal(
        shapely.area(drawn), np.bincount(patches.labels.ravel(), minlength=len(drawn) + 1)[1:]
    )


@slow
@given(class_maps)
def test_polygons_are_those_of_gdal(classes: np.ndarray) -> None:
    patches = find_patches(classes)
    ours = outlines(patches.labels)
    theirs = {
        (value, shapely.geometry.shape(shape).normalize().simplify(0).wkt)
        for shape, value in features.shapes(classes, mask=classes != IGNORE, connectivity=4)
    }
    values = patches.classes[1:].tolist()
    assert {
        (v, s.normalize().simplify(0).normalize().wkt) for v, s in zip(values, ours, strict=True)
    } == {(v, shapely.from_wkt(text).normalize().wkt) for v, text in theirs}


@slow
@given(class_maps, st.integers(1, 40))
def test_what_is_too_small_goes_and_nothing_else_changes(
    classes: np.ndarray, smallest: int
) -> None:
    before = find_patches(classes)
    after = merge_small(before, np.ones(len(classes)), smallest)
    merged = after.classes[after.labels]
    np.testing.assert_array_equal(merged == IGNORE, classes == IGNORE)
    large = np.bincount(before.labels.ravel())[before.labels] >= smallest
    np.testing.assert_array_equal(merged[large], classes[large])
    assert set(np.unique(merged)) <= set(np.unique(classes))
    assert len(after) == four_connected(merged)
    sizes = np.bincount(after.labels.ravel(), minlength=len(after) + 1)[1:]
    islands, _ = ndimage.label(classes != IGNORE)
    for number in np.flatnonzero(sizes < smallest) + 1:  # alone on its island
        island = islands[after.labels == number][0]
        assert (islands == island).sum() == sizes[number - 1]


@slow
@given(class_maps, st.sampled_from([0.4, 0.8, 1.5, 4.0, 100.0]))
def test_simplified_polygons_leave_no_gap_and_do_not_overlap(
    classes: np.ndarray, tolerance: float
) -> None:
    exact = outlines(find_patches(classes).labels)
    simple = np.asarray(shapely.coverage_simplify(exact, tolerance, simplify_boundary=False))
    assert shapely.is_valid(simple).all()
    assert shapely.coverage_is_valid(simple)
    assert (shapely.area(simple) > 0).all()
    assert abs(shapely.area(simple).sum() - shapely.area(exact).sum()) < 1e-9
    assert shapely.union_all(simple).symmetric_difference(shapely.union_all(exact)).area < 1e-9


@few
@given(class_maps, st.sampled_from([*TRANSFORMS, None]), st.permutations(range(256)))
def test_a_file_of_polygons_gives_back_the_file_of_the_map(
    classes: np.ndarray, transform: Affine | None, values: list[int]
) -> None:
    crs = "EPSG:25833" if transform else None
    place = transform or Affine.identity()
    legend = Legend(tuple(values[:3]), ("a", "b", "c"), COLORS[:3], values[3])
    with TemporaryDirectory() as folder:
        path, out = Path(folder) / "map.tif", Path(folder) / "out.gpkg"
        with class_map_writer(path, GeoBox(classes.shape, place, crs), legend) as writer:
            writer.write(0, classes)
        polygonize(path, out)
        meta, _, shapes, columns = pyogrio.raw.read(out, layer="out")
        raster = read_raster(path).pixels[0]
    assert meta["fields"][0] == "value"
    whole = np.full(classes.shape, legend.nodata, np.uint8)
    if len(shapes):
        pairs = zip(shapely.from_wkb(shapes), columns[0].tolist(), strict=True)
        features.rasterize(pairs, out=whole, transform=place)
    np.testing.assert_array_equal(whole, raster)
    assert whole.tobytes() == raster.tobytes()
