import math
import tomllib

import pytest

from mapwright.data.augmentation import Augmentation
from mapwright.data.fingerprint import BandStats, ClassStats, Fingerprint
from mapwright.data.settings import parse_settings
from mapwright.data.variation import FEW
from mapwright.errors import SettingError
from mapwright.hardware import Hardware, detect_hardware
from mapwright.plan import Plan
from mapwright.planning import make_plan

FAST = Hardware("cpu", "fast one", 8, 2**34, bfloat16=True)
SLOW = Hardware("cpu", "slow one", 2, 2**33, bfloat16=False)


def fingerprint(side: int = 256, **more) -> Fingerprint:
    band = BandStats(name="red", mean=1, std=1, minimum=0, maximum=2)
    entry = ClassStats(name="roof", pixels=5, images=2, objects=2, object_pixels=(1, 2, 3))
    return Fingerprint(
        bands=(band,), classes=(entry, entry), heights=(side, 900), widths=(800, 700), **more
    )


@pytest.mark.parametrize(("side", "patch"), [(256, 256), (255, 224), (1000, 256), (20, 32)])
def test_the_patch_follows_the_smallest_image(side: int, patch: int) -> None:
    planned = make_plan(fingerprint(side), FAST)
    assert planned.plan.patch == patch
    assert str(side if side < 700 else 700) in planned.reasons["patch"]


@pytest.mark.parametrize(
    ("size", "tile"),
    [
        ((256, 256), 256),
        ((768, 768), 768),  # one whole image
        ((600, 500), 608),  # as well, rounded up
        ((850, 300), 512),
        ((10980, 10980), 512),
        ((20, 20), 32),
    ],
)
def test_maps_are_made_from_whole_images_or_large_tiles(size: tuple[int, int], tile: int) -> None:
    images = fingerprint().model_copy(update={"heights": size[:1], "widths": size[1:]})
    planned = make_plan(images, FAST)
    assert planned.plan.tile == tile
    assert planned.plan.overlap == (0.25 if tile >= 512 else 0.5)
    assert make_plan(images, FAST, {"tile": 96}).plan.tile == 96


@pytest.mark.parametrize(
    "network",
    [{"architecture": "pspnet"}, {"encoder": "mit_b0"}, {"encoder": "efficientnet-b0"},
     {"build": "package:function"}],
)  # fmt: skip
def test_a_network_that_sees_the_whole_tile_gets_tiles_as_learnt_from(network: dict) -> None:
    plan = make_plan(fingerprint(900), FAST, network).plan
    assert plan.tile == plan.patch == 256
    assert plan.overlap == 0.5


def test_precision_follows_the_machine() -> None:
    assert make_plan(fingerprint(), FAST).plan.precision == "bfloat16"
    assert make_plan(fingerprint(), SLOW).plan.precision == "float32"


def test_a_value_set_by_hand_wins_and_the_rest_follows() -> None:
    planned = make_plan(fingerprint(), FAST, {"patch": 64, "augmentation": {"zoom": 1.0}})
    assert (planned.plan.patch, planned.plan.batch) == (64, 32)
    assert planned.plan.augmentation.zoom == 1
    assert planned.reasons["patch"] == "set by hand"


def test_an_unknown_or_impossible_setting_is_refused() -> None:
    with pytest.raises(SettingError, match=r"unknown key 'step'[\s\S]*'steps'"):
        make_plan(fingerprint(), FAST, {"step": 3})
    with pytest.raises(SettingError, match="batch"):
        make_plan(fingerprint(), FAST, {"batch": 0})


def test_the_written_plan_says_why_and_reads_back() -> None:
    planned = make_plan(fingerprint(), FAST)
    text = planned.to_toml()
    assert "# fast one multiplies bfloat16" in text
    assert Plan.parse(tomllib.loads(text), "plan.toml") == planned.plan


