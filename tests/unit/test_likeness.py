"""Values that a model can't be expected to cope with are noticed, and others are not."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from builders import make_bundle, make_spec, rectangles, write_png, write_tiff
from mapwright.data.dataset import Dataset
from mapwright.data.fingerprint import BandStats, take_fingerprint
from mapwright.data.likeness import find_doubts, sample_values
from mapwright.evaluation import choose_items
from mapwright.predict.model import Model
from mapwright.types import Window

Array = NDArray[np.float32]


def statistics(values: Array) -> list[BandStats]:
    return [
        BandStats(
            name=f"band {k}",
            mean=float(band.mean()),
            std=float(band.std()),
            minimum=float(band.min()),
            maximum=float(band.max()),
            percentiles=tuple(np.percentile(band, (0.5, 2, 50, 98, 99.5)).tolist()),
        )
        for k, band in enumerate(values)
    ]


def ground(seed: int, bands: int = 4, brightness: float = 1.0) -> Array:
    """Reflectance of a land scene, 0 to about 0.6, dark pixels included: (bands, n)."""
    rng = np.random.default_rng(seed)
    texture = rng.gamma(2.0, 0.06, (1, 20_000)) * rng.uniform(0.7, 1.6, (bands, 1))
    noise = rng.normal(0, 0.005, (bands, 20_000))
    return np.asarray((texture * brightness + 0.02 + noise).clip(0.001), np.float32)


LEARNT = {
    "reflectance": statistics(ground(0)),
    "digital numbers": statistics(10_000 * ground(0)),
    "bytes": statistics((400 * ground(0)).clip(0, 255)),
}


@pytest.mark.parametrize("brightness", [0.25, 0.5, 1.0, 2.0, 4.0])
def test_darker_and_brighter_scenes_are_no_reason_for_doubt(brightness: float) -> None:
    scene = ground(1, brightness=brightness)
    assert find_doubts(LEARNT["reflectance"], scene) == ()
    assert find_doubts(LEARNT["digital numbers"], 10_000 * scene) == ()


@pytest.mark.parametrize("brightness", [0.5, 1.0, 2.0])
@pytest.mark.parametrize(
    ("learnt", "factor", "text"),
    [
        ("digital numbers", 1.0, "about 1/10000 of those learnt from"),
        ("reflectance", 10_000.0, "about 10000 times those learnt from"),
        ("reflectance", 400.0, "about 255 times those learnt from"),
        ("bytes", 1.0, "about 1/255 of those learnt from"),
        ("bytes", 100_000.0, "about 257 times those learnt from"),
        ("digital numbers", 100.0, "about 1/100 of those learnt from"),
    ],
)
def test_other_units_are_named_with_their_factor(
    learnt: str, factor: float, text: str, brightness: float
) -> None:
    scene = factor * ground(1, brightness=brightness)
    scene = scene.clip(0, {400.0: 255, 100_000.0: 65_535}.get(factor))
    (doubt,) = find_doubts(LEARNT[learnt], scene.astype(np.float32))
    assert doubt.kind == "scale"
    assert text in doubt.text


@pytest.mark.parametrize("shift", [1000.0, -1000.0])
def test_the_offset_of_sentinel_2_is_named(shift: float) -> None:
    values = 10_000 * ground(1)
    learnt = statistics(10_000 * ground(0) + max(-shift, 0))
    (doubt,) = find_doubts(learnt, np.asarray(values + max(shift, 0), np.float32))
    assert (doubt.kind, doubt.amount) == ("offset", shift)
    assert "higher" in doubt.text if shift > 0 else "lower" in doubt.text
    assert "Sentinel-2" in doubt.text


def test_a_desert_is_bright_but_not_shifted() -> None:
    rng = np.random.default_rng(2)
    level = np.array([[900.0], [1400.0], [2100.0], [2900.0]])
    desert = level * rng.normal(1, 0.05, (4, 5000))
    assert find_doubts(LEARNT["digital numbers"], desert.astype(np.float32)) == ()


def test_a_band_that_lies_beyond_all_that_was_learnt_is_named() -> None:
    scene = ground(1)
    scene[2] = 3.0
    (doubt,) = find_doubts(LEARNT["reflectance"], scene)
    assert doubt.kind == "range"
    assert doubt.amount == 1.0
    assert "100% of the values of band 2 lie outside" in doubt.text


@pytest.mark.parametrize("values", [np.zeros((4, 0)), np.ones((4, 99)), np.full((4, 5000), 0.0)])
def test_nothing_is_said_of_too_few_or_empty_values(values: Array) -> None:
    found = find_doubts(LEARNT["reflectance"], values.astype(np.float32))
    assert all(doubt.kind != "scale" for doubt in found)
    if values.shape[1] < 100:
        assert found == ()


def test_a_model_from_before_percentiles_raises_no_doubt() -> None:
    bare = [band.model_copy(update={"percentiles": ()}) for band in LEARNT["reflectance"]]
    assert find_doubts(bare, 1e4 * ground(1)) == ()


@pytest.mark.parametrize("size", [(1, 1), (5, 300), (64, 64), (1000, 700)])
def test_patches_that_stand_for_an_image_lie_inside_it(size: tuple[int, int]) -> None:
    seen = np.zeros(size, bool)

    def read(window: Window) -> Array:
        assert window == window.clip(*size)
        seen[window.slices] = True
        image = np.ones((2, window.height, window.width), np.float32)
        image[1, 0, 0] = np.nan
        return image

    values = sample_values(read, size)
    assert values.shape[0] == 2
    assert not np.isnan(values).any()
    assert seen[0, 0] and seen[-1, -1]


def test_predictions_and_scores_carry_the_doubt(tmp_path: Path) -> None:
    for number in range(3):
        pixels, mask = rectangles(number, 64)
        write_tiff(tmp_path / f"images/{number}.tif", pixels.astype(np.float32) / 10_000)
        write_png(tmp_path / f"masks/{number}.png", np.uint8(255) * mask)
    spec = make_spec(images="images/*.tif")
    model = Model(make_bundle(images="images/*.tif"))
    text = "values are about 1/10000 of those learnt from"
    image = tmp_path / "images/0.tif"
    assert model.predict(image).doubts[0].text.startswith(text)
    written = model.predict_file(image, tmp_path / "maps")
    assert written.plain()["doubts"][0]["kind"] == "scale"
    _, note = choose_items(model, Dataset(tmp_path, spec), "all")
    assert text in note


def test_the_images_that_were_learnt_from_raise_none(tmp_path: Path) -> None:
    for number in range(3):
        pixels, mask = rectangles(number, 64)
        write_png(tmp_path / f"images/{number}.png", pixels)
        write_png(tmp_path / f"masks/{number}.png", np.uint8(255) * mask)
    dataset = Dataset(tmp_path, make_spec())
    learnt = take_fingerprint(dataset, dataset.items).bands
    for item in dataset.items:
        image = dataset.read_image(item).masked()
        assert find_doubts(learnt, image.reshape(3, -1)) == ()
