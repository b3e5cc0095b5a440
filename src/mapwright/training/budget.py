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
    def left(self) -> float:
        """Seconds until the budget is spent."""
        return self.began + self.seconds - time.monotonic()


@dataclass(frozen=True)
class Share:
    """What one fold may do.

    Args:
        steps: Training steps.
        validate_every: Steps between two validations.
        deadline: `time.monotonic()` at which the clock ends it.
    """

    steps: int
    validate_every: int
    deadline: float


def share_out(
    clock: Clock, speed: Speed, *, folds: int, val_pixels: int, views: int, reserve: float
) -> Share:
    """Divide what is left of a budget among the folds that are left.

    Args:
        clock: The budget.
        speed: What was measured.
        folds: Folds left, this one included.
        val_pixels: Pixels that one fold validates on.
        views: Times that an image is predicted for the final score.
        reserve: Seconds that everything after the last fold takes.

    Raises:
        SettingError: The budget is too small for one step a fold.
    """
    look = val_pixels * speed.pixel
    seconds = (clock.left - reserve) / folds - look * views
    most = _LOOK_SHARE * seconds / look if look else math.inf
    looks = int(min(max(most, _LOOKS[0]), _LOOKS[1])) if look else 1
    steps = int((seconds - looks * look) / speed.step)
    if steps < 1:
        raise SettingError(
            f"the budget of {clock.seconds:.0f} s leaves {max(seconds, 0):.0f} s for a fold",
            where="budget",
            expected=f"time for at least one step of {speed.step:.1f} s and two validations of "
            f"{look:.1f} s in each of {folds} folds",
            fix="give more time, fewer folds, or a smaller network",
        )
    deadline = time.monotonic() + seconds + GRACE * clock.seconds
    return Share(steps, math.ceil(steps / looks), deadline)