def test_settings_from_the_command_line() -> None:
    pairs = ("steps=20", "encoder=mit_b0", "augmentation.zoom = 1.5", "channels_last=false")
    assert parse_settings(pairs) == {
        "steps": 20,
        "encoder": "mit_b0",
        "augmentation": {"zoom": 1.5},
        "channels_last": False,
    }
    with pytest.raises(SettingError, match="key=value"):
        parse_settings(("steps",))


def test_this_machine_is_known() -> None:
    hardware = detect_hardware()
    assert hardware.cores >= 1
    assert hardware.memory > 2**28


def test_the_batch_is_halved_until_it_fits() -> None:
    def memory(plan: Plan) -> int:
        return plan.batch * 2**31

    planned = make_plan(fingerprint(), SLOW, memory=memory)
    assert planned.plan.batch == 2
    assert planned.memory == 2 * 2**31
    assert "halved" in planned.reasons["batch"]


def test_a_training_that_can_not_fit_is_refused() -> None:
    with pytest.raises(SettingError, match=r"would take 100\.0 GiB"):
        make_plan(fingerprint(), SLOW, memory=lambda plan: 100 * 2**30)
    with pytest.raises(SettingError, match="batch 16"):
        make_plan(fingerprint(), SLOW, {"batch": 16, "patch": 64}, memory=lambda p: p.batch * 2**30)


def test_folds_keep_the_last_weights() -> None:
    assert make_plan(fingerprint(), FAST, folds=5).plan.keep == "last"
    assert make_plan(fingerprint(), FAST, folds=1).plan.keep == "best"


def test_the_patch_is_also_given_on_the_ground() -> None:
    assert "128 m on the ground" in make_plan(fingerprint(gsd=0.5), FAST).reasons["patch"]


def test_smaller_tiles_come_in_larger_batches() -> None:
    assert (
        make_plan(fingerprint(128), FAST).plan.batch > make_plan(fingerprint(256), FAST).plan.batch
    )


def stats(share: float) -> ClassStats:
    return ClassStats(
        name="mire", pixels=int(share * 1000), images=1, objects=1, object_pixels=(1, 1, 1)
    )


def test_a_rare_class_gets_its_share_of_tiles() -> None:
    print_ = fingerprint().model_copy(update={"classes": (stats(0.99), stats(0.01))})
    planned = make_plan(print_, FAST)
    assert planned.plan.rare > 0
    assert "mire, has 1.00%" in planned.reasons["rare"]
    common = fingerprint().model_copy(update={"classes": (stats(0.6), stats(0.4))})
    assert make_plan(common, FAST).plan.rare == 0


def test_bands_with_a_long_tail_are_clipped() -> None:
    band = BandStats(
        name="swir", mean=1, std=1, minimum=0, maximum=900, percentiles=(0.1, 0.2, 1, 2, 3)
    )
    planned = make_plan(fingerprint().model_copy(update={"bands": (band,)}), FAST)
    assert planned.plan.normalisation == "clipped"
    assert "swir reaches far beyond" in planned.reasons["normalisation"]
    calm = band.model_copy(update={"maximum": 4.0})
    planned = make_plan(fingerprint().model_copy(update={"bands": (calm,)}), FAST)
    assert planned.plan.normalisation == "standardised"


def test_spectra_are_varied_little() -> None:
    colours = make_plan(fingerprint(), FAST)
    four = fingerprint().model_copy(update={"bands": fingerprint().bands * 4})
    spectra = make_plan(four, FAST, {"augmentation": {"tint": 0.5, "zoom": 1.1}})
    assert "values themselves" in make_plan(four, FAST).reasons["augmentation"]
    faint, strong = spectra.plan.augmentation, colours.plan.augmentation
    assert faint.brightness < strong.brightness
    assert faint.blur == 0
    assert (faint.tint, faint.zoom) == (0.5, 1.1)  # as set by hand
    assert (faint.rotate, faint.reflect) == (strong.rotate, strong.reflect)
    stored = make_plan(four, FAST, {"augmentation": strong.plain()})  # a plan that is read again
    assert stored.plan.augmentation == strong


