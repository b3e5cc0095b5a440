"""A network of your own in the place of those that are named.

A function `(in_channels, classes) -> torch.nn.Module` makes it, a module
(N, C, H, W) float32 -> (N, K, H, W) float32 logits. Input is standardised, and 0 where invalid.
Heights and widths come as multiples of its attribute `stride` (a whole number of pixels; 32
without one). Where the borders between objects are learnt, `classes` is one more than there are:
the last channel is theirs.
A model file holds the name of the function, never its code.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from mapwright.errors import MapwrightError, SettingError

_ONE_MORE = (
    "give as many channels as `classes` asks for: one more than there are classes where the "
    "borders between objects are learnt, which border=0 leaves out"
)

Build = Callable[[int, int], nn.Module]
"""Takes the numbers of bands and of classes."""

STRIDE = 32
"""Pixels; every encoder halves its input five times."""


class ChannelsLast(nn.Module):
    """A network that wants the bands of a pixel last, as Keras does, as one that wants them first.

    Its variables are known by their order, for Keras names them anew each time it builds.

    Args:
        network: (N, H, W, C) float32 -> (N, H, W, K) float32 logits: a Keras model on its torch
            backend, built for any height and width, or a torch module.
        stride: Its heights and widths are multiples of this, in pixels.

    Shape:
        (N, C, H, W) float32 -> (N, K, H, W) float32 logits.

    Raises:
        SettingError: Keras runs on another backend than torch.
    """

    def __init__(self, network: Any, stride: int = STRIDE) -> None:
        super().__init__()
        self.stride = stride
        self._keras = sys.modules.get("keras") if _is_keras(network) else None
        if self._keras:
            _require_torch(self._keras.backend.backend())
            self._held = (network,)  # not as a module, whose names would be those of Keras
            self.variables = nn.ParameterList([variable.value for variable in network.variables])
        else:
            self.network = network

    def forward(self, image: Tensor) -> Tensor:
        """Logits of a batch."""
        last = image.permute(0, 2, 3, 1)
        if self._keras:
            with self._keras.device(str(image.device)):
                logits = self._held[0](last, training=self.training)
        else:
            logits = self.network(last)
        first: Tensor = logits.permute(0, 3, 1, 2)
        return first


def name_of(build: str | Build) -> str:
    """The name under which a function is found again.

    Args:
        build: The function, or its name, `package.module:function`.

    Raises:
        SettingError: It can't be found under that name.
    """
    if isinstance(build, str):
        find(build)
        return build
    module, name = getattr(build, "__module__", ""), getattr(build, "__qualname__", "")
    if module and name and _look_up(sys.modules.get(module), name) is build:
        return f"{_script() if module == '__main__' else module}:{name}"
    raise SettingError(
        f"{name or build!r} has no name under which it can be found again",
        where="build",
        expected="a function that stands by itself in a module, so that the model file can name it",
        fix="write it with `def` at the top of a file, not inside another function",
    )


def find(name: str) -> Build:
    """The function of a name.

    Raises:
        SettingError: It is not there, or is no function of a package of yours.
    """
    module_name, _, function_name = name.partition(":")
    # a model file may hold any name: nothing of the system is imported or called because of one
    if module_name.partition(".")[0] in sys.stdlib_module_names - {"__main__"}:
        raise _missing(name, "it is no function that makes a network")
    try:
        known = "__main__" if module_name == _script() else module_name  # it may not run twice
        module = sys.modules.get(known) or import_module(module_name)
    except Exception as error:  # whatever a module raises while it is imported
        raise _missing(name, f"{type(error).__name__}: {error}") from error
    function = _look_up(module, function_name)
    if function is None:
        raise _missing(name, f"{module_name} has no {function_name!r}")
    if not (hasattr(function, "__code__") or _makes_modules(function)):
        raise _missing(name, "it is no function that makes a network")
    found: Build = function
    return found


def build_own(name: str, in_channels: int, classes: int) -> nn.Module:
    """Make a network by the function of a name, and look whether it does what it must.

    Args:
        name: `package.module:function`.
        in_channels: Number of bands C.
        classes: Number of classes K.

    Raises:
        SettingError: The function can't be had, fails, or makes no such network.
    """
    build = find(name)
    try:
        with _seeded():
            network = build(in_channels, classes)
    except MapwrightError:
        raise
    except Exception as error:  # whatever someone else's code raises
        raise _wrong(name, f"it failed: {type(error).__name__}: {error}") from error
    if not isinstance(network, nn.Module):
        raise _wrong(name, f"it gives {type(network).__name__}, no torch.nn.Module")
    _require_logits(name, network, in_channels, classes)
    return network


def stride_of(network: nn.Module) -> int:
    """What heights and widths must be multiples of, in pixels."""
    stride = getattr(network, "stride", STRIDE)
    return stride if isinstance(stride, int) and stride > 0 else STRIDE


@torch.no_grad()
def _require_logits(name: str, network: nn.Module, bands: int, classes: int) -> None:
    """Run a small tile through it; what is made at the first call is made now."""
    stride = stride_of(network)
    side = stride * max(1, -(-64 // stride))
    rng = torch.Generator().manual_seed(0)
    try:
        found = network.eval()(torch.randn(1, bands, side, 2 * side, generator=rng))
    except Exception as error:  # whatever someone else's code raises
        what = f"it can't take (1, {bands}, {side}, {2 * side}): {type(error).__name__}: {error}"
        raise _wrong(name, what) from error
    finally:
        network.train()
    if not isinstance(found, Tensor):
        raise _wrong(name, f"its network gives {type(found).__name__}, not one tensor")
    given, wanted = tuple(found.shape), (1, classes, side, 2 * side)
    if given == (1, side, 2 * side, classes):
        raise _wrong(name, "its network gives classes last", "wrap it in mapwright.ChannelsLast")
    if given != wanted:
        what = f"its network gives {given}, not {wanted}, for a tile of {side} x {2 * side} pixels"
        fix = _ONE_MORE if given[1:2] == (classes - 1,) else "correct the function"
        raise _wrong(name, what, fix)
    if bool((found >= 0).all()) and torch.allclose(found.sum(dim=1), torch.ones(()), atol=1e-4):
        raise _wrong(name, "its network gives probabilities", "leave the last softmax out")


def _script() -> str:
    """The name under which the program that runs can be imported; `__main__` in a notebook."""
    main = sys.modules["__main__"]
    if spec := getattr(main, "__spec__", None):
        return str(spec.name)
    file = Path(getattr(main, "__file__", None) or "")
    return file.stem if file.suffix == ".py" else "__main__"


def _look_up(module: Any, path: str) -> Any:
    """What stands in a module under a dotted path; None when nothing does."""
    for part in path.split("."):
        module = getattr(module, part, None)
    return module


def _makes_modules(found: Any) -> bool:
    return isinstance(found, type) and issubclass(found, nn.Module)


def _is_keras(network: Any) -> bool:
    keras = sys.modules.get("keras")
    return keras is not None and isinstance(network, keras.Model)


def _require_torch(backend: str) -> None:
    if backend != "torch":
        raise SettingError(
            f"Keras runs on {backend}",
            where="KERAS_BACKEND",
            expected="torch",
            fix='set os.environ["KERAS_BACKEND"] = "torch" before Keras is imported',
        )


@contextmanager
def _seeded() -> Iterator[None]:
    """Other generators of random numbers follow torch's seed meanwhile: Keras takes Python's."""
    kept, kept_numpy = random.getstate(), np.random.get_state()  # noqa: NPY002
    seed = torch.initial_seed() % 2**32
    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002
    try:
        yield
    finally:
        random.setstate(kept)
        np.random.set_state(kept_numpy)  # noqa: NPY002


def _missing(name: str, reason: str) -> SettingError:
    return SettingError(
        f"the function that makes the network can't be had: {reason}",
        where=f"build = {name}",
        expected="package.module:function, which Python can import",
        fix="install its package, name its folder in PYTHONPATH, or load the model with "
        "mapwright.load(path, build=function)",
    )


def _wrong(name: str, what: str, fix: str = "correct the function") -> SettingError:
    return SettingError(
        f"the network can't be used: {what}",
        where=f"build = {name}",
        expected="a function (in_channels, classes) that gives a torch.nn.Module from "
        "(N, C, H, W) to logits (N, K, H, W)",
        fix=fix,
    )
