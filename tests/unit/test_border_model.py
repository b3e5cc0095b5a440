"""A further channel that says where objects touch: learnt, averaged, stored, exported."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from builders import make_bundle, rectangles, write_png
from mapwright.bundle import Bundle, load_bundle, save_bundle
from mapwright.card import Decision, ObjectDecision
from mapwright.errors import ExportError, SettingError
from mapwright.exporting.graph import ExportGraph
from mapwright.exporting.mlm import make_item
from mapwright.exporting.parity import Judge
from mapwright.exporting.trace import trace
from mapwright.exporting.trials import Trial
from mapwright.exporting.write import export
from mapwright.metrics.components import Cut, ObjectRule
from mapwright.metrics.object_records import BORDER_CUTS, CUTS, Grid
from mapwright.models.build import WithPixels, build_model
from mapwright.models.inputs import Inputs, SegmentationModel
from mapwright.onnxfile import Form, _usable, load_onnx, open_session
from mapwright.plan import Plan
from mapwright.predict.model import Model
from mapwright.predict.torch_engine import TorchEngine
from mapwright.training.memory import kept_bytes
from mapwright.training.transfer import transfer

BORDER = {"border": 1}
BOTH = {"border": 1, "gate": 0.5}
RULE = ObjectRule(Cut(0.4, border=0.5), smallest=3, gate=0.1)


def counted(members: int = 1, *, plan: dict[str, Any] | None = None, **changes: Any) -> Bundle:
    bundle = make_bundle(members, plan=BOTH if plan is None else plan, **changes)
    objects = ObjectDecision(rule=RULE, tuned_for="f2", reason="a test")
    return replace(bundle, decision=Decision(threshold=0.4, objects=objects))


@pytest.fixture(scope="module")
def bundle() -> Bundle:
    return counted()


def tiles(*numbers: int) -> np.ndarray:
    return np.stack([rectangles(number)[0] for number in numbers]).astype(np.float32)


# --- the network ----------------------------------------------------------------------------------


def test_the_last_channel_is_the_border_and_classes_stay_as_many() -> None:
    network, _ = build_model("unet", "resnet18", 3, 2, border=True)
    model = SegmentationModel(Inputs([0.0] * 3, [1.0] * 3), network, border=True).eval()
    image = torch.randn(2, 3, 45, 70)
    with torch.inference_mode():
        seen, channels = model.everything(image), model.channels(image)
        assert channels.shape == (2, 3, 45, 70)
        assert torch.equal(model(image), channels[:, :2])
        assert torch.equal(seen.logits, channels[:, :2])
        assert seen.border is not None and torch.equal(seen.border, channels[:, 2])
        assert seen.presence is None


def test_a_branch_for_single_pixels_carries_it_too() -> None:
    network, _ = build_model("unet", "tu-mobilenetv3_small_050", 4, 3, pixels=4, border=True)
    assert isinstance(network, WithPixels)
    assert network.eval()(torch.zeros(1, 4, 32, 32)).shape == (1, 4, 32, 32)


class Own(nn.Module):
    """A network of somebody's own."""

    stride = 2

    def __init__(self, in_channels: int, classes: int) -> None:
        super().__init__()
        self.layer = nn.Conv2d(in_channels, classes, 1)

    def forward(self, image: Tensor) -> Tensor:
        return self.layer(image)


def two_whatever_is_asked(in_channels: int, classes: int) -> nn.Module:
    return Own(in_channels, 2)


def test_a_network_of_your_own_is_asked_for_one_channel_more() -> None:
    network, _ = build_model("own", "own", 3, 2, build=f"{__name__}:Own", border=True)
    assert network(torch.zeros(1, 3, 4, 4)).shape == (1, 3, 4, 4)
    with pytest.raises(SettingError, match=r"not \(1, 3, [\s\S]*border=0"):
        build_model("own", "own", 3, 2, build=f"{__name__}:two_whatever_is_asked", border=True)


