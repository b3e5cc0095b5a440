"""Scores equal those of scikit-learn."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from sklearn import metrics as sk

from mapwright.metrics import confusion as cm
from mapwright.types import IGNORE

CLASSES = 5
SHAPE = st.tuples(st.integers(1, 9), st.integers(1, 9))
labels = SHAPE.flatmap(
    lambda shape: st.tuples(
        arrays.arrays(np.uint8, shape, elements=st.sampled_from([0, 1, 2, 3, 4, IGNORE])),
        arrays.arrays(np.uint8, shape, elements=st.integers(0, CLASSES - 1)),
    )
)


@settings(max_examples=200, deadline=None)
@given(labels)
def test_scores_equal_scikit_learn(pair: tuple[np.ndarray, np.ndarray]) -> None:
    truth, guess = pair
    known = truth != IGNORE
    counts = cm.confusion(truth, guess, CLASSES)
    assert counts.sum() == known.sum()
    if not known.any():
        return
    a, b = truth[known], guess[known]
    here = np.unique(np.concatenate([a, b]))
    absent = np.setdiff1d(np.arange(CLASSES), here)
    per_class = sk.jaccard_score(a, b, labels=here, average=None)
    f1 = sk.f1_score(a, b, labels=here, average=None)
    mean = sk.jaccard_score(a, b, average="macro")
    assert np.abs(cm.iou(counts)[here] - per_class).max() <= 1e-12
    assert np.abs(cm.f1(counts)[here] - f1).max() <= 1e-12
    assert np.isnan(cm.iou(counts)[absent]).all()
    assert np.isnan(cm.f1(counts)[absent]).all()
    assert abs(cm.mean_iou(counts) - mean) <= 1e-12
    assert abs(cm.accuracy(counts) - sk.accuracy_score(a, b)) <= 1e-12
    assert (counts == sk.confusion_matrix(a, b, labels=np.arange(CLASSES))).all()


@settings(max_examples=50, deadline=None)
@given(st.lists(labels, min_size=1, max_size=5))
def test_pooling_counts_is_pooling_pixels(pairs: list[tuple[np.ndarray, np.ndarray]]) -> None:
    pooled = sum(cm.confusion(t, g, CLASSES) for t, g in pairs)
    truth = np.concatenate([t.ravel() for t, _ in pairs])
    guess = np.concatenate([g.ravel() for _, g in pairs])
    assert (pooled == cm.confusion(truth, guess, CLASSES)).all()
