"""What leaves the house is the model, or nothing leaves."""

import json
import re
import warnings
from collections.abc import Callable
from dataclasses import replace
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from numpy.typing import NDArray
from rich.console import Console

from builders import make_bundle
from mapwright.bundle import Bundle
from mapwright.errors import ExportError, MapwrightError, OutputError, SettingError
from mapwright.exporting import write as writing
from mapwright.exporting.budget import Cost
from mapwright.exporting.trace import Traced
from mapwright.exporting.trials import trials
from mapwright.exporting.write import Export, export
from mapwright.onnxfile import load_onnx
from mapwright.predict.model import Model
from mapwright.predict.pipeline import decide
from mapwright.predict.torch_engine import TorchEngine
from mapwright.report.contract import contract, tried
from mapwright.report.export_table import export_table

BANDS = ("red", "green", "blue", "nir")
SMALL = {"architecture": "pspnet", "encoder": "resnet18"}  # 3.5 MB, and pools to 6 x 6
TILE = 32


def bundle_of(classes: int = 2, members: int = 1, **changes: Any) -> Bundle:
    values = [(10 * k,) for k in range(classes)]
    defaults: dict[str, Any] = {
        "bands": BANDS, "valid": {"nodata": 0}, "threshold": 0.37, "plan": SMALL
    }  # fmt: skip
    return make_bundle(members, *values, **(defaults | changes))


def tiles(bundle: Bundle, count: int = 3, size: tuple[int, int] = (TILE, TILE)) -> NDArray[Any]:
    """Usual values with holes of every kind."""
    rng = np.random.default_rng(3)
    made = rng.normal(70, 50, (count, len(bundle.spec.used), *size)).astype(np.float32)
    made[:, :, :2] = np.nan
    if size[0] > 8:
        made[:, 1, 3], made[:, 2, 4], made[:, 0, 5], made[:, :, 6] = np.nan, np.inf, 0, -np.inf
    return made


def run(path: Path, batch: NDArray[Any]) -> NDArray[Any]:
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    found: NDArray[Any] = session.run(None, {"image": batch})[0]
    return found


