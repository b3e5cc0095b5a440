"""What a network is shown of borders: from every kind of list, in batches, plans and losses."""

import json
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from rasterio import Affine

from builders import make_spec, write_png, write_tiff
from mapwright.data.borders import Borders
from mapwright.data.dataset import Dataset
from mapwright.data.fingerprint import Fingerprint, merge, survey, take_fingerprint
from mapwright.data.tiles import SampleCache, TrainingTiles
from mapwright.errors import SettingError
from mapwright.hardware import Hardware
from mapwright.losses import border_loss, soft_dice
from mapwright.models.inputs import Look
from mapwright.plan import Plan
from mapwright.planning import make_plan
from mapwright.training.judge import judge
from mapwright.types import IGNORE, Window

PLACE = Affine(10, 0, 5e5, 0, -10, 6e6)
SHIP = [
    {"name": name, "values": [k], "color": "#000000", "objects": k == 1}
    for k, name in enumerate(("sea", "ship"))
]
BEFORE = np.zeros((6, 8), np.uint8)
BEFORE[:, 1:3] = 1


def dataset(root: Path, **changes: Any) -> Dataset:
    """One image of 6 x 8 pixels; its objects are columns 0 and 1, 2 and 3, and 6."""
    pixels = np.full((3, 6, 8), 7, np.uint8)
    pixels[:, :2] = 60
    write_tiff(
        root / "images" / "a.tif", pixels, crs="EPSG:32633", transform=PLACE,
        photometric="minisblack",
    )  # fmt: skip
    spec = {"images": "images/*.tif", "masks": None, "classes": SHIP}
    return Dataset(root, make_spec(**{**spec, **changes}))


def table(root: Path, *rows: str, **changes: Any) -> Dataset:
    lines = "".join(f"a.tif,{row}\n" for row in rows or ("1 12", "13 12", "37 6"))
    (root / "runs.csv").write_text("ImageId,EncodedPixels\n" + lines)
    return dataset(root, mask={"source": "rle:runs.csv"}, **changes)


def coco(root: Path) -> Dataset:
    boxes = [[left, 0, right, 0, right, 6, left, 6] for left, right in ((0, 2), (2, 4), (6, 7))]
    content = {
        "images": [{"id": 1, "file_name": "a.tif", "height": 6, "width": 8}],
        "categories": [{"id": 1, "name": "ship"}],
        "annotations": [
            {"id": k, "image_id": 1, "category_id": 1, "segmentation": [box]}
            for k, box in enumerate(boxes)
        ],
    }
    (root / "all.json").write_text(json.dumps(content))
    return dataset(root, mask={"source": "coco:all.json"})


def polygons(root: Path) -> Dataset:
    def box(left: int, right: int) -> dict[str, Any]:
        (x, y), down = (5e5, 6e6), 60
        ring = [[x + 10 * c, y - r] for c, r in
                ((left, 0), (right, 0), (right, down), (left, down), (left, 0))]  # fmt: skip
        shape = {"type": "Polygon", "coordinates": [ring]}
        return {"type": "Feature", "properties": {}, "geometry": shape}

    name = {"type": "name", "properties": {"name": "urn:ogc:def:crs:EPSG::32633"}}
    features = [box(0, 2), box(2, 4), box(6, 7)]
    text = {"type": "FeatureCollection", "crs": name, "features": features}
    (root / "a.geojson").write_text(json.dumps(text))
    return dataset(root, masks="a.geojson", mask={"source": "polygons"})


@pytest.mark.parametrize("made", [table, coco, polygons])
@pytest.mark.parametrize("whole", [0, 10**6])
def test_every_kind_of_list_shows_the_same_border(tmp_path: Path, made: Any, whole: int) -> None:
    data = made(tmp_path)
    borders = Borders(data, 1, 1, whole)
    found = borders.read(data.items[0], Window(-1, -1, 8, 10))
    # one pixel on either side of the shared edge, and the gap of two pixels, which both are near
    assert found[1:7, 1:9].tolist() == [[0, 1, 1, 0, 1, 1, 0, 0]] * 6
    assert take_fingerprint(data, data.items).touching == 2
    assert take_fingerprint(data, data.items).listed == 3


