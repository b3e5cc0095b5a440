"""A time budget becomes a number of steps."""

from __future__ import annotations

import math
import re
import time
from dataclasses import dataclass

from mapwright.errors import SettingError
from mapwright.training.fit import Speed

_LOOK_SHARE = 0.1  # of a fold's time at most goes into validation
_LOOKS = (2, 20)  # fewest and most validations of a fold
_ENOUGH_LOOKS = 8  # where many images are held out, fewer are looked at rather than less often
_SCORE_SHARE = 0.25  # of a fold's time at most goes into its score
_FEWEST = 24  # held-out images that are always looked at and scored, if there are as many
_UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0}
GRACE = 0.07  # of the budget: a fold may run over its share by so much before the clock ends it


def parse_seconds(text: str) -> float:
    """`90s`, `15m`, `2h` or `1h30m` as seconds.

    Raises:
        SettingError: Not a duration.
    """
    parts = re.findall(r"(\d+(?:\.\d+)?)\s*([smh])", text.strip().lower())
    if not parts or re.sub(r"\d+(?:\.\d+)?\s*[smh]\s*", "", text.strip().lower()):
        raise SettingError(
            f"{text!r} is no duration", where="budget", expected="such as 90s, 15m, 2h or 1h30m"
        )
    return sum(float(number) * _UNITS[unit] for number, unit in parts)


@dataclass(frozen=True)
class Clock:
    """The time that a whole command has.

    Args:
        began: `time.monotonic()` at its start.
        seconds: Its budget.
    """

    began: float
    seconds: float

    @property
    def end(self) -> float:
        """`time.monotonic()` at which the budget is spent."""
        return self.began + self.seconds

    @property
    def left(self) -> float:
        """Seconds until then."""
        return self.end - time.monotonic()


@dataclass(frozen=True)
class Held:
    """What a fold holds out.

    Args:
        images: Number of images.
        pixels: Number of their pixels.
        views: Times that an image is predicted for the final score.
        scoring: Seconds that this score takes beside, if it is of all images.
    """

    images: int
    pixels: int
    views: int = 1
    scoring: float = 0.0


@dataclass(frozen=True)
class Looks:
    """What is settled of how a fold looks at what it holds out; None = it is to be chosen.

    Args:
        validate_every: Steps between two validations.
        validate_on: Held-out images that each of them looks at; 0 = all.
        score_on: Held-out images that are scored at the end; 0 = all.
    """

    validate_every: int | None = None
    validate_on: int | None = None
    score_on: int | None = None


_OPEN = Looks()


@dataclass(frozen=True)
class Share:
    """What one fold may do.

    Args:
        steps: Training steps.
        validate_every: Steps between two validations.
        validate_on: Held-out images that each of them looks at; 0 = all.
        score_on: Held-out images that are scored at the end; 0 = all.
        deadline: `time.monotonic()` at which the clock ends it.
    """

    steps: int
    validate_every: int
    validate_on: int
    score_on: int
    deadline: float


def share_out(
    clock: Clock,
    speed: Speed,
    *,
    folds: int,
    held: Held,
    reserve: float,
    settled: Looks = _OPEN,
) -> Share:
    """Divide what is left of a budget among the folds that are left.

    Where many images are held out, looking at all of them again and again, or even once, would
    leave no time to learn: then a part of them is looked at, and at worst a part is scored.

    Args:
        clock: The budget.
        speed: What was measured.
        folds: Folds left, this one included.
        held: What each of them holds out.
        reserve: Seconds that everything after the last fold takes, beside the scores of these.
        settled: What was chosen by hand, or for a fold before; time is left for just that.

    Raises:
        SettingError: The budget is too small for one step a fold.
    """
    whole = held.pixels * speed.pixel  # seconds of a look at all of them
    scored = whole * held.views + held.scoring
    seconds = (clock.left - reserve) / folds
    score_on = settled.score_on
    if score_on is None:
        score_on = _affordable(held.images, scored, _SCORE_SHARE * seconds)
    seconds -= _part(score_on, held.images) * scored
    validate_on = settled.validate_on
    if validate_on is None:
        looks = _expected_looks(seconds, speed, settled.validate_every)
        validate_on = _affordable(held.images, whole, _LOOK_SHARE * seconds / looks)
    look = _part(validate_on, held.images) * whole
    steps, every = _steps(seconds, speed.step, look, settled.validate_every)
    if steps < 1:
        raise SettingError(
            f"the budget of {clock.seconds:.0f} s leaves {max(seconds, 0):.0f} s for a fold",
            where="budget",
            expected=f"time for at least one step of {speed.step:.1f} s and two validations of "
            f"{look:.1f} s in each of {folds} folds",
            fix="give more time, fewer folds, or a smaller network",
        )
    deadline = time.monotonic() + seconds + GRACE * clock.seconds
    return Share(steps, every, validate_on, score_on, deadline)


def _expected_looks(seconds: float, speed: Speed, every: int | None) -> float:
    """About how often a fold validates, if that takes a small part of its time."""
    if every is None:
        return _ENOUGH_LOOKS
    return max(1.0, seconds / (every * speed.step))


def _steps(seconds: float, step: float, look: float, every: int | None) -> tuple[int, int]:
    """Training steps that fit into a time, and the steps between two validations.

    Args:
        seconds: The time.
        step: Seconds of a step.
        look: Seconds of a validation; one follows the last step in any case.
        every: Steps between two validations, if that is settled.
    """
    if every is None:
        most = _LOOK_SHARE * seconds / look if look else math.inf
        looks = int(min(max(most, _LOOKS[0]), _LOOKS[1])) if look else 1
        steps = int((seconds - looks * look) / step)
        return steps, math.ceil(steps / looks)
    rounds, rest = divmod(max(seconds, 0.0), every * step + look)
    return int(rounds) * every + max(int((rest - look) / step), 0), every


def _affordable(images: int, cost: float, seconds: float) -> int:
    """How many of some images fit into a time, but never a handful of many; 0 = all."""
    if cost <= seconds or images <= _FEWEST:
        return 0
    return max(_FEWEST, int(images * max(seconds, 0) / cost))


def _part(chosen: int, images: int) -> float:
    """The share of images that were chosen; 0 = all."""
    return chosen / images if 0 < chosen < images else 1.0
