"""What splits promise: ground that is kept apart, and verdicts that find a flattering split."""

from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import fields
from builders import make_dataset
from mapwright.data.blocks import parse_name
from mapwright.data.dataset import Dataset
from mapwright.data.describe import open_dataset
from mapwright.errors import OutputError, SettingError
from mapwright.experiment.bench import Bench
from mapwright.experiment.conduct import StudyTask, run_study
from mapwright.experiment.ground import Optimism, draw_ground, units_of
from mapwright.experiment.keys import KNOWN
from mapwright.metrics.optimism import promises
from mapwright.metrics.trials import of_hits
from mapwright.types import Window

STUDY = """
name = "splits"
metric = "mean iou"
folds = 3
[optimism]
splits = ["tiles", "block"]
tile = 16
block = 32
buffer = 16
apart = "scene"
"""


@pytest.fixture
def study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Runs a study of splits on made-up ground, with a learner of a second."""
    pytest.importorskip("optuna")
    monkeypatch.setattr(Bench, "plan", lambda bench, settings: KNOWN)
    monkeypatch.setattr(Bench, "try_out", lambda bench, configurations: None)
    monkeypatch.setattr(Bench, "environment", fields.MACHINE)
    monkeypatch.setattr(Bench, "train", fields.train_by_heart)

    def run(reach: float, text: str = STUDY, scenes: int = 6, size: int = 96) -> dict[str, Any]:
        if not (tmp_path / "data").exists():
            fields.write_fields(tmp_path / "data", scenes, size, reach)
        (tmp_path / "study.toml").write_text(text, encoding="utf-8")
        return run_study(
            StudyTask(tmp_path / "study.toml", tmp_path / "out", data=tmp_path / "data")
        )

    return run


def rows(results: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {row["split"]: row for row in results["optimism"]["rows"]}


def test_on_ground_that_hangs_together_tiles_flatter_and_blocks_do_not(
    study: Any, tmp_path: Path
) -> None:
    results = study(reach=10.0)
    tiles, block = rows(results)["tiles"], rows(results)["block"]
    assert tiles["verdict"] == "flattered"
    assert tiles["difference"] > 0.1 and tiles["interval"][0] > 0.05
    assert tiles["shown"] - tiles["kept"] == pytest.approx(tiles["difference"])
    assert abs(block["difference"]) < tiles["difference"] / 2
    said = results["findings"][0]
    assert said.startswith("a random split of tiles would have shown 0.")
    assert "where unseen scenes show 0." in said and ": flattered by 0." in said
    page = (tmp_path / "out" / "study.html").read_text(encoding="utf-8")
    assert said in page and "Wadoux" in page and "The study compares nothing" not in page


def test_on_white_noise_no_difference_is_detected(study: Any) -> None:
    results = study(reach=0.0)
    for row in results["optimism"]["rows"]:
        assert row["verdict"] == "no detectable difference"
        assert row["interval"][0] < 0 < row["interval"][1]
        assert "no detectable difference (-" in row["text"]


def test_blocks_of_one_scene_can_lie_apart(study: Any) -> None:
    text = STUDY.replace('"scene"', '"block"').replace("folds = 3", "folds = 4")
    results = study(reach=10.0, text=text, scenes=1, size=224)
    tiles = rows(results)["tiles"]
    assert tiles["verdict"] == "flattered" and "where unseen blocks show" in tiles["text"]
    assert tiles["units"] == 49


def test_a_study_of_splits_goes_on_with_more_seeds_and_refuses_other_ground(study: Any) -> None:
    first = study(reach=10.0, scenes=3, size=64)
    again = study(reach=10.0, text=STUDY.replace("folds = 3", "folds = 3\nseeds = [0, 1]"))
    assert [run["status"] for run in again["runs"]] == ["done"] * 12
    assert again["runs"][0] == first["runs"][0]
    assert rows(again)["tiles"]["trainings"] == 2
    with pytest.raises(OutputError, match="optimism: not as when the study began"):
        study(reach=10.0, text=STUDY.replace("buffer = 16", "buffer = 8"))


def test_scores_of_runs_are_told_for_both_grounds_and_images_are_scenes(study: Any) -> None:
    results = study(reach=10.0, scenes=3, size=64)
    run = results["runs"][0]
    assert run["scores"]["mean iou"] > run["scores"]["mean iou, apart"]
    assert {image["stem"] for image in run["images"]} < {"scene00", "scene01", "scene02"}
    assert results["comparisons"] == []


# --- divisions ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    root = make_dataset(tmp_path_factory.mktemp("ground"), 4, 100, bands=3)
    return open_dataset(root)


def covered(names: Any, size: int = 100) -> dict[str, np.ndarray]:
    """How often each pixel of each scene is named."""
    found: dict[str, np.ndarray] = {}
    for name in names:
        scene, window = parse_name(name)
        window = window or Window(0, 0, size, size)
        found.setdefault(scene, np.zeros((size, size), int))[window.slices] += 1
    return found


@pytest.mark.parametrize(("apart", "repeat"), list(product(["scene", "block"], [0, 1])))
def test_no_pixel_has_two_parts_and_all_ground_lies_apart_once(
    ground: Dataset, apart: str, repeat: int
) -> None:
    kinds = ("tiles", "block", "scene") if apart == "scene" else ("tiles", "block")
    asked = Optimism(splits=kinds, tile=16, block=33, buffer=7, apart=apart)
    found = draw_ground(ground, asked, 4, repeat)
    assert len(found) == 2 * len(kinds)
    for inner, outer in zip(found[::2], found[1::2], strict=True):
        once = covered(name for fold in outer.folds for name in fold.val)
        assert len(once) == 4 and all((scene == 1).all() for scene in once.values())
        for one, other in zip(inner.folds, outer.folds, strict=True):
            assert one.train == other.train and one.val and one.train
            parts = covered((*one.train, *one.val, *other.val))
            assert all((scene <= 1).all() for scene in parts.values())


def test_tiles_touch_what_is_learnt_from_and_blocks_and_ground_apart_do_not(
    ground: Dataset,
) -> None:
    asked = Optimism(splits=("tiles", "block"), tile=16, block=33, buffer=7, apart="block")
    tiles, tiles_apart, block, block_apart = draw_ground(ground, asked, 4, 0)
    assert nearest(tiles.folds[0].train, tiles.folds[0].val) == 0
    for other, held in ((block, block), (tiles, tiles_apart), (block, block_apart)):
        for learnt, fold in zip(other.folds, held.folds, strict=True):
            assert nearest(learnt.train, fold.val) >= 7


def nearest(first: Any, second: Any) -> int:
    """Pixels between the nearest two windows of the same scene."""
    gaps = [1000]
    for one, other in product(first, second):
        (scene, a), (same, b) = parse_name(one), parse_name(other)
        if scene == same and a and b:
            rows_apart = max(a.row - b.row - b.height, b.row - a.row - a.height, 0)
            cols_apart = max(a.col - b.col - b.width, b.col - a.col - a.width, 0)
            gaps.append(max(rows_apart, cols_apart))
    return min(gaps)


def test_scenes_that_stand_together_lie_apart_together_and_are_one_unit(tmp_path: Path) -> None:
    root = make_dataset(tmp_path, 6, 64, bands=3)
    plain = open_dataset(root)
    together = [["00", "01", "02"], ["03", "04"]]
    split = plain.spec.split.model_copy(update={"together": together})
    spec = plain.spec.model_copy(update={"split": split})
    dataset = Dataset(plain.root, spec)
    asked = Optimism(splits=("scene",), tile=16, block=32, buffer=0)
    for fold in draw_ground(dataset, asked, 3, 0)[1].folds:
        stems = set(fold.val)
        assert all(stems >= set(same) or not stems & set(same) for same in together)
    names = [f"0{k}[0:16,0:16]" for k in range(6)]
    few = units_of(names, dataset, asked)
    assert len(set(few.values())) == 6, "three groups are too few: blocks are drawn"


def test_too_little_ground_is_one_clear_error(ground: Dataset, tmp_path: Path) -> None:
    asked = Optimism(splits=("scene",), tile=16, block=33, buffer=0)
    with pytest.raises(SettingError, match="5 folds of 4"):
        draw_ground(ground, asked, 5, 0)
    alone = Optimism(splits=("block",), tile=60, block=200, buffer=0, apart="scene")
    two = open_dataset(make_dataset(tmp_path, 2, 100, bands=3))
    with pytest.raises(SettingError, match="the ground apart is 1 blocks"):
        draw_ground(two, alone, 2, 0)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"splits": ["tiles", "tiles"]}, "each of splits once"),
        ({"block": 40}, "two tiles wide"),
        ({"splits": ["scene"], "apart": "block"}, "needs apart"),
        ({"splits": []}, "splits"),
        ({"splits": ["squares"]}, "splits"),
    ],
)
def test_what_makes_no_sense_is_refused(change: dict[str, Any], message: str) -> None:
    given = {"splits": ["tiles"], "tile": 32, "block": 64, "buffer": 0, **change}
    with pytest.raises(SettingError, match=message):
        Optimism.parse(given, "a test")


def test_a_study_of_splits_compares_no_settings(study: Any) -> None:
    for more in ('[factors]\nloss = ["dice"]\n', "[[rungs]]\nkeep = 2\n"):
        with pytest.raises(SettingError, match=r"\[optimism\] goes without"):
            study(reach=0.0, text=STUDY + more, scenes=3, size=64)


def test_ground_that_lies_apart_may_not_choose_the_weights(study: Any) -> None:
    best = '[base]\nkeep = "best"\n'
    text = STUDY.replace("[base]\n", best) if "[base]" in STUDY else STUDY + best
    with pytest.raises(SettingError, match="apart"):
        study(reach=0.0, text=text, scenes=3, size=64)


# --- the statistic --------------------------------------------------------------------------------


def made_up(
    rng: np.random.Generator, flattery: float, units: int = 40, seeds: int = 1
) -> tuple[np.ndarray, np.ndarray]:
    """(seeds, units, 3) hits, false alarms and misses, held out and apart, IoU about 0.6."""
    hard = rng.normal(0, 0.08, (1, units))  # places differ, the same in both
    tables = []
    for more, pixels in ((flattery, 600), (0.0, 3000)):
        iou = np.clip(0.6 + more + hard + rng.normal(0, 0.05, (seeds, units)), 0.01, 0.99)
        total = np.round(pixels * rng.lognormal(0, 0.3, (1, units)))
        hits = np.round(iou * total)
        tables.append(np.stack([hits, np.round((total - hits) / 2), (total - hits) // 2], -1))
    return tables[0], tables[1]


def test_false_alarms_are_as_rare_as_they_say_and_a_gap_is_found() -> None:
    rng = np.random.default_rng(5)
    measure = of_hits("IoU")
    many = 200
    none = [promises({"tiles": made_up(rng, 0.0)}, measure)[0] for _ in range(many)]
    alarms = sum(one.verdict != "no detectable difference" for one in none)
    held = sum(one.interval[0] <= 0 <= one.interval[1] for one in none)
    assert alarms <= 0.08 * many and held >= 0.92 * many
    gap = [promises({"tiles": made_up(rng, 0.1)}, measure)[0] for _ in range(50)]
    assert sum(one.verdict == "flattered" for one in gap) >= 45
    assert sum(one.interval[0] <= 0.1 <= one.interval[1] for one in gap) >= 44


def test_several_divisions_are_corrected_for_and_order_does_not_matter() -> None:
    rng = np.random.default_rng(1)
    tables = {"tiles": made_up(rng, 0.1), "block": made_up(rng, 0.0)}
    both = promises(tables, of_hits("IoU"))
    back = promises(dict(reversed(tables.items())), of_hits("IoU"))
    assert both == tuple(reversed(back))
    alone = promises({"tiles": tables["tiles"]}, of_hits("IoU"))[0]
    assert both[0].p == pytest.approx(2 * alone.p) and both[0].shown == alone.shown


def test_units_without_pixels_and_missing_trainings_change_nothing() -> None:
    shown, kept = made_up(np.random.default_rng(2), 0.1)
    plain = promises({"tiles": (shown, kept)}, of_hits("IoU"))[0]
    more = [np.concatenate([t, np.zeros((1, 30, 3))], axis=1) for t in (shown, kept)]
    assert promises({"tiles": tuple(more)}, of_hits("IoU"))[0] == plain
    late = [np.concatenate([t, np.full_like(t, np.nan)]) for t in (shown, kept)]
    assert promises({"tiles": tuple(late)}, of_hits("IoU"))[0] == plain


def test_one_unit_can_not_be_judged() -> None:
    shown, kept = made_up(np.random.default_rng(2), 0.1, units=1)
    (one,) = promises({"tiles": (shown, kept)}, of_hits("IoU"))
    assert one.verdict == "can't be judged" and one.p == 1
    assert "too little was scored" in one.sentence("scene")
    assert one.plain()["interval"] == [None, None]
