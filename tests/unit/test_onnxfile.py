"""An exported file as a model like any other, and files that are none."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from rasterio import Affine

import mapwright as mw
from builders import make_bundle, rectangles, write_tiff
from mapwright import onnxfile
from mapwright.bundle import Bundle
from mapwright.errors import ImageFileError, ModelFileError, SettingError
from mapwright.exporting.write import export
from mapwright.onnxfile import is_sealed, load_onnx, seal
from mapwright.predict.model import Model
from mapwright.types import IGNORE

BANDS = ("red", "green", "blue", "nir")
TILE = 64


def make(folder: Path, bundle: Bundle, output: str, **options: Any) -> Path:
    path = folder / f"{output}.onnx"
    return export(Model(bundle), path, output=output, tile=TILE, **options).path  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def bundle() -> Bundle:
    plan = {"architecture": "pspnet", "encoder": "resnet18", "tta": "flips"}
    return make_bundle(1, (0,), (10,), bands=BANDS, valid={"nodata": 0}, threshold=0.3, plan=plan)


@pytest.fixture(scope="module")
def files(bundle: Bundle, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("exported")
    kinds = ("mask", "probability", "logits", "deepness")
    return {kind: make(folder, bundle, kind) for kind in kinds}


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Odd sides, larger than a tile, with a hole of nodata, named bands and a place."""
    pixels, _ = rectangles(4, 150, 4)
    pixels = pixels[:, :117].astype(np.uint16)
    pixels[:, 30:50, 100:] = 0
    return write_tiff(
        tmp_path_factory.mktemp("scenes") / "scène.tif", pixels, crs="EPSG:32633", nodata=0,
        transform=Affine(10, 0, 5e5, 0, -10, 6e6), descriptions=BANDS, photometric="minisblack",
    )  # fmt: skip


@pytest.mark.parametrize("kind", ["probability", "logits"])
def test_probabilities_and_logits_predict_what_the_model_predicts(
    bundle: Bundle, files: dict[str, Path], scene: Path, kind: str
) -> None:
    ours, theirs = Model(bundle).predict(scene), mw.load(files[kind]).predict(scene)
    np.testing.assert_allclose(theirs.probabilities, ours.probabilities, atol=1e-3)
    unclear = abs(ours.probabilities[1] - 0.3) < 1e-3
    np.testing.assert_array_equal(theirs.classes[~unclear], ours.classes[~unclear])
    assert theirs.class_names == ours.class_names
    assert theirs.geobox == ours.geobox


def test_the_planned_augmentation_is_used_by_what_can_average(files: dict[str, Path]) -> None:
    assert mw.load(files["probability"]).views == "flips"
    assert mw.load(files["probability"]).with_tta("d4").views == "d4"
    assert mw.load(files["mask"]).views == "none"
    assert mw.load(files["mask"]).with_tta("none").views == "none"
    with pytest.raises(SettingError, match="'d4' needs probabilities, and this file gives masks"):
        mw.load(files["mask"]).with_tta("d4")


def test_all_eight_views_of_an_exported_file_are_those_of_the_model(
    bundle: Bundle, files: dict[str, Path], scene: Path
) -> None:
    ours = Model(bundle).with_tta("d4").predict(scene)
    theirs = mw.load(files["probability"]).with_tta("d4").predict(scene)
    np.testing.assert_allclose(theirs.probabilities, ours.probabilities, atol=1e-3)


def test_masks_vote_where_tiles_overlap(
    bundle: Bundle, files: dict[str, Path], scene: Path
) -> None:
    ours, theirs = Model(bundle, "none").predict(scene), mw.load(files["mask"]).predict(scene)
    holes = ours.classes == IGNORE
    np.testing.assert_array_equal(theirs.classes == IGNORE, holes)
    np.testing.assert_array_equal(
        theirs.classes[~holes], (theirs.probabilities[1] >= 0.5)[~holes].astype(np.uint8)
    )
    assert (theirs.classes == ours.classes).mean() > 0.9
    assert "vote" in mw.load(files["mask"]).bundle.caveat


