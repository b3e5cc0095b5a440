"""Whether a tile holds an object: at prediction, in an exported graph, and in the proof."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from builders import make_bundle, rectangles, write_png
from mapwright.bundle import Bundle, load_bundle, save_bundle
from mapwright.data.dataset import Sample
from mapwright.errors import ExportError, SettingError
from mapwright.exporting.graph import ExportGraph
from mapwright.exporting.mlm import make_item
from mapwright.exporting.parity import Judge
from mapwright.exporting.trace import trace
from mapwright.exporting.trials import Trial
from mapwright.exporting.write import export
from mapwright.onnxfile import Form, OnnxFile, load_onnx, open_session
from mapwright.predict.model import Model
from mapwright.predict.onnx_engine import OnnxEngine
from mapwright.predict.presence import Presence
from mapwright.predict.torch_engine import TorchEngine
from mapwright.training.transfer import transfer
from mapwright.types import Window

GATED = {"gate": 0.2}


@pytest.fixture(scope="module")
def gated() -> Bundle:
    return make_bundle(2, plan=GATED)


def tiles(*numbers: int) -> np.ndarray:
    return np.stack([rectangles(number)[0] for number in numbers]).astype(np.float32)


def test_the_highest_of_all_tiles_is_that_of_the_image() -> None:
    presence = Presence()
    presence.note(None)
    assert presence.highest is None
    for found in ([0.2, 0.7], [], [0.4], [np.nan]):
        presence.note(np.array(found, np.float32))
    assert presence.highest == pytest.approx(0.7)


def test_members_and_views_are_averaged(gated: Bundle) -> None:
    batch = tiles(1, 2)
    soft, both, _ = TorchEngine(gated.networks(), 2).look(batch)
    alone = [TorchEngine([network], 2).look(batch)[1] for network in gated.networks()]
    np.testing.assert_allclose(both, np.mean(alone, axis=0), atol=1e-6)
    np.testing.assert_array_equal(soft, TorchEngine(gated.networks(), 2).probabilities(batch))
    flipped = [TorchEngine(gated.networks(), 2).look(v)[1] for v in
               (batch, batch[..., ::-1].copy(), batch[..., ::-1, :].copy(),
                batch[..., ::-1, ::-1].copy())]  # fmt: skip
    views = TorchEngine(gated.networks(), 2, "flips").look(batch)[1]
    np.testing.assert_allclose(views, np.mean(flipped, axis=0), atol=1e-5)


def test_a_tile_without_a_valid_pixel_holds_nothing(gated: Bundle) -> None:
    batch = tiles(1, 2)
    batch[0, 1] = np.nan
    batch[1, 0, 3:, 5:] = np.nan
    found = TorchEngine(gated.networks(), 2).look(batch)[1]
    assert found is not None
    assert found[0] == 0
    assert found[1] > 0


def test_without_a_gate_nothing_is_said(tmp_path: Path) -> None:
    model = Model(make_bundle(1))
    path = write_png(tmp_path / "a.png", rectangles(1)[0])
    assert model.predict(path).presence is None
    assert "presence" not in model.predict_file(path, tmp_path / "maps").plain()


def test_an_image_knows_its_presence_and_a_stored_model_says_the_same(
    gated: Bundle, tmp_path: Path
) -> None:
    image = np.concatenate([rectangles(1)[0], rectangles(2)[0]], axis=2)
    path, model = write_png(tmp_path / "a.png", image), Model(gated)
    presence = model.predict(path).presence
    windows = [Window(0, col, 64, 64) for col in (0, 32, 64)]
    each = model._engine.look(np.stack([w.cut(image.astype(np.float32), np.nan) for w in windows]))
    assert presence == pytest.approx(each[1].max(), abs=1e-6)
    assert model.predict_file(path, tmp_path / "maps").plain()["presence"] == presence
    save_bundle(gated, tmp_path / "model.safetensors")
    again = Model(load_bundle(tmp_path / "model.safetensors"))
    assert again.predict(path).presence == presence
    seen, nothing = Presence(), np.zeros(image.shape[1:], np.uint8)

    def read(window: Window) -> Sample:
        return Sample(image.astype(np.float32), nothing, nothing).cut(window)

    assert len(list(model.samples(read, image.shape[1:], seen))) > 0
    assert seen.highest == pytest.approx(presence, abs=1e-6)


@pytest.mark.parametrize(
    "form", [{"output": "probability", "dynamic": True}, {"squeeze": True}], ids=str
)
def test_an_exported_model_says_it_too(gated: Bundle, tmp_path: Path, form: dict) -> None:
    done = export(Model(gated), tmp_path / "m.onnx", tile=64, presence=True, **form)
    assert "presence" in done.about
    file = load_onnx(done.path)
    assert [output.name for output in file.session.get_outputs()][1:] == ["presence"]
    path = write_png(tmp_path / "a.png", rectangles(3, 100)[0])
    expected = Model(gated).with_tta("none").predict(path).presence
    assert Model(file).with_tta("none").predict(path).presence == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize("size", [(32, 64), (64, 64), (100, 180), (256, 96)])
def test_a_graph_for_any_size_looks_through_the_same_windows(
    windowed: tuple[Bundle, OnnxFile], size: tuple[int, int]
) -> None:
    bundle, file = windowed
    image = np.random.default_rng(sum(size)).uniform(20, 200, (2, 3, *size)).astype(np.float32)
    expected = TorchEngine(bundle.networks(), 2).look(image).presence
    found = OnnxEngine(file).look(image).presence
    assert expected is not None
    assert found is not None
    np.testing.assert_allclose(found, expected, atol=1e-4)
    single = [TorchEngine(bundle.networks(), 2).look(one[None]).presence for one in image]
    np.testing.assert_allclose(np.concatenate(single), expected, atol=1e-4)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def windowed(gated: Bundle, tmp_path_factory: pytest.TempPathFactory) -> tuple[Bundle, OnnxFile]:
    path = tmp_path_factory.mktemp("windows") / "m.onnx"
    form = {"output": "probability", "dynamic": True, "presence": True}
    return gated, load_onnx(export(Model(gated), path, tile=128, **form).path)


def test_the_usual_forms_have_one_output(gated: Bundle) -> None:
    graph = ExportGraph(gated.networks(), Form(tile=64), 0.5).eval()
    assert [output.name for output in trace(graph, 3).graph.graph.output] == ["mask"]


def test_a_gate_that_says_otherwise_is_found_out(gated: Bundle) -> None:
    form = Form(tile=64, output="probability", presence=True)
    states = [dict(state) for state in gated.members]
    states[1]["gate.head.bias"] = states[1]["gate.head.bias"] + 0.01
    other = replace(gated, members=tuple(states))
    traced = trace(ExportGraph(other.networks(), form, 0.5).eval(), 3)
    graph, proving = (open_session(g.SerializeToString()) for g in (traced.graph, traced.proving))
    trial = Trial("real", "a", tiles(1)[0])
    Judge(other, form).prove(graph, proving, [trial], "")
    with pytest.raises(ExportError, match="presence differs"):
        Judge(gated, form).prove(graph, proving, [trial], "")


@pytest.mark.parametrize(
    ("plan", "output", "reason"),
    [({}, "mask", "does not say whether"), (GATED, "deepness", "one output")],
)
def test_what_can_not_be_exported_is_refused(
    tmp_path: Path, plan: dict, output: str, reason: str
) -> None:
    with pytest.raises(SettingError, match=reason):
        export(Model(make_bundle(1, plan=plan)), tmp_path / "m.onnx", presence=True, output=output)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("before", "after", "classes", "kept"),
    [
        (GATED, GATED, ((0,), (255,)), True),
        (GATED, GATED, ((0,), (7,), (255,)), False),
        ({}, GATED, ((0,), (255,)), False),
        (GATED, {}, ((0,), (255,)), False),
    ],
)
def test_a_gate_is_taken_over_where_it_says_the_same(
    before: dict, after: dict, classes: tuple, kept: bool
) -> None:
    parent = make_bundle(1, plan=before)
    child = make_bundle(1, *classes, plan=after, seed=9)
    model = child.networks()[0]
    fresh = model.state_dict().get("gate.head.weight", torch.zeros(1)).clone()
    transfer(parent, child.spec, model)
    found = model.state_dict().get("gate.head.weight", torch.zeros(1))
    if kept:
        assert torch.equal(found, parent.members[0]["gate.head.weight"])
    else:
        assert torch.equal(found, fresh)


def test_the_item_tells_of_both_outputs(gated: Bundle, tmp_path: Path) -> None:
    from mapwright.exporting.budget import Cost
    from mapwright.exporting.mlm import Facts
    from mapwright.exporting.parity import Proof

    form = Form(tile=64, presence=True)
    facts = Facts(form, 2, 5, Proof({}, "", ()), Cost(1, 1, "", 1), {})
    outputs = make_item(gated, facts, "m.onnx")["properties"]["mlm:output"]
    assert [output["name"] for output in outputs] == ["mask", "presence"]
