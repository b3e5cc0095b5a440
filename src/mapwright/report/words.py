"""The protocol of a training, in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mapwright.data.optimizers import OPTIMIZERS
from mapwright.report.facts import Facts


def protocol(facts: Facts) -> dict[str, str]:
    """What was done and how it was scored, a heading and a paragraph each."""
    return {
        "Data": _data(facts),
        "Split": _split(facts),
        "Starting weights": _start(facts),
        "Training": _training(facts),
        "Validation strategy": _validation(facts),
        "Metrics": _metrics(facts),
        **({"Objects": _objects(facts)} if facts.bundle.decision.objects else {}),
        "Environment": _environment(facts),
        "Limits": _limits(facts),
    }


def reproduce(facts: Facts) -> str:
    """The command that makes the same training again."""
    history, plan = facts.bundle.history, facts.bundle.plan
    folds = len(history.folds) if any(fold.val for fold in history.folds) else 0
    parts = ["mapwright train DATA -o RUN", f"--folds {folds}", "--dataset dataset.toml"]
    if history.parent:
        parts.append(f"--from MODEL  # {history.parent}")
    by_hand = [key for key, reason in facts.reasons.items() if reason == "set by hand"]
    plain = plan.plain()
    parts += set_options(plain, by_hand)
    if plan.fold_steps:
        parts.append(f"--set fold_steps='{list(plan.fold_steps)}'")
        timed = ("steps", "validate_every", "validate_on", "score_on")
        parts += [f"--set {key}={plain[key]}" for key in timed if key not in by_hand]
    return " \\\n    ".join(parts)


def set_options(values: Mapping[str, Any], keys: Sequence[str]) -> list[str]:
    """Settings as `--set` takes them, a table's values one by one."""
    options = []
    for key in keys:
        value = values[key]
        inner = {f"{key}.{k}": v for k, v in value.items()} if isinstance(value, dict) else {}
        options += [f"--set {k}={_toml(v)}" for k, v in (inner or {key: value}).items()]
    return options


def network(facts: Facts) -> str:
    """The network in a few words."""
    plan, spec = facts.bundle.plan, facts.bundle.spec
    return f"{plan.network}; bands {', '.join(spec.band_names)}"


def scored(facts: Facts) -> str:
    """How much was scored, and by which network."""
    scores = facts.scores
    assert scores
    images = f"{len(scores.images)} image" + ("" if len(scores.images) == 1 else "s")
    return f"{images}, {scores.pixels:,} labelled pixels · {network(facts)}"