def test_a_batch_knows_borders_as_far_as_the_mask_knows_anything(tmp_path: Path) -> None:
    data = table(tmp_path, valid={"nodata": 60})  # the first two rows are invalid
    cache = SampleCache(data, 2**20)
    tiles = TrainingTiles(
        cache, data.items, [(6, 8)], patch=32, context=1.0, batch=2, seed=0,
        borders=cache.borders(1, 1),
    )  # fmt: skip
    batch = tiles.draw(0)
    assert batch.border is not None and batch.border.dtype == torch.int64
    assert batch.labels.shape == (2, 2, 32, 32)
    assert torch.equal(batch.labels[:, 0], batch.mask)
    assert ((batch.border == IGNORE) == (batch.mask == IGNORE)).all()
    window = batch.places[0][1]
    inside = batch.border[0, -window.row : 6 - window.row, -window.col : 8 - window.col]
    assert inside.tolist() == [[IGNORE] * 8] * 2 + [[0, 1, 1, 0, 1, 1, 0, 0]] * 4
    assert cache.borders(1, 1) is cache.borders(1, 1)
    assert cache.borders(1, 2) is not cache.borders(1, 1)


def test_without_borders_a_batch_is_what_it_was(tmp_path: Path) -> None:
    data = table(tmp_path)
    tiles = [
        TrainingTiles(
            SampleCache(data, 2**20), data.items, [(6, 8)], patch=32, context=1.5, batch=2, seed=0,
            borders=borders,
        ).draw(3)
        for borders in (None, Borders(data, 1, 1))
    ]  # fmt: skip
    assert tiles[0].border is None and tiles[0].labels.shape[1] == 1
    assert tiles[0].places == tiles[1].places
    assert torch.equal(tiles[0].mask, tiles[1].mask)


def test_masks_that_tell_nothing_apart_show_no_border(tmp_path: Path) -> None:
    write_png(tmp_path / "masks" / "a.png", BEFORE)
    data = dataset(tmp_path, masks="masks/*.png")
    assert not Borders(data, 1, 1).read(data.items[0], Window(0, 0, 6, 8)).any()
    found = take_fingerprint(data, data.items)
    assert (found.listed, found.touching) == (0, 0)


def test_objects_that_are_not_counted_are_not_looked_at(tmp_path: Path) -> None:
    plain = [{k: v for k, v in entry.items() if k != "objects"} for entry in SHIP]
    found = take_fingerprint(table(tmp_path, classes=plain), table(tmp_path).items)
    assert found.listed == 0


def test_records_of_images_add_up_and_older_files_have_none(tmp_path: Path) -> None:
    data = table(tmp_path)
    record = survey(data, data.items)["a"]
    both = merge([record, record], data.spec.band_names, data.spec.class_names)
    assert (both.listed, both.touching) == (6, 4)
    plain = both.plain()
    del plain["listed"], plain["touching"]
    assert Fingerprint.parse(plain, "a test").touching == 0


# --- the plan -------------------------------------------------------------------------------------

FAST = Hardware("a test", "cpu", 4, 2**40, False)


def fingerprint(root: Path, size: float = 50, **changes: Any) -> Fingerprint:
    found = take_fingerprint(table(root), table(root).items)
    kinds = [entry.model_copy(update={"object_pixels": (1, size, 9)}) for entry in found.classes]
    return found.model_copy(update={"classes": tuple(kinds), **changes})


@pytest.mark.parametrize(("size", "width"), [(50, 1), (299, 1), (300, 2), (1999, 2), (2000, 3)])
def test_borders_are_planned_where_objects_touch(tmp_path: Path, size: float, width: int) -> None:
    planned = make_plan(fingerprint(tmp_path, size), FAST, objects=True)
    assert planned.plan.border == width
    assert "2 of 3 objects (66.7%) touch another" in planned.reasons["border"]
    assert "2 of 3 objects" in planned.to_toml()


@pytest.mark.parametrize(
    ("changes", "objects", "reason"),
    [
        ({"touching": 0}, True, "none of 3 objects touches another"),
        ({"touching": 0, "listed": 0}, True, "don't tell objects apart"),
        ({}, False, "no objects are counted"),
    ],
)
def test_elsewhere_they_cost_nothing(
    tmp_path: Path, changes: dict[str, int], objects: bool, reason: str
) -> None:
    planned = make_plan(fingerprint(tmp_path, **changes), FAST, objects=objects)
    assert planned.plan.border == 0
    assert reason in planned.reasons["border"]


