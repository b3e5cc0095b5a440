"""Which configurations go on to more seeds and folds.

Successive halving (Jamieson and Talwalkar 2016, "Non-stochastic best arm identification and
hyperparameter optimization", AISTATS): all configurations are trained a little, the best go on.
Here a little is few seeds and folds, not few steps, so every training is one that counts.

Two things are told apart. What `rank` calls surely worse is: over all rungs, the truly best
configuration is among them with a risk of 5 %. What is left out beyond that, because no more than
`keep` go on, is left out to save time, and was not shown to be worse. A third kind has no score to
be ranked by: where every training of the first rung failed, no further ones are tried.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING

from pydantic import Field

from mapwright.data.config import Config
from mapwright.metrics.ranking import Ranking

if TYPE_CHECKING:
    from mapwright.experiment.design import Cell
    from mapwright.experiment.outcome import Outcome


class Rung(Config):
    """A stage of a study.

    Args:
        seeds: So many of the study's seeds, the first ones.
        folds: So many of the folds of each division, the first ones.
        keep: So many configurations go on at most, the one that others are held against among them.
    """

    seeds: int = Field(default=1, ge=1)
    folds: int = Field(default=1, ge=1)
    keep: int = Field(ge=2)


def rung_of(cell: Cell, rungs: Sequence[Rung], seeds: Sequence[int]) -> int:
    """The first rung that a cell belongs to, from 0; the number of rungs where it is in none."""
    for number, rung in enumerate(rungs):
        if cell.seed in seeds[: rung.seeds] and cell.fold < rung.folds:
            return number
    return len(rungs)


def left_behind(
    ranking: Ranking, keep: int, always: str, gone: Collection[str] = ()
) -> dict[str, str]:
    """The configurations that don't go on, each with the reason in words.

    Args:
        ranking: Of all that were trained, by what they have been trained so far.
        keep: So many go on at most.
        always: Goes on whatever its place; where it is in none, the others share its own.
        gone: Given up before.
    """
    worse = set(ranking.worse)
    order = [place.name for place in ranking.places if place.name not in gone]
    first = int(always in order)
    stay = [name for name in order if name not in worse and name != always][: keep - first]
    return {
        name: ranking.sentence(name).partition(": ")[2]
        if name in worse
        else _for_time(ranking, name, len(stay) + first)
        for name in order
        if name not in (*stay, always)
    }


def all_failed(
    cells: Sequence[Cell],
    outcomes: Mapping[str, Outcome],
    rungs: Sequence[Rung],
    seeds: Sequence[int],
) -> dict[str, list[Outcome]]:
    """What the trainings of the first rung left behind, of the configurations where all failed.

    Later rungs need no look: there a configuration has a score already, or is not trained.

    Args:
        cells: All cells of the study.
        outcomes: Of those that were run, by id.
        rungs: The stages of the study; without any, nothing is found.
        seeds: The seeds of the study.
    """
    tried: dict[str, list[Outcome | None]] = defaultdict(list)
    for cell in cells if rungs else ():
        if rung_of(cell, rungs, seeds) == 0:
            tried[cell.configuration].append(outcomes.get(cell.id))
    failed = {
        name: [one for one in own if one is not None and one.status == "failed"]
        for name, own in tried.items()
    }
    return {name: own for name, own in failed.items() if len(own) == len(tried[name])}


def _for_time(ranking: Ranking, name: str, stay: int) -> str:
    place = [entry.name for entry in ranking.places].index(name) + 1
    behind = max(0.0, -ranking[name].difference)
    return (
        f"place {place} of {len(ranking.places)}, {behind:.3f} {ranking.measure} behind "
        f"{ranking.best}; {stay} go on. That it is worse is not shown"
    )