def expected(bundle: Bundle, batch: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    """(N, K, h, w) probabilities, and (N, h, w) bool where a pixel is invalid."""
    soft = TorchEngine(bundle.networks(), len(bundle.spec.classes)).probabilities(batch)
    invalid = (~np.isfinite(batch) | (batch == bundle.spec.valid.nodata)).any(axis=1)
    return soft, invalid


def written(bundle: Bundle, folder: Path, **options: Any) -> Export:
    return export(Model(bundle), folder / "model.onnx", **{"tile": TILE, **options})


def assert_classes(
    found: NDArray[Any], soft: NDArray[Any], invalid: NDArray[Any], threshold: float, marker: int
) -> None:
    """Equal but where the decision is within rounding."""
    best = np.sort(soft, axis=1)
    margin = abs(soft[:, 1] - threshold) if soft.shape[1] == 2 else best[:, -1] - best[:, -2]
    wanted = np.stack([decide(part, threshold) for part in soft])
    wanted[invalid] = marker
    clear = (margin > 1e-4) | invalid
    assert clear.mean() > 0.9
    np.testing.assert_array_equal(found[clear], wanted[clear])


@pytest.mark.parametrize(("classes", "members", "invalid"), [(2, 1, 255), (2, 2, 0), (4, 1, 255)])
def test_a_mask_holds_the_decision_of_the_model_from_file_values(
    tmp_path: Path, classes: int, members: int, invalid: int
) -> None:
    bundle = bundle_of(classes, members)
    written(bundle, tmp_path, invalid=invalid)
    batch = tiles(bundle)
    found = run(tmp_path / "model.onnx", batch)
    assert found.dtype == np.uint8
    assert found.shape == (3, TILE, TILE)
    soft, holes = expected(bundle, batch)
    assert_classes(found, soft, holes, 0.37, invalid)
    assert len(np.unique(found[~holes])) >= 2


def test_a_squeezed_mask_has_rows_and_columns_alone(tmp_path: Path) -> None:
    bundle = bundle_of()
    written(bundle, tmp_path, squeeze=True)
    batch = tiles(bundle, 1)
    found = run(tmp_path / "model.onnx", batch)
    assert found.shape == (TILE, TILE)
    soft, holes = expected(bundle, batch)
    assert_classes(found[None], soft, holes, 0.37, 255)


@pytest.mark.parametrize(("output", "members"), [("probability", 2), ("logits", 1), ("logits", 2)])
def test_probabilities_are_those_of_the_model_and_nan_where_invalid(
    tmp_path: Path, output: str, members: int
) -> None:
    bundle = bundle_of(3, members)
    written(bundle, tmp_path, output=output)
    batch = tiles(bundle)
    found = run(tmp_path / "model.onnx", batch)
    soft, holes = expected(bundle, batch)
    np.testing.assert_array_equal(np.isnan(found), np.broadcast_to(holes[:, None], found.shape))
    if output == "logits":
        raised = np.exp(found - found.max(axis=1, keepdims=True))
        found = raised / raised.sum(axis=1, keepdims=True)
    there = np.broadcast_to(~holes[:, None], found.shape)
    np.testing.assert_allclose(found[there], soft[there], atol=5e-4)


@pytest.mark.parametrize("size", [(1, 1), (33, 190), (64, 64), (200, 31)])
def test_a_dynamic_graph_takes_any_size(
    dynamic: tuple[Bundle, Path], size: tuple[int, int]
) -> None:
    bundle, path = dynamic
    batch = tiles(bundle, 2, size)
    batch[:, :, :1, :1] = 50
    soft, holes = expected(bundle, batch)
    found = run(path, batch)
    assert found.shape == (2, *size)
    assert_classes(found, soft, holes, 0.37, 255)


@pytest.fixture(scope="module")
def dynamic(tmp_path_factory: pytest.TempPathFactory) -> tuple[Bundle, Path]:
    folder = tmp_path_factory.mktemp("dynamic")
    bundle = bundle_of(plan={"encoder": "tu-mobilenetv3_small_100"})
    done = written(bundle, folder, dynamic=True)
    assert len(done.proof.sizes) == 3
    return bundle, done.path


def test_a_tile_that_is_no_multiple_of_the_stride_is_padded_inside(tmp_path: Path) -> None:
    bundle = bundle_of()
    written(bundle, tmp_path, tile=50)
    batch = tiles(bundle, 2, (50, 50))
    soft, holes = expected(bundle, batch)
    assert_classes(run(tmp_path / "model.onnx", batch), soft, holes, 0.37, 255)


def test_a_network_that_is_fixed_to_one_size_is_not_exported_for_all(tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="32 x 32 pixels only: leave --dynamic out") as error:
        written(bundle_of(), tmp_path, dynamic=True)
    assert error.value.exit_code == 1
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_printed_and_no_warning_leaks(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        written(bundle_of(), tmp_path)
        with pytest.raises(ExportError, match="can't be written as ONNX"):
            written(bundle_of(plan={"architecture": "pan", "encoder": "resnet18"}), tmp_path)
    assert capfd.readouterr() == ("", "")


def tampered(change: Callable[[Any, Any], None]) -> Callable[..., Traced]:
    """An exporter that gets something wrong."""
    right = writing.trace

    def wrong(*given: Any) -> Traced:
        traced = right(*given)
        change(traced.graph.graph, traced.proving.graph)
        return traced

    return wrong


def largest_weight(*graphs: Any) -> None:
    for graph in graphs:
        tensor = max(graph.initializer, key=lambda t: len(t.raw_data))
        values = onnx.numpy_helper.to_array(tensor).copy()
        values.flat[len(values.flat) // 2] += 3
        tensor.CopyFrom(onnx.numpy_helper.from_array(values, tensor.name))


def constant(value: float, other: float) -> Callable[..., None]:
    """Replace a scalar in the shipped graph only, as if the decision were another."""

    def change(graph: Any, _: Any) -> None:
        found = 0
        for node in graph.node:
            for attribute in node.attribute:
                if attribute.name == "value" and not attribute.t.dims:
                    held = onnx.numpy_helper.to_array(attribute.t)
                    if held.dtype.kind == "f" and np.isclose(held, value):
                        new = np.array(other, held.dtype)
                        attribute.t.CopyFrom(onnx.numpy_helper.from_array(new, attribute.t.name))
                        found += 1
        for tensor in graph.initializer:
            held = onnx.numpy_helper.to_array(tensor)
            if held.shape == () and np.isclose(held, value):
                new = np.array(other, held.dtype)
                tensor.CopyFrom(onnx.numpy_helper.from_array(new, tensor.name))
                found += 1
        assert found

    return change


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (largest_weight, "a logit differs by"),
        (constant(0.37, 0.5), "another class or validity"),
        (constant(255, 1), "another class or validity"),
        (constant(0.0, 1.0), "another class or validity"),
    ],
    ids=["one weight", "the threshold", "what is invalid", "the nodata value"],
)
def test_a_graph_that_is_not_the_model_is_not_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: Any, message: str
) -> None:
    monkeypatch.setattr(writing, "trace", tampered(change))
    with pytest.raises(ExportError, match=message) as error:
        written(bundle_of(), tmp_path)
    assert "no file is written" in str(error.value)
    assert error.value.exit_code == 1
    assert list(tmp_path.iterdir()) == []


