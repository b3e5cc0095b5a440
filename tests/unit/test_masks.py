"""Where masks come from."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rasterio import Affine

from builders import make_spec, write_png, write_tiff
from mapwright.data.dataset import Dataset
from mapwright.data.spec import DatasetSpec
from mapwright.data.write_spec import to_toml
from mapwright.errors import DatasetError, ImageFileError, SettingError
from mapwright.types import IGNORE, Window

PLACE = Affine(10, 0, 5e5, 0, -10, 6e6)


def image(root: Path, stem: str = "a", side: int = 20, bands: int = 3) -> Path:
    pixels = np.full((bands, side, side), 7, np.uint8)
    return write_tiff(
        root / "images" / f"{stem}.tif", pixels, crs="EPSG:32633", transform=PLACE,
        photometric="minisblack",
    )  # fmt: skip


def dataset(root: Path, *classes: Any, **changes: Any) -> Dataset:
    return Dataset(root, make_spec(*classes, **{"images": "images/*.tif", **changes}))


def square(left: float, top: float, side: float, **properties: Any) -> dict[str, Any]:
    """A square with its upper left corner so many metres right of and below the image's."""
    x, y = 5e5 + left, 6e6 - top
    ring = [[x, y], [x + side, y], [x + side, y - side], [x, y - side], [x, y]]
    shape = {"type": "Polygon", "coordinates": [ring]}
    return {"type": "Feature", "properties": properties, "geometry": shape}


def polygons(path: Path, *features: dict[str, Any], crs: str = "EPSG::32633") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    name = {"type": "name", "properties": {"name": f"urn:ogc:def:crs:{crs}"}}
    text = {"type": "FeatureCollection", "crs": name, "features": list(features)}
    path.write_text(json.dumps(text))
    return path


def test_a_band_of_the_image_is_its_mask(tmp_path: Path) -> None:
    pixels = np.zeros((4, 6, 6), np.int16)
    pixels[3, 2:4] = 80
    pixels[3, 5] = -1
    write_tiff(tmp_path / "images" / "a.tif", pixels, photometric="minisblack")
    data = dataset(tmp_path, (0,), (80,), masks=None, mask={"source": "band:4", "ignore": [-1]})
    sample = data.read(data.labelled[0])
    assert sample.image.shape == (3, 6, 6)
    assert sample.labels[:, 0].tolist() == [0, 0, 1, 1, 0, IGNORE]


def test_colours_are_classes(tmp_path: Path) -> None:
    image(tmp_path, side=4)
    colors = np.zeros((3, 4, 4), np.uint8)
    colors[:, 1] = [[0], [125], [0]]
    colors[:, 2] = 255
    colors[:, 3] = [[0], [0], [150]]
    write_png(tmp_path / "masks" / "a.png", colors)
    data = dataset(
        tmp_path, ["#000000"], ["#007d00", "#000096"],
        mask={"source": "colors", "ignore": ["#ffffff"]},
    )  # fmt: skip
    assert data.read(data.labelled[0]).labels[:, 0].tolist() == [0, 1, IGNORE, 1]
    assert data.spec.legend.values == (0, 1)
    text = to_toml(data.spec, {})
    assert '"#007d00"' in text and '"#ffffff"' in text
    (tmp_path / "dataset.toml").write_text(text)
    assert DatasetSpec.load(tmp_path / "dataset.toml") == data.spec


def test_an_undeclared_colour_is_named_as_people_write_it(tmp_path: Path) -> None:
    image(tmp_path, side=4)
    write_png(tmp_path / "masks" / "a.png", np.full((3, 4, 4), 9, np.uint8))
    data = dataset(tmp_path, ["#000000"], ["#ffffff"], mask={"source": "colors"})
    with pytest.raises(ImageFileError, match=r"#090909 \(16 pixels\)[\s\S]*class 1 \[#ffffff\]"):
        data.read(data.labelled[0])


def test_a_coloured_mask_that_was_not_declared_says_how(tmp_path: Path) -> None:
    image(tmp_path, side=4)
    colors = np.zeros((3, 4, 4), np.uint8)
    colors[1] = 9
    write_png(tmp_path / "masks" / "a.png", colors)
    data = dataset(tmp_path, masks="masks/*.png")
    with pytest.raises(ImageFileError, match='source = "colors"'):
        data.read(data.labelled[0])


