"""What a study of splits found: how much each way to divide the data would have flattered."""

from __future__ import annotations

from typing import Any

import numpy as np

from mapwright.experiment.design import SPLIT
from mapwright.experiment.ground import Optimism, units_of
from mapwright.experiment.judge import measure_of
from mapwright.experiment.outcome import Outcome
from mapwright.experiment.results import Account
from mapwright.metrics.optimism import Promise, promises
from mapwright.metrics.trials import Values


def judge_splits(account: Account, asked: Optimism) -> tuple[Promise, ...]:
    """Hold what each division showed against what ground apart showed of the same trainings.

    Args:
        account: The study, as far as it is.
        asked: How the data were divided.

    Returns:
        One entry for each division of which a training is finished.
    """
    done = [
        outcome
        for cell in account.cells
        if (outcome := account.outcomes.get(cell.id)) and outcome.status == "done"
    ]
    if not done:
        return ()
    pieces = dict.fromkeys(name for one in done for name in (*one.counts, *one.apart))
    units = units_of(list(pieces), account.dataset, asked)
    tables = {}
    for entry in account.configurations:
        own = [one for one in done if one.cell.configuration == entry.id]
        if own:
            turns = list(dict.fromkeys((o.cell.seed, o.cell.repeat) for o in done))
            tables[str(entry.levels[SPLIT])] = _Table(units, turns).both(own)
    classes = [entry.name for entry in account.dataset.spec.classes]
    return promises(tables, measure_of(account.metric, classes))


def with_promises(results: dict[str, Any], account: Account) -> dict[str, Any]:
    """Results with what the divisions promised, where a study is about that.

    Args:
        results: As in `results.json`.
        account: What they are made from.

    Returns:
        The results with `optimism`: what lay `apart`, and `rows`, one for each division; their
        sentences stand first among the findings.
    """
    asked = account.optimism
    if asked is None:
        return results
    found = judge_splits(account, asked)
    rows = [{**one.plain(), "text": one.sentence(asked.apart)} for one in found]
    told = {"apart": asked.apart, "rows": rows}
    findings = [*(row["text"] for row in rows), *results["findings"]]
    return {**results, "optimism": told, "findings": findings}


class _Table:
    """Counts by training and unit of ground."""

    def __init__(self, units: dict[str, str], turns: list[tuple[int, int]]) -> None:
        self._units, self._turns = units, turns
        self._places = {unit: k for k, unit in enumerate(dict.fromkeys(units.values()))}

    def both(self, outcomes: list[Outcome]) -> tuple[Values, Values]:
        """(S, U, K, K) counts of what was held out, and of what lay apart; NaN where untrained."""
        return self._add(outcomes, "counts"), self._add(outcomes, "apart")

    def _add(self, outcomes: list[Outcome], part: str) -> Values:
        classes = len(next(iter(getattr(outcomes[0], part).values())))
        table = np.full((len(self._turns), len(self._places), classes, classes), np.nan)
        for one in outcomes:
            turn = self._turns.index((one.cell.seed, one.cell.repeat))
            table[turn] = np.nan_to_num(table[turn])
            for name, counts in getattr(one, part).items():
                table[turn, self._places[self._units[name]]] += np.array(counts)
        return table