def test_the_proof_counts_every_kind_of_tile(tmp_path: Path) -> None:
    done = written(bundle_of(), tmp_path)
    kinds = done.proof.kinds
    assert kinds["real"].tiles == 0
    assert done.proof.real.startswith("none: ")
    assert kinds["edge"].tiles >= 15
    assert kinds["random"].pixels == kinds["random"].tiles * TILE * TILE
    assert 0 < kinds["random"].largest_share < 1
    held = load_onnx(done.path).proof
    assert held == json.loads(json.dumps(done.proof.plain()))


def test_an_ensemble_over_the_budget_is_refused_with_the_measure_of_one_fold(
    tmp_path: Path,
) -> None:
    with pytest.raises(ExportError, match=r"one fold would fit \(3\.\d MB.*--fold 1") as error:
        written(bundle_of(2, 2), tmp_path, max_mb=5)
    assert error.value.exit_code == 1
    assert list(tmp_path.iterdir()) == []


def test_a_file_within_the_budget_is_written(tmp_path: Path) -> None:
    done = written(bundle_of(), tmp_path, max_mb=5, max_ms=60_000)
    assert done.cost.megabytes == done.path.stat().st_size / 1e6


COSTS = {"slow": Cost(1.0, 500.0, "a test", 1), "fast": Cost(1.0, 20.0, "a test", 1)}


@pytest.mark.parametrize(
    ("kinds", "message"),
    [
        (
            "slow slow fast",
            r"20 ms a tile\): train one with --set encoder=tu-mobilenetv3_small_100",
        ),
        (
            "slow slow slow",
            r"nothing that was tried fits: pspnet with mobilenet_v2: 1.0 MB, 500 ms",
        ),
    ],
)
def test_smaller_encoders_are_measured_until_one_fits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kinds: str, message: str
) -> None:
    costs = iter([COSTS[kind] for kind in kinds.split()])
    for place in ("mapwright.exporting.write", "mapwright.exporting.budget"):
        monkeypatch.setattr(f"{place}.measure", lambda *_: next(costs))
    with pytest.raises(ExportError, match="500 ms a tile on this machine, 300 allowed") as error:
        written(bundle_of(), tmp_path, max_ms=300)
    assert re.search(message, str(error.value))


def test_one_fold_of_an_ensemble_is_that_fold(tmp_path: Path) -> None:
    bundle = bundle_of(3, 2)
    written(bundle, tmp_path, output="probability", fold=2)
    batch = tiles(bundle, 1)
    soft, holes = expected(bundle.only([1]), batch)
    found = run(tmp_path / "model.onnx", batch)
    np.testing.assert_allclose(found[0][:, ~holes[0]], soft[0][:, ~holes[0]], atol=5e-4)


@pytest.mark.parametrize(
    ("options", "kind", "message"),
    [
        ({"fold": 2}, SettingError, "there is no fold 2"),
        ({"fold": 0}, SettingError, "there is no fold 0"),
        ({"tile": 16}, SettingError, "tile"),
        ({"invalid": 7}, SettingError, "invalid"),
        ({"output": "picture"}, SettingError, "output"),
        ({"squeeze": True, "output": "logits"}, SettingError, "goes with masks only"),
        ({"dynamic": True, "output": "deepness"}, SettingError, "tiles of one size"),
        ({"data": "nowhere"}, MapwrightError, "nowhere"),
    ],
)
def test_options_that_do_not_fit_are_said_before_anything_is_written(
    tmp_path: Path, options: dict[str, Any], kind: type[MapwrightError], message: str
) -> None:
    with pytest.raises(kind, match=message) as error:
        written(bundle_of(), tmp_path, **options)
    assert error.value.exit_code == 2
    assert list(tmp_path.iterdir()) == []