def test_inside_of_a_polygon_is_the_second_class(tmp_path: Path) -> None:
    image(tmp_path)
    polygons(tmp_path / "houses.geojson", square(20, 30, 50), square(60, 70, 30))
    data = dataset(tmp_path, (0,), (1,), masks="houses.geojson", mask={"source": "polygons"})
    labels = data.read(data.labelled[0]).labels
    expected = np.zeros((20, 20), np.uint8)
    expected[3:8, 2:7] = expected[7:10, 6:9] = 1
    np.testing.assert_array_equal(labels, expected)
    part = data.read(data.labelled[0], Window(-2, 4, 9, 30)).labels
    np.testing.assert_array_equal(part, Window(-2, 4, 9, 30).cut(expected, IGNORE))


def test_polygons_of_another_crs_are_brought_to_the_image(tmp_path: Path) -> None:
    from pyproj import Transformer

    image(tmp_path)
    change = Transformer.from_crs("EPSG:32633", "EPSG:4326", always_xy=True)
    feature = square(20, 30, 50)
    ring = feature["geometry"]["coordinates"][0]
    feature["geometry"]["coordinates"] = [[list(change.transform(*point)) for point in ring]]
    polygons(tmp_path / "houses.geojson", feature, crs="OGC:1.3:CRS84")
    data = dataset(tmp_path, (0,), (1,), masks="houses.geojson", mask={"source": "polygons"})
    labels = data.read(data.labelled[0]).labels
    assert labels.sum() == 25 and labels[3:8, 2:7].all()


def test_an_attribute_names_the_class(tmp_path: Path) -> None:
    image(tmp_path, "a")
    image(tmp_path, "b")
    polygons(
        tmp_path / "truth" / "a.geojson",
        square(0, 0, 50, kind="class 1"),
        square(100, 0, 50, kind="7"),
        square(0, 100, 50, kind="3"),
    )
    mask = {"source": "polygons", "attribute": "kind", "ignore": [3]}
    data = dataset(tmp_path, (0,), (4, 5), (7,), masks="truth/*.geojson", mask=mask)
    assert [item.stem for item in data.labelled] == ["a"]
    labels = data.read(data.labelled[0]).labels
    assert (labels[0, 0], labels[0, 12], labels[12, 0], labels[12, 12]) == (1, 2, IGNORE, 0)


@pytest.mark.parametrize(
    ("attribute", "message"), [("sort", "no attribute 'sort'"), ("kind", "kind 'barn'")]
)
def test_polygons_that_say_no_class_are_refused(
    tmp_path: Path, attribute: str, message: str
) -> None:
    image(tmp_path)
    polygons(tmp_path / "a.geojson", square(0, 0, 50, kind="barn"))
    mask = {"source": "polygons", "attribute": attribute}
    data = dataset(tmp_path, (0,), (1,), masks="a.geojson", mask=mask)
    with pytest.raises(ImageFileError, match=message):
        data.read(data.labelled[0])


def test_a_broken_vector_file_is_one_error(tmp_path: Path) -> None:
    image(tmp_path)
    (tmp_path / "a.geojson").write_text("{")
    data = dataset(tmp_path, (0,), (1,), masks="a.geojson", mask={"source": "polygons"})
    with pytest.raises(ImageFileError, match="can't be read as polygons"):
        data.read(data.labelled[0])


def test_runs_are_masks_and_an_image_that_is_not_listed_has_none(tmp_path: Path) -> None:
    for stem in "abc":
        image(tmp_path, stem, side=5)
    rows = ["ImageId,EncodedPixels", "a.tif,1 3 11 2", "a.tif,20 1", "b.tif,"]
    (tmp_path / "runs.csv").write_text("\n".join(rows) + "\n")
    data = dataset(tmp_path, (0,), (1,), masks=None, mask={"source": "rle:runs.csv"})
    assert [item.stem for item in data.labelled] == ["a", "b"]
    labels = data.read(data.labelled[0]).labels
    assert np.flatnonzero(labels.T).tolist() == [0, 1, 2, 10, 11, 19]
    assert data.read(data.labelled[1]).labels.sum() == 0
    digests = [data.mask_digest(item) for item in data.items]
    assert digests[0] != digests[1] and digests[2] == ""


def test_a_table_that_is_not_there_is_one_error(tmp_path: Path) -> None:
    image(tmp_path)
    data = dataset(tmp_path, (0,), (1,), masks=None, mask={"source": "rle:runs.csv"})
    with pytest.raises(DatasetError, match=r"runs\.csv"):
        _ = data.labelled


@pytest.mark.parametrize("source", ["files", "band:0", "band:x", "rle:", "polygon", ""])
def test_a_source_that_is_none_is_refused(source: str) -> None:
    with pytest.raises(SettingError, match=r"mask\.source"):
        make_spec(mask={"source": source})