def test_memory_is_predicted_with_it() -> None:
    plain, bordered = make_bundle(1), make_bundle(1, plan=BORDER)
    few = {"batch": 2, "precision": "float32"}
    without, _ = kept_bytes(plain.networks()[0], plain.plan.model_copy(update=few), 3)
    with_it, _ = kept_bytes(bordered.networks()[0], bordered.plan.model_copy(update=few), 3)
    assert with_it > without


# --- prediction -----------------------------------------------------------------------------------


def test_members_and_views_are_averaged_and_turned_back() -> None:
    bundle, batch = counted(2), tiles(1, 2)
    both = TorchEngine(bundle.networks(), 2).look(batch).border
    alone = [TorchEngine([network], 2).look(batch).border for network in bundle.networks()]
    assert both is not None and both.shape == (2, 64, 64)
    assert both.min() > 0 and both.max() < 1
    np.testing.assert_allclose(both, np.mean(alone, axis=0), atol=1e-6)
    one = TorchEngine(bundle.networks(), 2)
    turned = [
        np.rot90(one.look(np.rot90(batch, k, (-2, -1)).copy()).border, -k, (-2, -1))
        for k in range(4)
    ]
    flipped = [
        np.rot90(one.look(np.rot90(batch[..., ::-1], k, (-2, -1)).copy()).border, -k, (-2, -1))
        for k in range(4)
    ]
    expected = np.mean([*turned, *(view[..., ::-1] for view in flipped)], axis=0)
    views = TorchEngine(bundle.networks(), 2, "d4").look(batch).border
    np.testing.assert_allclose(views, expected, atol=1e-5)


def test_what_uses_no_border_has_none() -> None:
    assert TorchEngine(make_bundle(1).networks(), 2).look(tiles(1)).border is None


def test_a_prediction_and_its_objects_use_the_border(bundle: Bundle, tmp_path: Path) -> None:
    image = np.concatenate([rectangles(1)[0], rectangles(2)[0]], axis=2)
    path, model = write_png(tmp_path / "a.png", image), Model(bundle)
    found = model.predict(path)
    assert found.border is not None and found.border.shape == image.shape[1:]
    ids = model.objects(path)
    soft = found.probabilities[1]
    np.testing.assert_array_equal(ids, RULE.objects(soft, found.border, found.presence))
    none = replace(RULE, cut=replace(RULE.cut, border=None))
    assert ids.max() != none.objects(soft, presence=found.presence).max()


def test_a_model_file_brings_it_back(bundle: Bundle, tmp_path: Path) -> None:
    path = write_png(tmp_path / "a.png", rectangles(1)[0])
    save_bundle(bundle, tmp_path / "model.safetensors")
    again = load_bundle(tmp_path / "model.safetensors")
    assert again.plan.border == 1
    assert again.decision == bundle.decision
    np.testing.assert_array_equal(Model(again).objects(path), Model(bundle).objects(path))


def test_a_file_from_before_borders_loads_and_makes_the_objects_it_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle, header = counted(plan={}), Bundle.header

    def older(self: Bundle) -> dict[str, Any]:
        values = header(self)
        del values["plan"]["border"], values["fingerprint"]["listed"]
        del values["fingerprint"]["touching"]
        assert values["decision"]["objects"]["rule"]["cut"]["border"] == 0.5
        return values

    monkeypatch.setattr(Bundle, "header", older)
    save_bundle(bundle, tmp_path / "model.safetensors")
    again = load_bundle(tmp_path / "model.safetensors")
    assert (again.plan.border, again.fingerprint.touching) == (0, 0)
    rule = replace(RULE, cut=Cut(0.4))
    assert again.decision.object_rule == rule
    assert "border" not in rule.words
    path = write_png(tmp_path / "a.png", rectangles(1)[0])
    expected = rule.objects(Model(again).predict(path).probabilities[1])
    np.testing.assert_array_equal(Model(again).objects(path), expected)


