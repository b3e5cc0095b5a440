"""Which configurations can't be told apart from the best, and which may be dropped."""

from __future__ import annotations

import json

import numpy as np
import pytest

from mapwright.errors import SettingError
from mapwright.metrics.ranking import Ranking, rank
from mapwright.metrics.trials import collect, of_hits, of_values
from studies import made_up

IOU = of_hits("IoU of roof")


def planted(
    *better: float, seeds: int = 3, images: int = 24, seed: int = 0
) -> dict[str, np.ndarray]:
    """Configurations a, b, ... that are better than 0.7 by so much."""
    shape = (len(better), seeds, images)
    counts = made_up(np.random.default_rng(0), 1, shape, better=np.array(better), noise=0.01)
    return dict(zip("abcdefgh", counts[0], strict=False))


def test_the_best_and_what_is_as_good_stay_together() -> None:
    ranking = rank(collect(planted(-0.2, 0.1, 0.1, -0.15), IOU))
    assert set(ranking.together) == {"b", "c"}
    assert set(ranking.worse) == {"a", "d"}
    assert ranking.best in {"b", "c"}
    assert ranking.places[0].difference == 0
    assert ranking["a"].against in {"b", "c"}
    assert [place.difference for place in ranking.places] == sorted(
        (place.difference for place in ranking.places), reverse=True
    )


def test_a_single_winner_is_behind_nothing() -> None:
    ranking = rank(collect(planted(0, 0.2, 0), IOU))
    assert ranking.together == ("b",)
    assert ranking["b"].behind == 0
    assert ranking.sentence("b") == "b: better than all others"
    assert "surely worse than the best (p = " in ranking.sentence("a")
    # bounds hold for all at once, so the losers are behind by the difference and more
    assert ranking["a"].behind > -ranking["a"].difference > 0


def test_what_stays_may_be_behind_by_what_cannot_be_seen() -> None:
    ranking = rank(collect(planted(0, 0, 0), IOU))
    assert set(ranking.together) == {"a", "b", "c"}
    for place in ranking.places:
        assert place.behind > -place.difference >= 0
        assert f"at most {place.behind:.3f} IoU of roof behind it" in ranking.sentence(place.name)


def test_more_looks_and_more_configurations_drop_less() -> None:
    tables = planted(0, 0.08, 0.08)
    once, often = (rank(collect(tables, IOU), looks=looks) for looks in (1, 1000))
    assert "a" in once.worse
    assert "a" in often.together
    assert often["a"].p == pytest.approx(min(1, 1000 * once["a"].p))
    assert often["a"].behind > once["a"].behind


def test_one_fold_of_one_seed_drops_only_what_is_hopeless() -> None:
    tables = planted(0.0, 0.05, -0.6, seeds=1, images=25)
    for table in tables.values():
        table[:, 5:] = np.nan
    tables["b"] = planted(0.0, 0.05, -0.6, seeds=1, images=25)["b"]
    ranking = rank(collect(tables, IOU), looks=3)
    assert ranking.worse == ("c",)


def test_what_shares_no_cell_with_the_others_is_not_dropped() -> None:
    a, b, c = 0.5 + 0.01 * np.random.default_rng(0).random((3, 3, 20))
    b += 0.3
    a[:, 10:] = np.nan
    b[:, 10:] = np.nan
    c[:, :10] = np.nan
    ranking = rank(collect({"a": a, "b": b, "c": c}, of_values("score")))
    assert ranking.best == "b"
    assert set(ranking.together) == {"b", "c"}
    assert np.isnan(ranking["c"].difference)
    assert (ranking["c"].p, ranking["c"].against) == (1, "")
    assert "too little was scored" in ranking.sentence("c")
    again = Ranking.from_plain(json.loads(json.dumps(ranking.plain())))
    assert again.plain() == ranking.plain()


def test_where_each_beats_another_the_last_one_stays() -> None:
    tables = {name: np.full((3, 30), np.nan) for name in "abc"}
    for k, (low, high) in enumerate(["ab", "bc", "ca"]):
        tables[low][:, 10 * k : 10 * k + 10] = 0.2 + 0.001 * k
        tables[high][:, 10 * k : 10 * k + 10] = 0.8
    assert len(rank(collect(tables, of_values("score"))).together) >= 1


@pytest.mark.parametrize("values", [np.full((2, 4), np.nan), np.full((2, 4), 0.5)])
def test_one_configuration_is_the_best(values: np.ndarray) -> None:
    ranking = rank(collect({"only": values}, of_values("score")))
    assert ranking.together == ("only",)
    assert ranking.worse == ()
    assert ranking.sentence("only") == "only: better than all others"


def test_a_ranking_survives_json() -> None:
    ranking = rank(collect(planted(0, 0.1, 0.05), IOU), looks=2)
    assert Ranking.from_plain(json.loads(json.dumps(ranking.plain()))) == ranking


def test_no_look_is_no_ranking() -> None:
    with pytest.raises(SettingError, match="0 looks"):
        rank(collect(planted(0, 0), IOU), looks=0)