def test_on_one_tile_a_mask_is_the_decision_at_the_stored_threshold(
    bundle: Bundle, files: dict[str, Path]
) -> None:
    image = rectangles(7, TILE, 4)[0].astype(np.float32)
    soft = Model(bundle, "none").probabilities(image)[1]
    assert ((soft > 0.3) & (soft < 0.5)).any()
    clear = abs(soft - 0.3) > 1e-3
    for kind in ("mask", "deepness"):
        found = mw.load(files[kind]).with_tta("none").classify(image)
        np.testing.assert_array_equal(found[clear], (soft >= 0.3)[clear].astype(np.uint8))


def test_a_tile_smaller_than_the_graph_is_padded_as_invalid(
    bundle: Bundle, files: dict[str, Path]
) -> None:
    image = rectangles(2, 40, 4)[0].astype(np.float32)
    padded = np.full((4, TILE, TILE), np.nan, np.float32)
    padded[:, :40, :40] = image
    one = mw.load(files["probability"])
    np.testing.assert_array_equal(one.probabilities(image), one.probabilities(padded)[:, :40, :40])


def test_a_squeezed_file_predicts_tile_by_tile(
    bundle: Bundle, files: dict[str, Path], tmp_path: Path, scene: Path
) -> None:
    squeezed = mw.load(make(tmp_path, bundle, "mask", squeeze=True, invalid=0)).predict(scene)
    plain = mw.load(files["mask"]).predict(scene)
    np.testing.assert_array_equal(squeezed.classes, plain.classes)


def test_bands_are_found_by_name_in_any_order_and_refused_without(
    files: dict[str, Path], scene: Path, tmp_path: Path
) -> None:
    model = mw.load(files["mask"])
    pixels, _ = rectangles(4, 70, 4)
    names = ("nir", "blue", "red", "green")
    order = [BANDS.index(name) for name in names]
    right = write_tiff(tmp_path / "right.tif", pixels + 1, descriptions=BANDS)
    swapped = write_tiff(tmp_path / "swapped.tif", pixels[order] + 1, descriptions=names)
    np.testing.assert_array_equal(model.predict(right).classes, model.predict(swapped).classes)
    three = write_tiff(tmp_path / "three.tif", pixels[:3])
    with pytest.raises(ImageFileError, match=r"band 4 \(nir\) does not exist"):
        model.predict(three)
    other = write_tiff(tmp_path / "o.tif", pixels, descriptions=("nir", "green", "blue", "swir"))
    with pytest.raises(ImageFileError, match="the file calls its bands nir, green"):
        model.predict(other)


def test_what_is_known_of_the_model_comes_along(bundle: Bundle, files: dict[str, Path]) -> None:
    card = load_onnx(files["probability"])
    assert (card.spec, card.plan, card.fingerprint) == (
        bundle.spec,
        bundle.plan,
        bundle.fingerprint,
    )
    assert card.decision.threshold == 0.3
    assert card.history.images == bundle.history.images
    assert load_onnx(files["mask"]).decision.threshold == 0.5  # of the votes
    assert card.only((0,)) is card


def test_an_exported_ensemble_has_learnt_what_any_member_has(tmp_path: Path) -> None:
    plan = {"architecture": "pspnet", "encoder": "resnet18"}
    ensemble = make_bundle(2, plan=plan)
    history = load_onnx(make(tmp_path, ensemble, "mask")).history
    (fold,) = history.folds
    assert fold.train == ("00", "01", "02")
    assert fold.val == ()
    assert len(history.learnt) == 1
    one = export(Model(ensemble), tmp_path / "one.onnx", tile=TILE, fold=2)
    assert load_onnx(one.path).history.folds == ensemble.history.folds[1:]