@pytest.mark.parametrize(
    ("before", "after", "rows"),
    [(BORDER, BORDER, 3), ({}, BORDER, 2), (BORDER, {}, 2), ({}, {}, 2)],
)
def test_another_training_takes_over_the_channels_that_mean_the_same(
    before: dict[str, int], after: dict[str, int], rows: int
) -> None:
    parent, child = make_bundle(1, plan=before), make_bundle(1, plan=after, seed=9)
    model, name = child.networks()[0], "network.segmentation_head.0.weight"
    fresh = model.state_dict()[name].clone()
    transfer(parent, child.spec, model)
    found = model.state_dict()[name]
    assert torch.equal(found[:rows], parent.members[0][name][:rows])
    assert torch.equal(found[rows:], fresh[rows:])


# --- rules ----------------------------------------------------------------------------------------


def test_rules_with_borders_are_tried_only_where_they_are_learnt_and_last() -> None:
    assert Grid.usual(border=False) == Grid()
    assert Grid.usual(border=True).cuts == (*CUTS, *BORDER_CUTS)
    assert all(cut.border is None for cut in CUTS)
    assert all(cut.border is not None for cut in BORDER_CUTS)
    assert len(BORDER_CUTS) <= len(CUTS) / 2


DECIDED = Decision(threshold=0.4, objects=ObjectDecision(rule=RULE, reason="x"))


@pytest.mark.parametrize("output", ["mask", "probability"])
def test_an_exported_file_says_when_it_lacks_the_border(output: str) -> None:
    plan = Plan(border=1)
    left, lost = _usable(DECIDED, Form(output=output), plan)  # type: ignore[arg-type]
    assert left.object_rule.cut.border is None
    assert "borders between objects" in lost and "stay together" in lost
    left, lost = _usable(DECIDED, Form(output=output, border=True), plan)  # type: ignore[arg-type]
    assert left.object_rule.cut.border == 0.5
    assert "borders" not in lost


# --- export ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "form",
    [
        {"output": "probability", "dynamic": True, "objects": True},
        {"output": "logits", "border": True, "presence": True},
    ],
    ids=str,
)
def test_an_exported_model_makes_the_same_objects(
    bundle: Bundle, tmp_path: Path, form: dict[str, Any]
) -> None:
    done = export(Model(bundle), tmp_path / "m.onnx", tile=64, **form)
    assert "objects touch at a pixel" in done.about
    file = load_onnx(done.path)
    assert [entry.name for entry in file.session.get_outputs()][1:] == ["presence", "border"]
    assert not file.caveat
    path = write_png(tmp_path / "a.png", rectangles(3, 100)[0])
    for tta in ("none", "d4"):
        ours, theirs = Model(bundle).with_tta(tta), Model(file).with_tta(tta)  # type: ignore[arg-type]
        expected, found = ours.predict(path), theirs.predict(path)
        assert expected.border is not None and found.border is not None
        np.testing.assert_allclose(found.border, expected.border, atol=1e-4)
        assert (theirs.objects(path) != ours.objects(path)).mean() < 1e-3


def test_a_mask_with_borders_has_them_tile_by_tile_too(bundle: Bundle, tmp_path: Path) -> None:
    done = export(Model(bundle), tmp_path / "m.onnx", tile=64, squeeze=True, border=True)
    file, image = load_onnx(done.path), tiles(1, 2)
    image[0, 1, :9] = np.nan
    seen = Model(file)._engine.look(image)
    expected = TorchEngine(bundle.networks(), 2).look(image).border
    assert seen.border is not None and expected is not None
    assert not seen.border[0, :9].any()
    np.testing.assert_allclose(seen.border[0, 9:], expected[0, 9:], atol=1e-4)
    np.testing.assert_allclose(seen.border[1], expected[1], atol=1e-4)


