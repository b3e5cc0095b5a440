"""The small pictures that a study keeps."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from builders import make_spec
from mapwright.experiment.pictures import choose_shown, write_pictures
from mapwright.metrics.threshold import Packed
from mapwright.tally import Tally
from mapwright.types import IGNORE


def tally(stem: str, truth: np.ndarray, guess: np.ndarray) -> Tally:
    counts = np.zeros((1, 2, 2), np.int64)
    return Tally(
        stem=stem, size=truth.shape, part=False, group=stem, packed=Packed.of(counts),
        missed=np.zeros(2, np.int64), maps=(truth, guess),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("height", "width", "size"), [(1, 1, (1, 1)), (512, 30, (30, 512)), (513, 1030, (344, 171))]
)
def test_maps_are_thinned_and_what_counts_nowhere_is_transparent(
    height: int, width: int, size: tuple[int, int], tmp_path: Path
) -> None:
    truth = np.zeros((height, width), np.uint8)
    truth[0, 0] = IGNORE
    guess = np.ones((height, width), np.uint8)
    write_pictures(tmp_path, "c1", [tally("a.b", truth, guess)], {"a.b"}, make_spec())
    with Image.open(tmp_path / "predictions" / "c1" / "a.b.png") as picture:
        assert picture.size == size
        assert picture.getpixel((0, 0)) == picture.info["transparency"] == IGNORE
        assert {color for _, color in picture.getcolors()} <= {1, IGNORE}
    with Image.open(tmp_path / "truth" / "a.b.png") as picture:
        assert {color for _, color in picture.getcolors()} <= {0, IGNORE}


def test_only_the_chosen_images_are_kept(tmp_path: Path) -> None:
    names = [f"{k:03d}" for k in range(100)]
    shown = choose_shown(names)
    assert len(shown) == 20 and {"000", "005"} <= shown
    assert choose_shown(names[:7]) == set(names[:7])
    flat = np.zeros((4, 4), np.uint8)
    write_pictures(tmp_path, "c1", [tally("001", flat, flat)], shown, make_spec())
    assert not (tmp_path / "predictions").exists()
