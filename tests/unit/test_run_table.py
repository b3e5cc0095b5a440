import csv
import os
import pickle
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from odc.geo.geobox import GeoBox
from rasterio import Affine

from mapwright.errors import DatasetError, ImageFileError, MapwrightError, OutputError
from mapwright.io.rle import encode_mask
from mapwright.io.run_table import RunTable, write_run_table

GRID = GeoBox((3, 4), Affine(1, 0, 0, 0, 1, 0), None)


def table(folder: Path, *lines: str, header: str = "ImageId,EncodedPixels") -> Path:
    path = folder / "ships.csv"
    path.write_bytes("\n".join([header, *lines, ""]).encode())
    return path


def test_rows_of_an_image_are_found_wherever_they_stand(tmp_path: Path) -> None:
    ships = RunTable.open(table(tmp_path, "b.jpg,1 2", "a.jpg,", "c.jpg,5 1", "b.jpg,9 1"))
    assert (len(ships), list(ships.stems)) == (3, ["b", "a", "c"])
    assert [ships.count(name) for name in ("a.jpg", "b", "c.png")] == [0, 2, 1]
    assert [(row.line, row.text) for row in ships.rows("b.jpg")] == [(2, "1 2"), (5, "9 1")]
    assert ships.rows("a") == []
    assert ships.class_names == ("object",)
    found = ships.read("b.jpg", GRID)
    assert found.ids.tolist() == [[1, 0, 0, 0], [1, 0, 0, 0], [0, 0, 2, 0]]
    assert found.classes == ("object", "object")
    assert ships.read("a", GRID).ids.tolist() == [[0] * 4] * 3


def test_an_image_that_is_not_listed_is_not_an_empty_one(tmp_path: Path) -> None:
    ships = RunTable.open(table(tmp_path, "a.jpg,"))
    assert ships.listed("a.jpg")
    assert ships.listed("a")
    assert not ships.listed("b.jpg")
    for ask in (ships.count, ships.rows, lambda name: ships.read(name, GRID)):
        with pytest.raises(ImageFileError, match=r"nothing is said of the image b\.jpg"):
            ask("b.jpg")


def test_only_an_ending_of_images_is_no_part_of_the_name(tmp_path: Path) -> None:
    ships = RunTable.open(table(tmp_path, "scene.1,", "scene.2.tif,1 1"))
    assert list(ships.stems) == ["scene.1", "scene.2"]


@pytest.mark.parametrize(
    ("header", "line"),
    [
        ("image_id,rle_mask", "a.jpg,1 2"),
        ("EncodedPixels,ImageId", "1 2,a.jpg"),
        (",ImageId,EncodedPixels", "0,a.jpg,1 2"),
        ("ImageId;EncodedPixels", "a.jpg;1 2"),
        ("filename\trle", "a.jpg\t1 2"),
        ("\ufeffImageId,EncodedPixels", "a.jpg,1 2"),
        ('"ImageId","EncodedPixels"', '"a.jpg","1 2"'),
        ("ImageId , EncodedPixels", " a.jpg , 1 2 "),
    ],
)
def test_columns_are_found_by_their_names(tmp_path: Path, header: str, line: str) -> None:
    ships = RunTable.open(table(tmp_path, line, header=header))
    assert [row.text.strip() for row in ships.rows("a.jpg")] == ["1 2"]


def test_columns_can_be_named(tmp_path: Path) -> None:
    path = table(tmp_path, "x,a,1 1,y", header="mask,where,pixels,image")
    ships = RunTable.open(path, image_column="where", runs_column="pixels")
    assert ships.rows("a")[0].text == "1 1"
    with pytest.raises(DatasetError, match=r"no column 'Pixels'[\s\S]*'mask', 'where'"):
        RunTable.open(path, runs_column="Pixels")


def test_a_column_of_classes_is_read(tmp_path: Path) -> None:
    path = table(tmp_path, "a,3,1 1", "a, 12 ,4 2", "b,3,", header="ImageId,ClassId,EncodedPixels")
    steel = RunTable.open(path)
    assert steel.class_names == ("12", "3")
    assert steel.read("a", GRID).classes == ("3", "12")


