"""What a training learns from depends neither on threads nor on interruptions."""

import json
import random
import time
from pathlib import Path

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mapwright.data.batch import Batch
from mapwright.data.dataset import Item, Sample
from mapwright.data.hard import Alarms
from mapwright.data.tiles import TrainingTiles
from mapwright.training.ahead import reading_ahead
from mapwright.types import Window

STEPS = 12


class Sea:
    """Stands for a `SampleCache`: each place looks different, and some take longer to read."""

    bands = 1

    def read(self, item: Item, window: Window) -> Sample:
        if random.random() < 0.1:
            time.sleep(0.001)
        size = window.height, window.width
        rng = np.random.default_rng([int(item.stem), window.row + 50, window.col + 50])
        nothing = np.zeros(size, np.uint8)
        return Sample(rng.random((1, *size), np.float32), nothing, nothing)


def tiles(seed: int) -> TrainingTiles:
    items = [Item(str(number), Path("a.png"), Path("b.png")) for number in range(3)]
    return TrainingTiles(
        Sea(), items, [(20, 30)] * 3,
        patch=4, context=1.5, batch=4, seed=seed, empty=0.6, mining=0.7, bare=(0, 2),
    )  # fmt: skip


def loudness(batch: Batch) -> list[float]:
    """What stands for the network: depends on every pixel that was read."""
    return batch.image.mean(dim=(1, 2, 3)).tolist()


def one_by_one(seed: int) -> list[Batch]:
    """Without threads or interruptions."""
    alarms, drawn = Alarms(), []
    for step in range(STEPS):
        drawn.append(tiles(seed).draw(step, alarms.known()))
        alarms.note(drawn[-1].places, loudness(drawn[-1]))
    return drawn


def in_parts(seed: int, stops: list[int], threads: int) -> list[Batch]:
    """Ended after some steps, in the midst of the next one, and taken up from what was saved."""
    saved, drawn = json.dumps(Alarms().plain()), []
    for stop in [*sorted(stops), STEPS]:
        alarms = Alarms(**json.loads(saved))
        with reading_ahead(tiles(seed).choose, STEPS, threads) as take:
            while len(drawn) < stop:
                drawn.append(take(len(drawn), alarms))
                alarms.note(drawn[-1].places, loudness(drawn[-1]))
                saved = json.dumps(alarms.plain())
            if stop < STEPS:
                alarms.note(take(stop, alarms).places, [1.0] * 4)
    return drawn


@settings(max_examples=40, deadline=None)
@given(
    st.integers(0, 5),
    st.lists(st.integers(0, STEPS - 1), max_size=4),
    st.integers(1, 3),
)
def test_places_and_pixels_are_the_same_whenever_it_was_interrupted(
    seed: int, stops: list[int], threads: int
) -> None:
    for one, other in zip(one_by_one(seed), in_parts(seed, stops, threads), strict=True):
        assert one.places == other.places
        assert torch.equal(one.image, other.image)


def test_what_is_found_changes_places_so_the_law_above_could_fail() -> None:
    deaf = [tiles(0).draw(step).places for step in range(STEPS)]
    heard = [batch.places for batch in one_by_one(0)]
    assert deaf[:3] == heard[:3]
    assert deaf[3] != heard[3]
