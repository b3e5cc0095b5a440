import pytest

from builders import make_bundle
from mapwright.card import read_header
from mapwright.types import Window


def test_what_a_card_tells_comes_back_from_its_header() -> None:
    bundle = make_bundle(2, (0,), (5, 6), (9,), bands=("red", "nir"), threshold=0.25)
    back = read_header(bundle.header(), "a test")
    for key, value in back.items():
        assert value == getattr(bundle, key)


def test_some_members_keep_their_own_history() -> None:
    history = make_bundle(3).history.model_copy(
        update={"steps": (10, 20, 30), "best_steps": (1, 2, 3), "cut_short": (0, 2)}
    )
    assert len(history.learnt) == 3  # worked out before the copy is made
    fewer = history.only([2, 1])
    assert fewer.steps == (30, 20)
    assert fewer.best_steps == (3, 2)
    assert fewer.cut_short == (0,)
    assert fewer.folds == (history.folds[2], history.folds[1])
    assert len(fewer.learnt) == 2


def test_an_ensemble_as_one_has_learnt_what_any_has() -> None:
    history = make_bundle(3).history
    assert len(history.learnt) == 3
    one = history.as_one()
    (seen,) = one.learnt
    assert all(seen.meets(digest, None) for digest in history.images.values())
    assert one.steps == (3,)
    assert not any(one.validated.meets(d, Window(0, 0, 1, 1)) for d in history.images.values())


def test_one_member_as_one_is_itself() -> None:
    history = make_bundle(1).history
    assert history.as_one() == history


@pytest.mark.parametrize("asked", [None, "none", "flips", "d4"])
def test_a_card_uses_the_planned_augmentation_unless_asked(asked: str | None) -> None:
    card = make_bundle(plan={"tta": "flips"})
    assert card.views(asked) == (asked or "flips")  # type: ignore[arg-type]