def test_few_epochs_are_not_worth_varying() -> None:
    seen = fingerprint().pixels
    enough = math.ceil(FEW * seen / (8 * 256**2))
    short = make_plan(fingerprint(), FAST, {"steps": enough - 1})
    assert short.plan.augmentation.context == 1
    assert not short.plan.augmentation.reflect
    assert f"fewer than {FEW}" in short.reasons["augmentation"]
    usual = make_plan(fingerprint(), FAST, {"steps": enough}).plan.augmentation
    assert usual == Augmentation()
    by_hand = {"steps": 1, "augmentation": {"reflect": True}}
    assert make_plan(fingerprint(), FAST, by_hand).plan.augmentation.reflect
    assert make_plan(fingerprint(), FAST, by_hand).plan.augmentation.brightness == 0
    assert make_plan(fingerprint(), FAST, {"steps": 1, "gate": 0.2}).plan.augmentation.reflect


def test_a_zoom_set_by_hand_is_not_idle_where_nothing_else_is_varied() -> None:
    zoom = make_plan(fingerprint(), FAST, {"steps": 1, "augmentation": {"zoom": 2.0}})
    assert (zoom.plan.augmentation.zoom, zoom.plan.augmentation.zoom_rate) == (2.0, 0.5)
    rate = make_plan(fingerprint(), FAST, {"steps": 1, "augmentation": {"zoom_rate": 1.0}})
    assert (rate.plan.augmentation.zoom, rate.plan.augmentation.reflect) == (1.4, False)


def test_a_batch_that_is_halved_halves_the_epochs_too() -> None:
    steps = math.ceil(1.5 * FEW * fingerprint().pixels / (8 * 256**2))
    settings = {"steps": steps}
    assert make_plan(fingerprint(), FAST, settings).plan.augmentation.varies
    small = make_plan(fingerprint(), FAST, settings, memory=lambda plan: plan.batch * 2**31)
    assert small.plan.batch == 4
    assert not small.plan.augmentation.varies
    assert f"fewer than {FEW}" in small.reasons["augmentation"]
    by_hand = {**settings, "augmentation": {"blur": 0.5}}
    small = make_plan(fingerprint(), FAST, by_hand, memory=lambda plan: plan.batch * 2**31)
    assert small.plan.augmentation.blur == 0.5
    assert small.reasons["augmentation"] == "set by hand"


def test_tiles_shrink_with_what_is_learnt_from_where_a_network_sees_all_of_them() -> None:
    def memory(plan: Plan) -> int:
        return plan.batch * plan.patch**2 * 2**17

    plan = make_plan(fingerprint(900), FAST, {"encoder": "mit_b0"}, memory=memory).plan
    assert plan.tile == plan.patch < 256


def test_every_value_has_its_reason() -> None:
    planned = make_plan(fingerprint(), FAST)
    told = {"clip", "fold_steps", "save_every", "seed"}
    assert set(planned.plan.plain()) - set(planned.reasons) == told


def test_what_is_counted_says_what_decisions_are_tuned_for() -> None:
    assert make_plan(fingerprint(), FAST).plan.tune_for == "mean_iou"
    planned = make_plan(fingerprint(), FAST, objects=True)
    assert planned.plan.tune_for == "f2"
    assert "F2" in planned.reasons["tune_for"]
    by_hand = make_plan(fingerprint(), FAST, {"tune_for": "dice_mean"}, objects=True)
    assert by_hand.plan.tune_for == "dice_mean"


@pytest.mark.parametrize(("aim", "objects"), [("f2", False), ("mean_iou", True), ("f3", True)])
def test_decisions_can_not_be_tuned_for_what_is_not_counted(aim: str, objects: bool) -> None:
    with pytest.raises(SettingError, match="tune_for"):
        make_plan(fingerprint(), FAST, {"tune_for": aim}, objects=objects)
