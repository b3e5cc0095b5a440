"""What a study.toml may say, and which trainings follow from it."""

from pathlib import Path
from typing import Any

import pytest

from mapwright.errors import SettingError
from mapwright.experiment.design import Configuration, lay_out, order_cells
from mapwright.experiment.keys import KNOWN, checked, flatten, nest
from mapwright.experiment.spec import StudySpec, read_study

PLANNED = {**KNOWN, "patch": 128, "tta": "flips"}


def study(**changes: Any) -> StudySpec:
    values = {"name": "s", "factors": {"loss": ["dice+cross_entropy", "dice"]}} | changes
    return StudySpec.parse(values, "a test")


def labels(spec: StudySpec, folder: Path = Path()) -> list[str]:
    return [entry.label for entry in lay_out(spec, PLANNED, folder).configurations]


def written(folder: Path, text: str) -> Path:
    path = folder / "study.toml"
    path.write_text('name = "s"\n' + text, encoding="utf-8")
    return path


def test_nesting_undoes_flattening() -> None:
    tree = {"loss": "dice", "augmentation": {"zoom": 1.2, "blur": 0.0}}
    assert nest(flatten(tree)) == tree
    assert flatten({"augmentation": {}}) == {}


def test_equal_numbers_are_one_value() -> None:
    assert checked({"augmentation.zoom": 1}, "here") == checked({"augmentation.zoom": 1.0}, "here")
    spec = study(factors={"augmentation": {"zoom": [1, 1.0, 2]}})
    assert spec.values == {"augmentation.zoom": [1.0, 2.0]}


def test_one_at_a_time_holds_each_value_against_the_base() -> None:
    spec = study(factors={"loss": ["dice", "dice+cross_entropy"], "patch": [64, 128, 256]})
    layout = lay_out(spec, PLANNED, Path())
    assert [c.label for c in layout.configurations] == [
        "base", "loss=dice", "patch=64", "patch=256",
    ]  # fmt: skip
    base = layout.configurations[0]
    assert base.levels == {"loss": "dice+cross_entropy", "patch": 128}
    assert "loss" not in base.settings, "what the plan chooses is left to the plan"
    assert layout.configurations[1].settings["loss"] == "dice"
    assert layout.configurations[1].levels == {"loss": "dice", "patch": 128}


def test_the_base_of_a_factor_is_a_value_of_it_even_if_nobody_lists_it() -> None:
    layout = lay_out(study(factors={"patch": [64, 256]}), PLANNED, Path())
    assert layout.factors[0].plain() == {"name": "patch", "values": [128, 64, 256], "default": 128}
    assert layout.configurations[0].label == "base"


def test_a_value_set_in_the_base_is_the_default() -> None:
    spec = study(base={"loss": "dice"})
    assert labels(spec) == ["base", "loss=dice+cross_entropy"]


def test_a_grid_holds_every_combination_once_and_begins_with_the_base() -> None:
    factors = {"loss": ["dice", "dice+cross_entropy"], "patch": [64, 128]}
    layout = lay_out(study(design="grid", factors=factors), PLANNED, Path())
    pairs = [(c.levels["loss"], c.levels["patch"]) for c in layout.configurations]
    assert pairs[0] == ("dice+cross_entropy", 128)
    assert sorted(pairs) == sorted((a, b) for a in factors["loss"] for b in factors["patch"])
    assert len({c.id for c in layout.configurations}) == 4


def test_a_grid_asks_for_no_value_that_is_not_listed() -> None:
    layout = lay_out(study(design="grid", factors={"patch": [64, 256]}), PLANNED, Path())
    assert [c.levels["patch"] for c in layout.configurations] == [64, 256]


def test_paired_configurations_keep_their_names_and_show_what_differs() -> None:
    named = [
        {"name": "plain", "settings": {}},
        {"name": "strong", "settings": {"augmentation": {"zoom": 2, "blur": 0.5}}},
    ]
    layout = lay_out(study(design="paired", factors={}, configurations=named), PLANNED, Path())
    assert [c.label for c in layout.configurations] == ["plain", "strong"]
    assert layout.configurations[0].levels["augmentation.zoom"] == KNOWN["augmentation.zoom"]
    assert layout.configurations[1].levels == {"augmentation.zoom": 2.0, "augmentation.blur": 0.5}
    assert layout.factors[1].plain()["default"] == KNOWN["augmentation.blur"]