def test_what_was_set_by_hand_stands_if_anything_can_be_learnt(tmp_path: Path) -> None:
    assert make_plan(fingerprint(tmp_path), FAST, {"border": 0}, objects=True).plan.border == 0
    none_touch = fingerprint(tmp_path, touching=0)
    assert make_plan(none_touch, FAST, {"border": 3}, objects=True).plan.border == 3
    with pytest.raises(SettingError, match="border is 1, and the masks don't tell"):
        make_plan(fingerprint(tmp_path, listed=0, touching=0), FAST, {"border": 1}, objects=True)
    assert Plan.parse({"steps": 3}, "an older file").border == 0


# --- the loss -------------------------------------------------------------------------------------


def borders() -> tuple[torch.Tensor, torch.Tensor]:
    rng = torch.Generator().manual_seed(0)
    target = (torch.rand(2, 8, 8, generator=rng) < 0.1).long()
    assert target.sum() > 2
    return torch.randn(2, 8, 8, generator=rng), target


def test_ignored_pixels_weigh_exactly_nothing() -> None:
    logits, target = borders()
    target[:, :, 3:] = IGNORE
    target[0, 0, 0] = 1
    wild = logits.clone()
    wild[:, :, 3:] = 1e4 * torch.randn_like(wild[:, :, 3:])
    assert border_loss(logits, target).item() == border_loss(wild, target).item()
    wild.requires_grad_()
    border_loss(wild, target).backward()
    assert wild.grad is not None
    assert (wild.grad[:, :, 3:] == 0).all()
    assert (wild.grad[:, :, :3] != 0).any()


def test_where_nothing_is_known_nothing_is_learnt() -> None:
    logits, target = borders()
    logits.requires_grad_()
    value = border_loss(logits, torch.full_like(target, IGNORE))
    value.backward()
    assert value.item() == 0
    assert logits.grad is not None and not logits.grad.any()


def test_the_loss_by_hand() -> None:
    # of three pixels one is a border: it weighs 10 of 12; all are thought one half
    logits, target = torch.zeros(1, 1, 3), torch.tensor([[[1, 0, 0]]])
    dice = 1 - (2 * 0.5 + 1) / (1.5 + 1 + 1)
    assert border_loss(logits, target).item() == pytest.approx(np.log(2) + dice)
    sure = torch.tensor([[[0.0, -30, -30]]])
    dice = 1 - (2 * 0.5 + 1) / (0.5 + 1 + 1)
    assert border_loss(sure, target).item() == pytest.approx(10 / 12 * np.log(2) + dice)
    right = torch.tensor([[[30.0, -30, -30]]])
    assert border_loss(right, target).item() == pytest.approx(0, abs=1e-6)


def test_a_batch_without_a_border_still_pushes_false_ones_down() -> None:
    logits = torch.full((1, 4, 4), 1.0, requires_grad=True)
    border_loss(logits, torch.zeros(1, 4, 4, dtype=torch.int64)).backward()
    assert logits.grad is not None and (logits.grad > 0).all()


def test_the_loss_of_a_batch_counts_borders_where_the_model_says_them() -> None:
    border, target = borders()
    mask = torch.randint(0, 2, (2, 8, 8), generator=torch.Generator().manual_seed(1))
    logits = torch.stack([border, -border], dim=1)
    plan, labels = Plan(), torch.stack([mask, target], dim=1)
    alone = judge(Look(logits), labels[:, :1], plan)
    assert judge(Look(logits), labels, plan).item() == alone.item()
    both = judge(Look(logits, border=border), labels, plan)
    assert both.item() == pytest.approx(alone.item() + 0.5 * border_loss(border, target).item())
    assert soft_dice(logits, mask) < both


def test_threads_that_want_the_border_of_one_image_look_for_it_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data, looks, look = table(tmp_path), [], Borders._look

    def slow(self: Borders, item: Any, window: Window) -> Any:
        looks.append(item.stem)
        time.sleep(0.01)
        return look(self, item, window)

    monkeypatch.setattr(Borders, "_look", slow)
    borders = Borders(data, 1, 1)
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: borders.read(data.items[0], Window(0, 0, 6, 8)), range(8)))
    assert looks == [data.items[0].stem]
    assert all(np.array_equal(one, found[0]) for one in found)
    assert found[0].any()