def test_lines_and_places_hold_after_quotes_blank_lines_and_unicode(tmp_path: Path) -> None:
    lines = ["ö.jpg,1 1\r", "", '"a,b.jpg","1 1\n3 1"', "\r", "Straße.jpg,7 1"]
    ships = RunTable.open(table(tmp_path, *lines))
    assert [(row.line, row.text) for row in ships.rows("a,b.jpg")] == [(4, "1 1\n3 1")]
    assert [(row.line, row.text) for row in ships.rows("Straße.jpg")] == [(7, "7 1")]
    assert ships.rows("ö")[0].text.strip() == "1 1"
    assert ships.read("a,b", GRID).ids.sum() == 2


def test_a_text_may_be_longer_than_the_csv_module_allows(tmp_path: Path) -> None:
    before = csv.field_size_limit()
    grid = GeoBox((600, 600), Affine(1, 0, 0, 0, 1, 0), None)
    mask = np.indices((600, 600)).sum(axis=0) % 2 == 0
    text = encode_mask(mask)
    assert len(text) > before
    ships = RunTable.open(table(tmp_path, f"a,{text}"))
    assert (ships.read("a", grid).ids == mask).all()
    assert csv.field_size_limit() == before


def test_a_broken_text_is_named_with_file_line_and_image(tmp_path: Path) -> None:
    ships = RunTable.open(table(tmp_path, "b.jpg,1 1", "a.jpg,1 1", "a.jpg,11 3"))
    assert ships.read("b.jpg", GRID).ids.sum() == 1  # another image's row does no harm
    with pytest.raises(
        ImageFileError, match=r"past the end[\s\S]*ships\.csv, line 4, image a\.jpg"
    ):
        ships.read("a.jpg", GRID)


def test_overlapping_predictions_are_refused_with_both_lines(tmp_path: Path) -> None:
    path = table(tmp_path, "a.jpg,1 3", "a.jpg,3 2")
    assert RunTable.open(path).read("a", GRID).ids.max() == 2
    with pytest.raises(
        ImageFileError, match=r"overlap[\s\S]*line 2[\s\S]*line 3|line 3[\s\S]*line 2"
    ):
        RunTable.open(path, disjoint=True).read("a", GRID)


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["a.jpg,1 1", "a.jpg,"], r"a\.jpg has an object in line 2 and none in line 3"),
        (["b,", "a.jpg,", "a.jpg,1 1"], r"a\.jpg has an object in line 4 and none in line 3"),
        (["a.jpg,1 1", "a.png,1 1"], r"a\.jpg and a\.png[\s\S]*line 3"),
        (["x/a.jpg,", "y/a.jpg,"], r"x/a\.jpg and y/a\.jpg[\s\S]*line 3"),
        ([",1 1"], r"a row without an image[\s\S]*line 2"),
        (["a.jpg,1 1", "a.jpg"], r"a row of 1 values under a header of 2[\s\S]*line 3"),
        (["a.jpg,1 1,5"], r"a row of 3 values under a header of 2[\s\S]*line 2"),
        (['a.jpg,"1 1'], r"can't be read: unexpected end of data"),
    ],
)
def test_a_table_that_contradicts_itself(tmp_path: Path, lines: list[str], message: str) -> None:
    with pytest.raises(DatasetError, match=message) as raised:
        RunTable.open(table(tmp_path, *lines))
    assert "ships.csv" in str(raised.value)


@pytest.mark.parametrize("header", ["", "a.jpg,1 2 3 4", "ImageId", "id,name", "EncodedPixels,x"])
def test_a_table_without_a_header(tmp_path: Path, header: str) -> None:
    with pytest.raises(DatasetError, match=r"a table with the columns[\s\S]*EncodedPixels"):
        RunTable.open(table(tmp_path, header=header))