def test_paired_configurations_that_are_the_same_are_refused() -> None:
    named = [{"name": "a", "settings": {"patch": 64}}, {"name": "b", "settings": {"patch": 64}}]
    spec = study(design="paired", factors={}, configurations=named)
    with pytest.raises(SettingError, match="'a' and 'b' are the same"):
        lay_out(spec, PLANNED, Path())


def test_a_whole_table_can_be_a_value() -> None:
    spec = study(factors={"augmentation": [{"zoom": 1.0, "rotate": 0}, {"zoom": 2.0}]})
    layout = lay_out(spec, PLANNED, Path())
    assert layout.configurations[1].settings["augmentation.zoom"] == 1.0
    assert layout.configurations[1].label == "augmentation=(zoom=1, rotate=0)"
    assert layout.factors[0].default["augmentation.zoom"] == KNOWN["augmentation.zoom"]


def test_more_values_and_factors_leave_the_other_configurations_alone() -> None:
    few = lay_out(study(), PLANNED, Path()).configurations
    factors = {"patch": [64], "loss": ["dice+cross_entropy", "dice", "cross_entropy"]}
    many = lay_out(study(factors=factors), PLANNED, Path()).configurations
    assert {c.id for c in few} < {c.id for c in many}


def test_the_identity_of_a_configuration_depends_on_every_setting() -> None:
    ids = {lay_out(study(steps=steps), PLANNED, Path()).configurations[0].id for steps in (5, 6)}
    ids.add(lay_out(study(seconds=5), PLANNED, Path()).configurations[0].id)
    assert len(ids) == 3


def test_the_last_weights_are_kept_unless_asked_otherwise() -> None:
    assert study().base_settings["keep"] == "last"
    assert study(base={"keep": "best"}).base_settings["keep"] == "best"


def test_cells_come_so_that_configurations_can_be_compared_early() -> None:
    configurations = lay_out(study(), PLANNED, Path()).configurations
    cells = order_cells(configurations, (7, 3), 2, 2)
    first, second = (entry.id for entry in configurations)
    assert [(c.configuration, c.turn) for c in cells[:4]] == [
        (first, (7, 0, 0)), (second, (7, 0, 0)), (first, (7, 0, 1)), (second, (7, 0, 1)),
    ]  # fmt: skip
    assert [c.turn for c in cells[::2]] == [
        (7, 0, 0), (7, 0, 1), (7, 1, 0), (7, 1, 1), (3, 0, 0), (3, 0, 1), (3, 1, 0), (3, 1, 1),
    ]  # fmt: skip
    assert len({c.id for c in cells}) == len(cells) == 16


def test_start_is_a_model_or_what_weights_may_be(tmp_path: Path) -> None:
    (tmp_path / "models").mkdir()
    model = tmp_path / "models" / "a.safetensors"
    model.write_bytes(b"one")
    spec = study(factors={"start": ["random", "models/a.safetensors"]}, base={"start": "random"})
    first, second = lay_out(spec, PLANNED, tmp_path).configurations
    assert first.settings["weights"] == "random" and "start" not in first.settings
    assert second.settings["start"] == str(model)
    assert second.levels == {"start": "models/a.safetensors"}


def test_another_model_in_the_same_file_is_another_configuration(tmp_path: Path) -> None:
    spec = study(factors={"start": ["./a.safetensors"]})
    ids = set()
    for content in (b"one", b"another"):
        (tmp_path / "a.safetensors").write_bytes(content)
        ids.add(lay_out(spec, PLANNED, tmp_path).configurations[1].id)
    assert len(ids) == 2