def _toml(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _data(facts: Facts) -> str:
    spec, print_ = facts.bundle.spec, facts.bundle.fingerprint
    total = max(sum(print_.class_pixels), 1)
    shares = ", ".join(f"{c.name} {c.pixels / total:.1%}" for c in print_.classes)
    text = (
        f"{print_.images} labelled images with the bands {', '.join(spec.band_names)}; "
        f"{print_.valid_share:.1%} of their pixels are valid. Classes: {shares}."
    )
    if spec.mask.threshold is not None:
        text += (
            f" Masks are soft: a value of {spec.mask.threshold:g} or more is {spec.class_names[1]}."
        )
    for entry in spec.exclude:
        text += f" Left out: {entry.stem} ({entry.why})."
    return text


def _split(facts: Facts) -> str:
    folds, split = facts.bundle.history.folds, facts.bundle.spec.split
    first = folds[0]
    if not first.val:
        return "All labelled images were learnt from; none was held out."
    if split.by == "given":
        sides = f"{len(first.train)} to learn from, {len(first.val)} held out"
        return f"As it came with the data: {sides}."
    by = {"group": "whole group", "block": "block"}.get(split.by, "image")
    if len(folds) == 1:
        return (
            f"One random split by {by} (seed {split.seed}): {len(first.train)} to learn from, "
            f"{len(first.val)} held out: {', '.join(first.val[:12])}"
            + (", ..." if len(first.val) > 12 else ".")
        )
    most = max(len(fold.val) for fold in folds)
    one = "block" if split.by == "block" else "image"
    return (
        f"{len(folds)} folds by {by} (seed {split.seed}), {most} or fewer {one}s held out "
        f"in each; every {one} is held out once. The divisions are in splits.json."
    )


def _start(facts: Facts) -> str:
    history = facts.bundle.history
    return f"{history.weights_source} ({history.weights_reason})."


def _training(facts: Facts) -> str:
    plan, history = facts.bundle.plan, facts.bundle.history
    steps = " / ".join(map(str, history.steps))
    text = (
        f"{plan.network}; loss {plan.loss} over valid, "
        f"labelled pixels; {OPTIMIZERS[plan.optimizer].words}, learning rate "
        f"{plan.learning_rate:g} after a warm-up of {plan.warmup:.0%}, then a cosine to zero; "
        f"weight decay {plan.weight_decay:g}; "
        f"{steps} steps of {plan.batch} tiles of {plan.patch} x {plan.patch} pixels, "
        f"{'varied as the plan says' if plan.augmentation.varies else 'not varied'}; "
        f"{plan.precision}; gradients clipped at {plan.clip:g}. "
        f"It took {history.seconds / 60:.1f} minutes in all on {history.hardware}"
    )
    text += f", of a budget of {history.budget / 60:.0f}." if history.budget else "."
    if history.cut_short:
        text += f" The clock cut short fold {', '.join(str(k + 1) for k in history.cut_short)}."
    return text


def _validation(facts: Facts) -> str:
    plan, folds = facts.bundle.plan, facts.bundle.history.folds
    if not folds[0].val:
        return "None: no image was held out, so no score is given."
    kept = (
        "The weights with the best mean IoU on the held-out images were kept, so their score is "
        "slightly flattered."
        if plan.keep == "best"
        else "The last weights were kept: the held-out images chose nothing about them."
    )
    if len(folds) == 1:
        return kept
    tuned = (
        f" The decision was tuned for {plan.tune_for}: for each fold's score on the other folds; "
        f"the one stored in the model (threshold {facts.bundle.decision.threshold:.3g}) on all."
        if len(facts.bundle.spec.classes) == 2
        else ""
    )
    return (
        "Every image is scored by a model that never saw it. "
        f"{kept}{tuned} The model file holds all {len(folds)} members; their probabilities are "
        "averaged for new images, for which no score can be given here."
    )


def _metrics(facts: Facts) -> str:
    views = {"none": "one view", "flips": "four flips", "d4": "eight flips and turns"}
    return (
        "Pixels of all held-out images are pooled in one confusion matrix: IoU, F1, precision and "
        "recall per class; mean IoU over the classes present in truth or prediction. Invalid and "
        "unlabelled pixels count nowhere, except in the column 'all pixels', where invalid ones "
        "with a label do, as given no class. 'Per image' is the mean over "
        "the images in which a class occurs. "
        f"{_drawn(facts)} Baseline: the constant prediction "
        f"with the best mean IoU. Prediction averages {views[facts.bundle.plan.tta]} of each tile."
    )


def _drawn(facts: Facts) -> str:
    """How the intervals were found, and what a boundary IoU is where there are any."""
    unit = facts.scores.interval_unit if facts.scores else "images"
    text = (
        f"Intervals: 95 %, bootstrap over {unit}, 1 000 draws, percentiles widened for few units."
    )
    if facts.scores and facts.scores.boundary_width:
        width = facts.scores.boundary_width
        text += f" Boundary IoU (Cheng et al. 2021): the same, of bands {width} pixels wide inside"
        text += (
            " the outlines; the border of an image is an outline, that of unlabelled ground is not."
        )
    return text


def _objects(facts: Facts) -> str:
    """How objects are made, and why so."""
    decision = facts.bundle.decision.objects
    assert decision
    return (
        f"Objects are {facts.bundle.decision.object_words}. Why: {decision.reason}. Presence is "
        + (
            "what the network's gate says of the window where it is surest."
            if facts.bundle.plan.gate
            else "the mean of the 30 highest probabilities of an image."
        )
        + (
            " The network also learnt where objects touch: the edge between two of them, "
            f"{facts.bundle.plan.border} pixels wide on either side, as a further channel."
            if facts.bundle.plan.border
            else ""
        )
        + " Maps show every pixel from the threshold on; smallest size, gate and division apply to"
        " objects, which `mapwright predict --format kaggle` writes."
    )


def _environment(facts: Facts) -> str:
    versions = ", ".join(f"{name} {v}" for name, v in facts.bundle.history.versions.items())
    hardware = facts.environment["hardware"]
    return (
        f"{hardware['name']}, {hardware['cores']} cores, {hardware['memory'] / 2**30:.0f} GiB; "
        f"{facts.environment['platform']}; Python {facts.environment['python']}; {versions}. "
        f"Plan hash {facts.bundle.history.plan_hash[:16]}."
    )


def _limits(facts: Facts) -> str:
    images = len(facts.scores.images) if facts.scores else 0
    text = "Scores hold for images like these: the same sensor, season, region and labelling."
    if 0 < images < 30:
        text += f" {images} images are few: trust the interval more than the number."
    return text + (
        " The split looks at files, not at the ground: where images overlap or touch each other, "
        "the scores flatter."
    )
