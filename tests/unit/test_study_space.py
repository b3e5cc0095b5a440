"""What a search may choose from."""

from pathlib import Path

import pytest

from mapwright.errors import SettingError
from mapwright.experiment.claims import open_storage
from mapwright.experiment.search import SearchTask, run_search
from mapwright.experiment.space import Range, read_space, suggest

optuna = pytest.importorskip("optuna")


def written(folder: Path, text: str) -> Path:
    path = folder / "space.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_lists_and_ranges_are_told_apart_and_names_may_be_nested(tmp_path: Path) -> None:
    text = (
        "[base]\npatch = 64\n[space]\nloss = ['dice', 'cross_entropy']\n"
        "learning_rate = {low = 1e-4, high = 1e-2, log = true}\n"
        "augmentation.zoom = {low = 1, high = 2}\n"
    )
    space = read_space(written(tmp_path, text))
    assert space.choices == {
        "loss": ["dice", "cross_entropy"],
        "learning_rate": Range(low=1e-4, high=1e-2, log=True),
        "augmentation.zoom": Range(low=1, high=2),
    }
    assert space.base_settings == {"keep": "last", "patch": 64}


def test_whole_settings_get_whole_numbers_and_others_any(tmp_path: Path) -> None:
    study = optuna.create_study(storage=open_storage(None, tmp_path))
    batches, zooms = set(), set()
    for _ in range(20):
        trial = study.ask()
        batches.add(suggest(trial, "batch", Range(low=4, high=16, step=4)))
        zooms.add(suggest(trial, "augmentation.zoom", Range(low=1, high=2)))
        study.tell(trial, 0.0)
    assert batches <= {4, 8, 12, 16} and all(type(b) is int for b in batches)
    assert len(zooms) == 20 and all(1 <= zoom <= 2 for zoom in zooms)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "space"),
        ("[space]\nlos = ['dice']", "no setting 'los'"),
        ("[space]\nloss = ['dicee']", "loss"),
        ("[space]\nloss = 'dice'", "nothing to choose from"),
        ("[space]\nloss = {low = 1, high = 2}", "loss is no number"),
        ("[space]\nchannels_last = {low = 0, high = 1}", "channels_last is no number"),
        ("[space]\nbatch = {low = 8, high = 4}", "low must be below high"),
        ("[space]\nbatch = {low = 1, high = 4}", "greater than or equal to 2"),
        ("[space]\nlearning_rate = {low = 0, high = 1, log = true}", "above 0"),
        ("[space]\nbatch = {low = 2, high = 4, stp = 1}", "unknown key 'stp'"),
        ("[base]\nbatch = 4\n[space]\nbatch = [4, 8]", "'batch' is said twice"),
        ("[space]\nseed = [1, 2]", "'seed' can't be set"),
    ],
)
def test_what_can_not_be_chosen_is_said_at_once(text: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(SettingError, match=message):
        read_space(written(tmp_path, text))


def test_a_search_without_an_end_is_refused(tmp_path: Path) -> None:
    task = SearchTask(tmp_path, tmp_path / "space.toml", tmp_path / "out")
    with pytest.raises(SettingError, match="nothing says when to end"):
        run_search(task)