def test_a_model_that_is_not_there_is_one_clear_error(tmp_path: Path) -> None:
    spec = study(factors={"start": ["random", "models/gone.safetensors"]})
    with pytest.raises(SettingError, match="no such model to start from"):
        lay_out(spec, PLANNED, tmp_path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[factors]\nencodr = ['a']", "no setting 'encodr'.*\n.*\n.*\n.*'encoder'"),
        ("[factors]\naugmentation.zom = [1]", "augmentation.zom"),
        ("[factors]\naugmentation.zoom = [1, 0.5]", "zoom.*greater than or equal to 1"),
        ("[factors]\nloss = ['dice', 'dicee']", "loss"),
        ("[factors]\nloss = 'dice'", "no list"),
        ("[factors]\nloss = []", "no list"),
        ("[factors]\nseed = [1, 2]", "'seed' can't be set.*\n.*\n.*`seeds`"),
        ("[factors]\nfold_steps = [[1]]", "fold_steps"),
        ("[base]\nlearning_rate = -1\n[factors]\nloss = ['dice']", "learning_rate"),
        ("", "has \\[factors\\]"),
        ("design = 'paired'\n[factors]\nloss = ['dice']", "paired design"),
        ("desing = 'grid'\n[factors]\nloss = ['dice']", "unknown key 'desing'"),
        ("seeds = []\n[factors]\nloss = ['dice']", "seeds"),
        ("seeds = [1, 1]\n[factors]\nloss = ['dice']", "seeds must differ"),
        ("folds = 0\n[factors]\nloss = ['dice']", "folds"),
        ("steps = 5\nseconds = 5\n[factors]\nloss = ['dice']", "steps or seconds, not both"),
        ("steps = 5\n[factors]\nsteps = [5, 6]", "'steps' is said twice"),
        ("seconds = 5\n[factors]\nsteps = [5, 6]", "'steps' is said twice"),
        ("budget = 'soon'\n[factors]\nloss = ['dice']", "'soon' is no duration"),
        ("[factors]\nweights = ['auto']\nstart = ['random']", "'weights' is said twice"),
        (
            "design = 'paired'\n[[configurations]]\nname = 'a'\n[[configurations]]\nname = 'b'\n"
            "settings = {encodr = 'x'}",
            "encodr",
        ),
    ],
)
def test_what_can_not_be_is_said_before_anything_is_trained(
    text: str, message: str, tmp_path: Path
) -> None:
    with pytest.raises(SettingError, match=message):
        read_study(written(tmp_path, text))


def varied(configuration: Configuration) -> dict[str, Any]:
    return {k: v for k, v in configuration.settings.items() if k.startswith("augmentation.")}


def test_configurations_of_other_epochs_vary_tiles_as_the_base_does() -> None:
    usual = {name: value for name, value in PLANNED.items() if name.startswith("augmentation.")}
    spec = study(factors={"loss": ["dice"], "patch": [64], "steps": [9]})
    base, *others = lay_out(spec, PLANNED, Path()).configurations
    assert varied(base) == {}, "its own epochs are those that were planned for"
    assert {entry.label: varied(entry) for entry in others} == {
        "loss=dice": {}, "patch=64": usual, "steps=9": usual,
    }  # fmt: skip
    spec = study(factors={"augmentation": {"zoom": [1.0]}, "patch": [64]}, design="grid")
    small = next(c for c in lay_out(spec, PLANNED, Path()).configurations)
    assert varied(small) == {**usual, "augmentation.zoom": 1.0}


def test_where_the_clock_ends_trainings_all_vary_tiles_as_planned() -> None:
    factors = {"augmentation": {"rotate": [0.0, 0.5]}}
    base, still = lay_out(study(factors=factors, seconds=60.0), PLANNED, Path()).configurations
    assert varied(base)["augmentation.rotate"] == 0.5 == base.levels["augmentation.rotate"]
    assert varied(still) == {**varied(base), "augmentation.rotate": 0.0}


def test_ways_to_divide_share_tiles_for_maps() -> None:
    asked = {"splits": ["tiles", "block"], "tile": 128, "block": 512, "buffer": 64}
    spec = StudySpec.parse({"name": "s", "folds": 3, "optimism": asked}, "a test")
    for entry in lay_out(spec, {**PLANNED, "tile": 160}, Path()).configurations:
        assert (entry.settings["tile"], entry.settings["overlap"]) == (160, PLANNED["overlap"])
        assert len(varied(entry)) == 9