def standardised_apart(bundle: Bundle) -> Bundle:
    """Each member with a mean, a deviation and limits of its own, as folds have them."""
    states = []
    for number, state in enumerate(bundle.members):
        changed = dict(state)
        changed["inputs.mean"] = state["inputs.mean"] * (1 + number) - 15
        changed["inputs.std"] = state["inputs.std"] * 1.7**number
        changed["inputs.high"] = torch.full_like(state["inputs.high"], 150.0 + 30 * number)
        states.append(changed)
    return replace(bundle, members=tuple(states))


@pytest.mark.parametrize(("output", "tile"), [("mask", 32), ("probability", 45)])
def test_members_keep_their_own_normalisation(tmp_path: Path, output: str, tile: int) -> None:
    same = bundle_of(2, 2)
    bundle = standardised_apart(same)
    written(bundle, tmp_path, output=output, tile=tile)
    batch = tiles(bundle, 1, (tile, tile))
    soft, holes = expected(bundle, batch)
    assert abs(soft - expected(same, batch)[0])[0][:, ~holes[0]].max() > 0.05
    found = run(tmp_path / "model.onnx", batch)
    if output == "mask":
        assert_classes(found, soft, holes, 0.37, 255)
    else:
        np.testing.assert_allclose(found[0][:, ~holes[0]], soft[0][:, ~holes[0]], atol=5e-4)


@pytest.mark.parametrize("output", ["mask", "probability", "logits", "deepness"])
@pytest.mark.parametrize("nothing", [np.nan, np.inf, 0.0], ids=["NaN", "infinity", "nodata"])
def test_tiles_without_a_valid_pixel_have_no_class_alone_and_beside_others(
    every_output: dict[str, tuple[Bundle, Path]], output: str, nothing: float
) -> None:
    bundle, path = every_output[output]
    batch = tiles(bundle, 5)
    batch[[0, 3]] = nothing
    found = run(path, batch)
    holes = expected(bundle, batch)[1]
    assert holes[[0, 3]].all()
    if output == "mask":
        empty = found == 255
    elif output == "deepness":
        empty = (found == 0).all(axis=1)
    else:
        empty = np.isnan(found).all(axis=1)
    np.testing.assert_array_equal(empty, holes)
    for tile, together in zip(batch, found, strict=True):
        np.testing.assert_allclose(run(path, tile[None])[0], together, atol=1e-4)
    assert not Model.load(path).probabilities(batch[0]).any()


@pytest.fixture(scope="module")
def every_output(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Bundle, Path]]:
    bundle = bundle_of()
    folder = tmp_path_factory.mktemp("outputs")
    made = {}
    for output in ("mask", "probability", "logits", "deepness"):
        (folder / output).mkdir()
        made[output] = bundle, written(bundle, folder / output, output=output).path
    return made


def test_what_is_told_of_the_proof_is_what_was_tried(tmp_path: Path) -> None:
    done = written(bundle_of(), tmp_path)
    kinds, told = done.proof.kinds, contract(done.path)["Proof"]
    console = Console(width=10_000, file=StringIO())
    console.print(export_table(done))
    for words in (told, console.file.getvalue()):  # type: ignore[attr-defined]
        assert "0 real tiles (none: the training folder is not at hand" in words
        assert f"{kinds['edge'].tiles} of unusual contents" in words
        assert "values up to 100 standard deviations from the mean of the training images" in words
        assert "of 32 x 32 pixels; what lies beyond these was not tried" in words
    pixels = sum(kind.pixels for kind in kinds.values())
    assert f"of {pixels:,} are" in told
    made = trials(bundle_of(), done.form, None)
    far = max(np.abs((t.tile - 70) / 50).max() for t in made if t.name == "huge")
    assert far == pytest.approx(100, rel=0.02)
    older = {k: v for k, v in done.proof.plain().items() if k != "reach"}
    assert "deviations" not in tried(older)


def test_the_name_must_say_what_it_is(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"must end in \.onnx"):
        export(Model(bundle_of()), tmp_path / "model.pt")


def test_an_exported_model_is_not_exported_again(tmp_path: Path) -> None:
    done = written(bundle_of(), tmp_path)
    with pytest.raises(MapwrightError, match="only be used for maps and scores"):
        export(done.path, tmp_path / "again.onnx")
