import math

import pytest
import torch
from torch import Tensor

from mapwright.data.augment import augment, radiometry
from mapwright.data.augmentation import Augmentation
from mapwright.errors import SettingError
from mapwright.types import IGNORE

OFF = {
    "reflect": False, "rotate": 0, "zoom": 1, "zoom_rate": 0, "brightness": 0,
    "contrast": 0, "tint": 0, "noise": 0, "blur": 0,
}  # fmt: skip


def only(**switched_on: float) -> Augmentation:
    return Augmentation.parse(OFF | switched_on, "a test")


def rng(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def scenes(count: int = 8, size: int = 24, bands: int = 3) -> tuple[Tensor, Tensor]:
    """Pixels of 0 or 100, and the mask of those above 50."""
    image = (torch.rand(count, bands, size, size, generator=rng(9)) > 0.5).float() * 100
    return image, (image[:, 0] > 50).long()


def run(
    image: Tensor, mask: Tensor, patch: int, how: Augmentation, seed: int = 0
) -> tuple[Tensor, Tensor]:
    return augment(image, mask, patch, how, torch.full((image.shape[1],), 10.0), rng(seed))


def test_the_defaults_give_tiles_of_the_size_and_type_asked_for() -> None:
    image, mask = scenes(size=40)
    tile, labels = run(image, mask, 20, Augmentation())
    assert (tile.shape, tile.dtype) == ((8, 3, 20, 20), torch.float32)
    assert (labels.shape, labels.dtype) == ((8, 20, 20), torch.int64)
    assert set(labels.unique().tolist()) <= {0, 1}
    assert not tile.isnan().any()


@pytest.mark.parametrize("patch", [24, 22, 2])
def test_with_everything_off_the_centre_is_cut(patch: int) -> None:
    image, mask = scenes()
    tile, labels = run(image, mask, patch, only())
    edge = (24 - patch) // 2
    inside = slice(edge, edge + patch)
    torch.testing.assert_close(tile, image[:, :, inside, inside], atol=1e-2, rtol=0)
    torch.testing.assert_close(labels, mask[:, inside, inside])


def test_reflections_and_quarter_turns_come_alike_and_exactly() -> None:
    image, mask = scenes(count=1)
    image, mask = image.expand(400, -1, -1, -1), mask.expand(400, -1, -1)
    tiles, labels = run(image, mask, 24, only(reflect=True))
    source = image[0]
    turned = [
        torch.rot90(flipped, k, (1, 2)) for flipped in (source, source.flip(2)) for k in range(4)
    ]
    found = [0] * 8
    for tile, label in zip(tiles, labels, strict=True):
        (which,) = [i for i, one in enumerate(turned) if torch.allclose(one, tile, atol=0.1)]
        found[which] += 1
        torch.testing.assert_close(label, (tile[0] > 50).long())
    assert min(found) > 25


def test_a_turn_and_a_zoom_keep_image_and_mask_together() -> None:
    side, patch = 80, 40
    x = torch.arange(side).float()
    slope = torch.tensor([2.0, 3.0])
    ramp = slope[0] * x[None, :] + slope[1] * x[:, None]
    image = ramp.expand(16, 1, side, side)
    limit = float(ramp.mean())
    mask = (image[:, 0] > limit).long()
    tile, labels = run(image, mask, patch, only(rotate=1, zoom=1.3, zoom_rate=1))
    clear = (tile[:, 0] - limit).abs() > float(slope.sum()) / 2 + 0.1
    assert clear.float().mean() > 0.8
    assert torch.equal(labels[clear], (tile[:, 0] > limit).long()[clear])
    spread = tile.flatten(1).std(dim=1)
    assert spread.std() / spread.mean() > 0.05  # zooms differ


def test_a_turn_keeps_angles_and_a_zoom_keeps_to_its_range() -> None:
    position = torch.arange(90).float()
    image = torch.stack([position.expand(90, 90), position[:, None].expand(90, 90)])
    how = only(reflect=True, rotate=1, zoom=1.4, zoom_rate=1)
    tile, _ = run(image.expand(64, -1, -1, -1), torch.zeros(64, 90, 90).long(), 40, how)
    right = tile[:, :, 20, 21] - tile[:, :, 20, 20]
    down = tile[:, :, 21, 20] - tile[:, :, 20, 20]
    size = right.norm(dim=1)
    torch.testing.assert_close(down.norm(dim=1), size, atol=1e-3, rtol=0)
    assert float((right * down).sum(dim=1).abs().max()) < 1e-2
    assert 1 / 1.4 - 1e-3 < float(size.min()) < 0.8
    assert 1.25 < float(size.max()) < 1.4 + 1e-3
    turned_over = right[:, 0] * down[:, 1] < right[:, 1] * down[:, 0]
    assert 0.2 < float(turned_over.float().mean()) < 0.8
    assert len(torch.atan2(right[:, 1], right[:, 0]).round(decimals=1).unique()) > 20


def test_class_numbers_are_never_mixed() -> None:
    image = torch.ones(16, 1, 60, 60)
    mask = torch.where(torch.rand(16, 60, 60, generator=rng()) > 0.5, 9, 0)
    _, labels = run(image, mask, 30, only(rotate=1, zoom=1.4, zoom_rate=1))
    assert set(labels.unique().tolist()) == {0, 9}


def test_unlabelled_pixels_stay_unlabelled_where_the_image_is_valid() -> None:
    image, mask = scenes(size=60)
    mask[:, :30] = IGNORE
    _, labels = run(image, mask, 30, Augmentation())
    assert set(labels.unique().tolist()) == {0, 1, IGNORE}
    assert 0.2 < float((labels == IGNORE).float().mean()) < 0.8


@pytest.mark.parametrize("lone", ["valid", "invalid"])
def test_a_lone_pixel_does_not_spread(lone: str) -> None:
    alone = torch.zeros(200, 1, 31, 31, dtype=torch.bool)
    alone[:, :, 16, 17] = True
    image = torch.where(alone if lone == "invalid" else ~alone, torch.nan, 5.0)
    tile, _ = run(image, torch.zeros(200, 31, 31).long(), 15, only(rotate=1))
    found = tile.isnan() if lone == "invalid" else ~tile.isnan()
    assert 0.3 < float(found.sum(dim=(1, 2, 3)).float().mean()) < 1


@pytest.mark.parametrize("how", [only(), only(reflect=True), Augmentation()])
def test_what_is_invalid_stays_invalid_and_unlabelled(how: Augmentation) -> None:
    image, mask = scenes(count=16, size=60)
    image[:, :, :25] = torch.nan
    image[:, 1, 40, 40] = torch.nan
    mask[image.isnan().any(dim=1)] = IGNORE
    tile, labels = run(image, mask, 30, how)
    invalid = tile.isnan().any(dim=1)
    assert (labels[invalid] == IGNORE).all()
    assert torch.equal(tile.isnan().all(dim=1), invalid)
    assert 0.05 < invalid.float().mean() < 0.6


def test_nothing_valid_gives_nothing_valid() -> None:
    image = torch.full((3, 2, 30, 30), torch.nan)
    tile, labels = run(image, torch.zeros(3, 30, 30).long(), 16, Augmentation())
    assert tile.isnan().all()
    assert (labels == IGNORE).all()


def test_invalid_values_do_not_leak_into_their_neighbours() -> None:
    image = torch.full((16, 1, 60, 60), 500.0)
    image[torch.rand(16, 1, 60, 60, generator=rng()) < 0.3] = torch.nan
    mask = torch.where(image[:, 0].isnan(), IGNORE, 0)
    how = only(reflect=True, rotate=1, zoom=1.4, zoom_rate=1, blur=1)
    tile, _ = run(image, mask, 30, how)
    seen = tile[~tile.isnan()]
    torch.testing.assert_close(seen, torch.full_like(seen, 500.0), atol=0.05, rtol=0)
    assert tile.isnan().any()


def test_outside_the_source_is_invalid() -> None:
    image, mask = scenes(count=32, size=16)
    tile, labels = run(image, mask, 16, only(rotate=1))
    outside = tile.isnan().any(dim=1)
    assert outside[:, 0, 0].any()
    assert not outside[:, 4:12, 4:12].any()
    assert (labels[outside] == IGNORE).all()
    assert (labels[:, 4:12, 4:12] != IGNORE).all()


def test_the_context_is_enough_for_every_turn_and_zoom() -> None:
    how = only(reflect=True, rotate=1, zoom=1.4, zoom_rate=1)
    patch = 20
    source = patch + 2 * math.ceil(patch * (how.context - 1) / 2)
    image, mask = scenes(count=64, size=source)
    tile, labels = run(image, mask, patch, how)
    assert not tile.isnan().any()
    assert (labels != IGNORE).all()


@pytest.mark.parametrize(
    ("how", "context"),
    [
        (only(), 1),
        (only(reflect=True), 1),
        (only(zoom=1.5), 1),
        (only(zoom=1.5, zoom_rate=0.1), 1.5),
        (only(rotate=0.1), math.sqrt(2)),
        (only(rotate=0.1, zoom=1.5, zoom_rate=0.1), 1.5 * math.sqrt(2)),
    ],
)
def test_context_follows_what_is_switched_on(how: Augmentation, context: float) -> None:
    assert how.context == pytest.approx(context)


def test_the_same_draws_give_the_same_tiles() -> None:
    image, mask = scenes()
    first, second, other = (run(image, mask, 16, Augmentation(), seed) for seed in (1, 1, 2))
    torch.testing.assert_close(first, second, rtol=0, atol=0, equal_nan=True)
    assert not torch.allclose(first[0], other[0], equal_nan=True)


def test_sources_are_not_changed() -> None:
    image, mask = scenes()
    before = image.clone(), mask.clone()
    run(image, mask, 16, Augmentation())
    assert torch.equal(image, before[0])
    assert torch.equal(mask, before[1])


@pytest.mark.parametrize("kind", ["brightness", "contrast", "tint", "noise", "blur"])
def test_radiometry_changes_values_but_no_validity(kind: str) -> None:
    image = torch.randn(8, 2, 16, 16, generator=rng(3)) * 10 + 300
    image[:, :, :4] = torch.nan
    image[0, 1, 9, 9] = torch.nan
    std = torch.tensor([10.0, 10.0])
    changed = radiometry(image, only(**{kind: 1.0}), std, rng())
    assert torch.equal(changed.isnan(), image.isnan())
    assert not torch.allclose(changed, image, equal_nan=True, atol=0.5)
    same = radiometry(image, only(), std, rng())
    torch.testing.assert_close(same, image, equal_nan=True, atol=1e-3, rtol=0)


def test_brightness_is_common_to_all_bands_and_counts_in_their_deviations() -> None:
    image = torch.zeros(500, 2, 2, 2)
    std = torch.tensor([1.0, 100.0])
    changed = radiometry(image, only(brightness=0.3), std, rng())
    torch.testing.assert_close(changed[:, 0] * 100, changed[:, 1])
    assert float(changed[:, 0, 0, 0].std()) == pytest.approx(0.3, rel=0.2)


def test_contrast_and_tint_keep_the_mean() -> None:
    image = torch.randn(8, 3, 16, 16, generator=rng(3)) * 10 + 300
    how = only(contrast=0.5, tint=0.5)
    changed = radiometry(image, how, torch.ones(3), rng())
    torch.testing.assert_close(changed.mean(dim=(2, 3)), image.mean(dim=(2, 3)), atol=1e-2, rtol=0)
    gains = changed.std(dim=(2, 3)) / image.std(dim=(2, 3))
    assert (gains > 0).all()
    assert gains.std(dim=1).min() > 0.01


def test_a_blur_keeps_a_plane_and_smooths_a_dot() -> None:
    image = torch.zeros(1, 1, 9, 9)
    image[0, 0, 4, 4] = 16
    blurred = radiometry(image, only(blur=1), torch.ones(1), rng())
    torch.testing.assert_close(blurred[0, 0, 4, 3:6], torch.tensor([2.0, 4.0, 2.0]))
    assert float(blurred.sum()) == pytest.approx(16)


@pytest.mark.parametrize(
    "setting", [{"zoom": 0.5}, {"rotate": 1.5}, {"blur": -0.1}, {"noise": -1}, {"zom": 2}]
)
def test_settings_out_of_range_are_refused(setting: dict[str, float]) -> None:
    with pytest.raises(SettingError, match=next(iter(setting))):
        Augmentation.parse(setting, "a test")
