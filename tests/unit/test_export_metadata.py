"""What catalogues and the QGIS plugin Deepness read from an exported file."""

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from numpy.typing import NDArray

from builders import make_bundle, rectangles
from mapwright.bundle import Bundle
from mapwright.errors import ExportError
from mapwright.exporting.mlm import require_valid, slug
from mapwright.exporting.write import export
from mapwright.predict.model import Model
from mapwright.predict.pipeline import decide
from mapwright.predict.torch_engine import TorchEngine

TILE = 64
PLAN = {"architecture": "pspnet", "encoder": "resnet18"}
BANDS = ("red", "green", "blue", "nir")


class Deepness:
    """The plugin's way with a segmentation model (version 0.6.5), written down anew.

    Metadata values are JSON. Values are divided by 255, then standardised; the input has one
    axis for bands, second from the left. Of each output, what is below the threshold becomes 0;
    three axes, or one channel, are read as binary, else the likeliest channel is the class.
    """

    def __init__(self, path: Path) -> None:
        self._session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
        (self._input,) = self._session.get_inputs()
        self._told = self._session.get_modelmeta().custom_metadata_map

    def read(self, key: str) -> Any:
        return json.loads(self._told[key]) if key in self._told else None

    def class_names(self) -> list[str]:
        pairs = sorted(self.read("class_names").items(), key=lambda pair: int(pair[0]))
        assert [int(key) for key, _ in pairs] == list(range(len(pairs))), "not consecutive"
        return [name for _, name in pairs]

    def map(self, tiles: NDArray[Any]) -> NDArray[Any]:
        """(N, H, W, C) of any number type to (N, H, W) classes."""
        batch = np.float32(tiles[..., : self._input.shape[-3]] * 1.0 / 255.0)
        mean, std = (
            np.array(self.read(f"standardization_{key}"), np.float32) for key in ("mean", "std")
        )
        batch = ((batch - mean) / std).transpose(0, 3, 1, 2)
        (result,) = self._session.run(None, {self._input.name: batch})
        result[result < float(self.read("seg_thresh"))] = 0.0
        if result.ndim == 3:
            result = result[:, None]
        if result.shape[1] == 1:
            return np.asarray(result[:, 0] != 0).astype(int)
        return np.asarray(result.argmax(axis=1))


def make(folder: Path, bundle: Bundle, output: str = "deepness", **options: Any) -> Path:
    return export(
        Model(bundle), folder / "clouds of mine.onnx", output=output, tile=TILE, **options  # type: ignore[arg-type]
    ).path  # fmt: skip


@pytest.mark.parametrize(
    ("classes", "threshold", "nodata"),
    [(2, 0.5, None), (2, 0.137, 65535), (2, 0.862, -9999), (4, 0.5, 0)],
)
def test_deepness_makes_the_map_that_the_model_makes(
    tmp_path: Path, classes: int, threshold: float, nodata: float | None
) -> None:
    values = [(10 * k,) for k in range(classes)]
    bundle = make_bundle(
        2, *values, bands=BANDS, threshold=threshold, plan=PLAN, valid={"nodata": nodata}
    )
    tiles = np.stack([rectangles(k, TILE, 5)[0] for k in range(3)]).astype(np.int32) + 1
    if nodata is not None:
        tiles[:, 2, 5:20] = nodata
    soft = TorchEngine(bundle.networks(), classes).probabilities(tiles[:, :4].astype(np.float32))
    wanted = np.stack([decide(part, threshold) for part in soft])
    invalid = np.zeros_like(wanted, bool) if nodata is None else (tiles[:, :4] == nodata).any(1)
    wanted[invalid] = 0
    best = np.sort(soft, axis=1)
    margin = abs(soft[:, 1] - threshold) if classes == 2 else best[:, -1] - best[:, -2]
    clear = (margin > 1e-3) | invalid
    found = Deepness(make(tmp_path, bundle)).map(tiles.transpose(0, 2, 3, 1))
    assert found.shape == wanted.shape
    assert clear.mean() > 0.7
    assert len(np.unique(wanted[clear])) > 1
    np.testing.assert_array_equal(found[clear], wanted[clear])


def test_deepness_reads_its_fields_in_its_units(tmp_path: Path) -> None:
    bundle = make_bundle(1, (0,), (1,), (2,), bands=BANDS, plan=PLAN | {"overlap": 0.25})
    plugin = Deepness(make(tmp_path, bundle))
    assert str(plugin.read("model_type")).capitalize() == "Segmentor"
    assert plugin.class_names() == ["class 0", "class 1", "class 2"]
    assert float(plugin.read("resolution")) == 50.0  # centimetres: pixels are half a metre
    assert int(plugin.read("tile_size")) == int(plugin.read("tiles_size")) == TILE
    assert int(plugin.read("tiles_overlap")) == 25  # percent
    assert int(plugin.read("seg_small_segment")) == 0
    (described,) = plugin._session.get_inputs()
    assert described.shape[1:] == [4, TILE, TILE]
    assert len(plugin._session.get_outputs()[0].shape) == 4