def test_what_is_no_table(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"No such file[\s\S]*missing\.csv"):
        RunTable.open(tmp_path / "missing.csv")
    with pytest.raises(DatasetError, match="can't be read"):
        RunTable.open(tmp_path)
    (tmp_path / "a.jpg").write_bytes(b"\xff\xd8\xff\xe0")
    with pytest.raises(DatasetError, match="can't be read"):
        RunTable.open(tmp_path / "a.jpg")
    (tmp_path / "nul.csv").write_bytes(b"ImageId,EncodedPixels\na\x00,1 1\n\xff,")
    with pytest.raises(DatasetError, match="can't be read"):
        RunTable.open(tmp_path / "nul.csv")
    (tmp_path / "empty.csv").write_bytes(b"")
    with pytest.raises(DatasetError, match="the columns"):
        RunTable.open(tmp_path / "empty.csv")


def test_a_header_alone_is_a_table_of_no_image(tmp_path: Path) -> None:
    ships = RunTable.open(table(tmp_path))
    assert (len(ships), ships.class_names) == (0, ())


def test_a_table_that_changes_is_not_read_at_the_wrong_place(tmp_path: Path) -> None:
    path = table(tmp_path, "a,1 1", "b,2 2")
    ships = RunTable.open(path)
    table(tmp_path, "b,2 2", "a,1 1")
    os.utime(path, ns=(1, 1))
    with pytest.raises(DatasetError, match="changed while it was in use"):
        ships.rows("b")
    path.unlink()
    with pytest.raises(DatasetError, match="can't be read"):
        ships.rows("b")


def test_a_table_can_be_sent_to_another_process(tmp_path: Path) -> None:
    ships = RunTable.open(table(tmp_path, "a,1 1", "b,2 2"))
    assert pickle.loads(pickle.dumps(ships)).rows("b")[0].text == "2 2"


def test_a_submission_names_every_image_once_for_each_object(tmp_path: Path) -> None:
    path = tmp_path / "out" / "submission.csv"
    write_run_table(path, [("a.jpg", ["1 2", "5 1"]), ("b.jpg", []), ('c "1", x.jpg', ["3 1"])])
    assert path.read_bytes() == (
        b'ImageId,EncodedPixels\na.jpg,1 2\na.jpg,5 1\nb.jpg,\n"c ""1"", x.jpg",3 1\n'
    )


def broken() -> Iterator[tuple[str, list[str]]]:
    yield "a.jpg", ["1 2"]
    raise KeyboardInterrupt


@pytest.mark.parametrize(
    ("images", "failure"),
    [
        ([("a.jpg", ["1 2"]), ("a.jpg", [])], OutputError),
        ([("a.jpg", ["1 2"]), ("a.png", [])], OutputError),
        ([("a.jpg", ["1 2", "2 1"])], ImageFileError),
        ([("a.jpg", [""])], ImageFileError),
        ([("a.jpg", ["1"])], ImageFileError),
        (broken(), KeyboardInterrupt),
    ],
)
def test_a_submission_is_written_whole_or_not_at_all(
    tmp_path: Path, images: object, failure: type[BaseException]
) -> None:
    path = tmp_path / "submission.csv"
    path.write_text("old")
    with pytest.raises(failure):
        write_run_table(path, images)  # type: ignore[arg-type]
    assert [p.name for p in tmp_path.iterdir()] == ["submission.csv"]
    assert path.read_text() == "old"


names = st.text(st.characters(codec="utf-8", exclude_characters="\x00\r\n/\ufeff"), min_size=1)


@settings(deadline=None, max_examples=60)
@given(
    st.dictionaries(
        names.map(str.strip).filter(lambda name: name.strip(".")), st.integers(0, 3), max_size=6
    )
)
def test_what_is_written_is_read(
    tmp_path_factory: pytest.TempPathFactory, images: dict[str, int]
) -> None:
    path = tmp_path_factory.mktemp("t") / "a.csv"
    texts = {name: [f"{4 * k + 1} 2" for k in range(n)] for name, n in images.items()}
    try:
        write_run_table(path, texts.items())
    except MapwrightError as error:
        assert "comes twice" in str(error)
        return
    back = RunTable.open(path)
    assert len(back) == len(images)
    assert {name: [row.text for row in back.rows(name)] for name in images} == texts