def test_without_the_flag_nothing_is_given_and_the_card_says_so(
    bundle: Bundle, tmp_path: Path
) -> None:
    done = export(Model(bundle), tmp_path / "m.onnx", tile=64, output="probability")
    file = load_onnx(done.path)
    assert len(file.session.get_outputs()) == 1
    assert "borders between objects" in file.caveat
    path = write_png(tmp_path / "a.png", rectangles(3)[0])
    soft = Model(file).predict(path).probabilities[1]
    expected = ObjectRule(Cut(0.4), smallest=3).objects(soft)
    np.testing.assert_array_equal(Model(file).objects(path), expected)


def proved(bundle: Bundle, other: Bundle, form: Form) -> None:
    """Hold the graph of one model against another one."""
    traced = trace(ExportGraph(other.networks(), form, 0.5).eval(), 3)
    graph, proving = (open_session(g.SerializeToString()) for g in (traced.graph, traced.proving))
    image = tiles(1)[0]
    image[0, :5] = np.nan
    Judge(bundle, form).prove(graph, proving, [Trial("real", "a", image)], "")


@pytest.mark.parametrize("given", [True, False])
def test_borders_that_differ_are_found_out_whether_they_are_given_or_not(
    bundle: Bundle, given: bool
) -> None:
    form = Form(tile=64, output="probability", border=given)
    states: Sequence[dict[str, Tensor]] = [dict(state) for state in bundle.members]
    name = "network.segmentation_head.0.bias"
    states[0][name] = states[0][name] + torch.tensor([0.0, 0.0, 0.01])
    other = replace(bundle, members=tuple(states))
    proved(bundle, bundle, form)
    with pytest.raises(ExportError, match="a logit differs"):
        proved(bundle, other, form)


def test_a_border_that_is_put_out_wrongly_is_found_out(
    bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    form = Form(tile=64, output="probability", border=True)
    proved(bundle, bundle, form)
    forward = ExportGraph.forward

    def shifted(self: ExportGraph, image: Tensor) -> tuple[Tensor, ...]:
        result, border, *rest = forward(self, image)
        return result, border + 0.01, *rest

    monkeypatch.setattr(ExportGraph, "forward", shifted)
    with pytest.raises(ExportError, match=r"border differs by 0\.01"):
        proved(bundle, bundle, form)


@pytest.mark.parametrize(
    ("plan", "options", "reason"),
    [
        ({}, {"border": True}, "does not say where objects touch"),
        (BOTH, {"border": True, "output": "deepness"}, "one output"),
        (BOTH, {"objects": True}, "needs probabilities, and mask gives"),
        (BOTH, {"objects": True, "output": "deepness"}, "needs probabilities"),
    ],
)
def test_what_can_not_be_exported_is_refused(
    tmp_path: Path, plan: dict[str, Any], options: dict[str, Any], reason: str
) -> None:
    model = Model(make_bundle(1, plan=plan))
    with pytest.raises(SettingError, match=reason):
        export(model, tmp_path / "m.onnx", **options)
    assert not list(tmp_path.iterdir())


def test_what_a_rule_does_not_need_is_not_given(tmp_path: Path) -> None:
    plain = make_bundle(1, plan=BORDER)
    done = export(Model(plain), tmp_path / "m.onnx", tile=64, output="probability", objects=True)
    assert done.form.outputs == ("probability",)


def test_the_item_tells_of_all_outputs(bundle: Bundle) -> None:
    from mapwright.exporting.budget import Cost
    from mapwright.exporting.mlm import Facts, require_valid
    from mapwright.exporting.parity import Proof

    form = Form(tile=64, presence=True, border=True)
    facts = Facts(form, 2, 5, Proof({}, "", ()), Cost(1, 1, "", 1), {})
    item = make_item(bundle, facts, "m.onnx")
    require_valid(item)
    outputs = item["properties"]["mlm:output"]
    assert [output["name"] for output in outputs] == ["mask", "presence", "border"]