def test_an_exported_model_is_no_start_for_a_training(
    files: dict[str, Path], tmp_path: Path
) -> None:
    from builders import make_dataset

    with pytest.raises(ModelFileError, match="only be used for maps and scores"):
        mw.train(make_dataset(tmp_path / "d"), tmp_path / "run", parent=mw.load(files["mask"]))
    assert not (tmp_path / "run").exists()


def test_an_exported_model_predicts_without_torch(
    files: dict[str, Path], scene: Path, tmp_path: Path
) -> None:
    code = (
        "import sys, mapwright as mw\n"
        "from mapwright.apply import predict_files\n"
        f"model = mw.load({str(files['probability'])!r})\n"
        f"predict_files(model, [{str(scene)!r}], {str(tmp_path)!r}, probabilities=True)\n"
        "heavy = {'torch', 'timm', 'segmentation_models_pytorch', 'onnx'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True, timeout=120)
    assert (tmp_path / "scène.tif").is_file()


def cut(data: bytes) -> bytes:
    return data[: len(data) // 2]


def last_byte_missing(data: bytes) -> bytes:
    return data[:-1]


def a_weight_altered(data: bytes) -> bytes:
    changed = bytearray(data)
    changed[len(data) // 3] ^= 1
    return bytes(changed)


def metadata_altered(data: bytes) -> bytes:
    return data.replace(b'"nir"', b'"red"')


def saved_anew(data: bytes) -> bytes:
    model = onnx.load_model_from_string(data)
    model.producer_name = "another tool"
    return bytes(model.SerializeToString())


def nothing_known(data: bytes) -> bytes:
    model = onnx.load_model_from_string(data)
    del model.metadata_props[:]
    return bytes(model.SerializeToString())


def newer(data: bytes) -> bytes:
    model = onnx.load_model_from_string(data)
    header = json.loads(model.metadata_props[0].value)
    model.metadata_props[0].value = json.dumps({**header, "format": 99})
    del model.metadata_props[-1]
    return seal(model.SerializeToString())


def another_opset(data: bytes) -> bytes:
    model = onnx.load_model_from_string(data)
    model.opset_import[0].version = 999
    del model.metadata_props[-1]
    return seal(model.SerializeToString())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (cut, "cut short or altered"),
        (last_byte_missing, "cut short or altered"),
        (lambda _: b"", "cut short or altered, or is no ONNX file"),
        (lambda _: b"not a model at all", "cut short or altered, or is no ONNX file"),
        (a_weight_altered, "does? not match its checksum|altered"),
        (metadata_altered, "do not match its checksum: it was altered"),
        (saved_anew, "do not match its checksum: it was altered"),
        (nothing_known, "says nothing of its bands, classes and values"),
        (newer, "has format 99"),
        (another_opset, r"ONNX Runtime [\d.]+ can't run the file"),
    ],
)
def test_a_file_that_is_not_as_it_was_written_is_one_clear_error(
    files: dict[str, Path],
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    change: Callable[[bytes], bytes],
    message: str,
) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(change(files["mask"].read_bytes()))
    with pytest.raises(ModelFileError, match=message) as error:
        mw.load(path)
    assert error.value.exit_code == 2
    assert error.value.where == path
    assert capfd.readouterr() == ("", "")


def test_a_missing_file_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(ModelFileError, match="there is no such model file"):
        mw.load(tmp_path / "model.onnx")


def test_a_seal_holds_for_every_byte() -> None:
    data = bytes(range(256))
    sealed = seal(data)
    assert is_sealed(sealed)
    assert sealed.startswith(data)
    for place in range(len(sealed)):
        changed = bytearray(sealed)
        changed[place] ^= 1
        assert not is_sealed(bytes(changed))
    assert not is_sealed(data)
    assert not is_sealed(b"")


def test_a_seal_is_read_by_onnx_as_metadata(files: dict[str, Path]) -> None:
    model = onnx.load(files["mask"])
    onnx.checker.check_model(model)
    last = model.metadata_props[-1]
    assert last.key == onnxfile._SEAL.decode()
    assert len(last.value) == 64