@pytest.mark.parametrize("output", ["mask", "probability"])
def test_a_file_that_deepness_would_read_wrongly_does_not_name_itself_to_it(
    tmp_path: Path, output: str
) -> None:
    assert Deepness(make(tmp_path, make_bundle(plan=PLAN), output)).read("model_type") is None


@pytest.fixture(scope="module")
def item(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("item")
    bundle = make_bundle(1, (0, 64), (255,), bands=BANDS, valid={"nodata": 0}, plan=PLAN)
    path = make(folder, bundle, "mask", licence="CC-BY-4.0")
    beside = json.loads((folder / "clouds of mine.stac.json").read_text(encoding="utf-8"))
    inside = {entry.key: entry.value for entry in onnx.load(path).metadata_props}["stac_item"]
    assert json.loads(inside) == beside
    return dict(beside)


def test_the_item_says_what_goes_in_and_what_comes_out(item: dict[str, Any]) -> None:
    require_valid(item)
    told = item["properties"]
    (given,), (gives,) = told["mlm:input"], told["mlm:output"]
    assert given["bands"] == list(BANDS)
    assert [band["name"] for band in told["bands"]] == list(BANDS)
    assert given["input"]["shape"] == [-1, 4, TILE, TILE]
    assert given["value_scaling"] is None
    assert gives["result"] == {
        "shape": [-1, TILE, TILE], "dim_order": ["batch", "height", "width"], "data_type": "uint8"
    }  # fmt: skip
    classes = gives["classification:classes"]
    assert [entry["value"] for entry in classes] == [0, 1, 255]
    assert classes[0]["title"] == "class 0"
    assert classes[0]["description"] == "in the masks: 0, 64"
    assert classes[2]["nodata"] is True
    assert told["license"] == "CC-BY-4.0"
    assert told["mlm:total_parameters"] > 100_000
    assert told["mapwright:valid"]["nodata"] == 0
    assert len(told["mapwright:data_sha256"]) == 64
    assert told["mapwright:proof"]["kinds"]["edge"]["tiles"] > 0
    assert item["assets"]["model"]["href"] == "./clouds of mine.onnx"


def drop(*path: str) -> Callable[[Any], None]:
    def change(item: Any) -> None:
        for key in path[:-1]:
            item = item[key]
        item.pop(path[-1])

    return change


def put(value: Any, *path: Any) -> Callable[[Any], None]:
    def change(item: Any) -> None:
        for key in path[:-1]:
            item = item[key]
        item[path[-1]] = value

    return change


@pytest.mark.parametrize(
    "change",
    [
        *(drop("properties", f"mlm:{key}") for key in ("name", "architecture", "tasks", "input")),
        drop("properties", "mlm:output"),
        drop("properties", "bands"),
        drop("properties", "datetime"),
        drop("geometry"),
        drop("assets", "model"),
        drop("assets", "model", "mlm:artifact_type"),
        put(["data"], "assets", "model", "roles"),
        put("x", "assets", "model", "mlm:name"),
        put(["https://example.com"], "stac_extensions"),
        put("1.0.0", "stac_version"),
        put(1, "properties", "mlm:unknown"),
        put(["mapping"], "properties", "mlm:tasks"),
        put("7clouds", "properties", "mlm:name"),
        put("float31", "properties", "mlm:input", 0, "input", "data_type"),
        put(["batch", "channel"], "properties", "mlm:input", 0, "input", "dim_order"),
        put([{"type": "z-score"}], "properties", "mlm:input", 0, "value_scaling"),
        put("#fff", "properties", "mlm:output", 0, "classification:classes", 0, "color_hint"),
        put("a b", "properties", "mlm:output", 0, "classification:classes", 0, "name"),
        put("gpu", "properties", "mlm:accelerator"),
    ],
)
def test_an_item_that_breaks_the_extension_is_refused(
    item: dict[str, Any], change: Callable[[Any], None]
) -> None:
    broken = copy.deepcopy(item)
    change(broken)
    with pytest.raises(ExportError, match="STAC item would not be valid"):
        require_valid(broken)


@pytest.mark.parametrize(
    ("text", "slugged"),
    [
        ("clouds", "clouds"),
        ("Zürich 2024/05", "Z-rich-2024-05"),
        ("木", "unnamed"),
        ("-", "unnamed"),
    ],
)
def test_names_are_reduced_to_what_catalogues_take(text: str, slugged: str) -> None:
    assert slug(text) == slugged


def test_odd_names_of_data_and_classes_still_make_a_valid_item(tmp_path: Path) -> None:
    classes = [
        {"name": "木 (Wald)", "values": [0], "color": "#abcdef"},
        {"name": "1", "values": [1], "color": "#123456"},
    ]
    bundle = make_bundle(plan=PLAN, name="木", classes=classes)
    make(tmp_path, bundle, "mask")
    told = json.loads((tmp_path / "clouds of mine.stac.json").read_text(encoding="utf-8"))
    output = told["properties"]["mlm:output"][0]
    assert output["classification:classes"][0]["title"] == "木 (Wald)"
    assert told["properties"]["mlm:name"] == "mapwright-unnamed"
