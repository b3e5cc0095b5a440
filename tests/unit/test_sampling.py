import numpy as np
import pytest

from mapwright.data.dataset import Sample
from mapwright.data.fingerprint import (
    BandStats,
    ClassStats,
    Fingerprint,
    Record,
    look_at,
    merge,
)
from mapwright.data.sampling import how_empty
from mapwright.errors import SettingError
from mapwright.hardware import Hardware
from mapwright.plan import Plan
from mapwright.planning import make_plan
from mapwright.types import IGNORE

FAST = Hardware("cpu", "fast one", 8, 2**34, bfloat16=True)


def ships(share: float = 0.001, images: int = 100, empty: int = 77, **more: float) -> Fingerprint:
    """Images of 768 x 768 pixels, of which `share` are on ships."""
    total = images * 768**2
    sea = ClassStats(
        name="sea", pixels=round(total * (1 - share)), images=images, objects=images,
        object_pixels=(9e5, 9e5, 9e5),
    )  # fmt: skip
    ship = ClassStats(
        name="ship", pixels=round(total * share), images=images - empty, objects=40,
        object_pixels=(20.0, more.get("size", 120.0), more.get("largest", 900.0)),
    )  # fmt: skip
    return Fingerprint(
        bands=(BandStats(name="red", mean=1, std=1, minimum=0, maximum=2),),
        classes=(sea, ship),
        heights=(768,) * images,
        widths=(768,) * images,
        empty=empty,
    )


def test_mostly_empty_images_are_learnt_from_as_such() -> None:
    planned = make_plan(ships(), FAST)
    plan = planned.plan
    assert (plan.rare, plan.empty, plan.mining, plan.gate) == (0.5, 0.25, 0.5, 0.2)
    assert (plan.loss, plan.smooth) == ("dice+focal", 120.0)
    for key in ("rare", "loss", "gate"):
        assert "77 of 100 images hold no object" in planned.reasons[key]


@pytest.mark.parametrize(
    ("largest", "patch"), [(30**2, 128), (48**2, 192), (60**2, 224), (300**2, 256)]
)
def test_tiles_are_as_small_as_counted_objects_allow(largest: float, patch: int) -> None:
    planned = make_plan(ships(largest=largest), FAST, objects=True)
    assert planned.plan.patch == patch
    assert ("nine of ten objects have fewer pixels" in planned.reasons["patch"]) == (patch < 256)
    assert planned.plan.batch == (16 if patch == 128 else 8)


def test_other_images_are_learnt_from_in_large_tiles() -> None:
    assert make_plan(ships(0.3, empty=0), FAST, objects=True).plan.patch == 256
    assert make_plan(ships(), FAST).plan.patch == 256  # nothing is counted


@pytest.mark.parametrize("key", ["rare", "empty", "mining", "gate", "loss", "smooth", "alarm"])
def test_each_setting_has_its_reason_either_way(key: str) -> None:
    assert make_plan(ships(), FAST).reasons[key]
    assert make_plan(ships(0.3, empty=0), FAST).reasons[key]


def test_other_images_are_learnt_from_as_before() -> None:
    plan = make_plan(ships(0.3, empty=50), FAST).plan
    assert plan.loss == "dice+cross_entropy"
    assert (plan.rare, plan.empty, plan.mining, plan.gate, plan.smooth) == (0, 0, 0, 0, 1)


def test_scenes_with_few_objects_each_are_mostly_empty_too() -> None:
    planned = make_plan(ships(0.0005, empty=0), FAST)
    assert planned.plan.mining > 0
    assert planned.plan.gate > 0
    assert "0.050% of the pixels" in planned.reasons["gate"]
    assert "from anywhere" in planned.reasons["empty"]


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_images_of_one_class_alone_have_nothing_to_look_for(share: float) -> None:
    assert how_empty(ships(share, empty=100 if share == 0 else 0)) == ""
    assert make_plan(ships(share, empty=0), FAST).plan.gate == 0


def test_a_size_below_one_pixel_is_no_size() -> None:
    assert make_plan(ships(size=0.0), FAST).plan.smooth == 1


def test_a_share_set_by_hand_leaves_the_rest_to_the_others() -> None:
    planned = make_plan(ships(), FAST, {"empty": 0.8})
    assert planned.plan.rare == pytest.approx(0.2)
    assert "20% of the tiles" in planned.reasons["rare"]
    assert make_plan(ships(0.01, empty=0), FAST, {"empty": 0.9}).plan.rare == pytest.approx(0.1)


def test_more_than_all_tiles_are_refused() -> None:
    with pytest.raises(SettingError, match="more than all tiles"):
        make_plan(ships(), FAST, {"empty": 0.6, "rare": 0.6})


@pytest.mark.parametrize(
    ("key", "value"), [("gate", -1), ("mining", 2), ("alarm", 1.2), ("smooth", 0), ("build", "a b")]
)
def test_impossible_values_are_refused(key: str, value: object) -> None:
    with pytest.raises(SettingError, match=key):
        Plan.parse({key: value}, "settings")


def test_plans_of_older_files_mean_what_they_meant() -> None:
    old = Plan.parse({"loss": "dice+cross_entropy", "rare": 0.33}, "an old file")
    assert (old.empty, old.mining, old.gate, old.smooth, old.alarm) == (0, 0, 0, 1, 0.5)
    assert old.build == ""


def test_empty_images_are_counted_in_any_subset() -> None:
    def one(stem: str, *values: int) -> Record:
        mask = np.array([values], np.uint8)
        return look_at(stem, Sample(np.ones((1, 1, 3), np.float32), mask, mask), 2, None)

    records = [
        one("a", 0, 0, 0), one("b", 0, 1, 0), one("c", IGNORE, IGNORE, IGNORE),
        one("d", IGNORE, 0, IGNORE), one("e", 1, 1, 1),
    ]  # fmt: skip
    assert merge(records, ["red"], ["sea", "ship"]).empty == 2
    assert merge(records[1:3], ["red"], ["sea", "ship"]).empty == 0
    assert merge(records[3:], ["red"], ["sea", "ship"]).empty == 1
