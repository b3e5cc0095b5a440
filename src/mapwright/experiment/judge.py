"""Which differences of a study are real: its results held against `mapwright.metrics.verdicts`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mapwright.data.spec import Split
from mapwright.data.splits import group_names
from mapwright.experiment.measure import PER_CLASS, WHOLE
from mapwright.experiment.results import Compare
from mapwright.metrics.ranking import rank
from mapwright.metrics.trials import Measure, Trials, collect, of_all, of_class
from mapwright.metrics.verdicts import compare


def against_the_first(split: Split) -> Compare:
    """Compares every configuration with the first one of the study.

    Args:
        split: Says which images belong together and are no independent draws.
    """

    def judged(results: Mapping[str, Any]) -> tuple[list[dict[str, Any]], list[str]]:
        trials = trials_of(results, split)
        if trials is None or len(trials.names) < 2:
            return [], []
        ids = {entry["label"]: entry["id"] for entry in results["configurations"]}
        reference = results["configurations"][0]["label"]
        baseline = reference if reference in trials.names else trials.names[0]
        comparisons = [
            {
                "first": ids[entry.name],
                "second": ids[entry.baseline],
                "text": entry.sentence(),
                **entry.plain(),
            }
            for entry in compare(trials, baseline)
        ]
        ranking = rank(trials)
        return comparisons, [
            f"not detectably worse than the best in {ranking.measure}: "
            + ", ".join(ranking.together)
        ]

    return judged


def trials_of(results: Mapping[str, Any], split: Split) -> Trials | None:
    """The finished trainings of a study by configuration, training and image.

    What the seeds are in `Trials` are here all trainings that scored an image anew: seeds and
    repeated divisions. The folds of one division score different images and make one of them.

    Args:
        results: As in `results.json`.
        split: Says which images belong together.

    Returns:
        The trials; None when no training is finished.
    """
    labels = {entry["id"]: entry["label"] for entry in results["configurations"]}
    done = [run for run in results["runs"] if run["status"] == "done" and run["images"]]
    if not done:
        return None
    stems = list(dict.fromkeys(image["stem"] for run in done for image in run["images"]))
    turns = list(dict.fromkeys((run["seed"], run["repeat"]) for run in done))
    classes = [entry["name"] for entry in results["dataset"]["classes"]]
    size = (len(turns), len(stems), len(classes), len(classes))
    tables: dict[str, NDArray[np.float64]] = {}
    for run in done:
        table = tables.setdefault(labels[run["configuration"]], np.full(size, np.nan))
        for image in run["images"]:
            table[turns.index((run["seed"], run["repeat"])), stems.index(image["stem"])] = image[
                "counts"
            ]
    ordered = {label: tables[label] for label in labels.values() if label in tables}
    return collect(ordered, measure_of(results["metric"], classes), group_names(stems, split))


def measure_of(metric: str, classes: list[str]) -> Measure:
    """The score of a name, from counts that are added up; see `measure_named`."""
    if metric in WHOLE:
        return of_all(metric, WHOLE[metric], len(classes))
    kind, _, name = metric.partition(" ")
    return of_class(metric, PER_CLASS[kind], classes.index(name), len(classes))
