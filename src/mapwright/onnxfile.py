"""The exported model file: an ONNX graph that carries all that is known about it, and a seal.

The last entry of the file is the SHA-256 of every byte before it, so that a file that was cut
short or altered is told from the one whose graph was proved equal to the model.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field

from mapwright.card import Card, Decision, History, read_header
from mapwright.data.config import Config
from mapwright.data.spec import DatasetSpec
from mapwright.errors import ModelFileError, SettingError
from mapwright.plan import Plan
from mapwright.types import IGNORE, Tta

SUFFIX = ".onnx"
FORMAT = 1
"""Version of the header; a newer file is refused by older software."""

HEADER = "mapwright"
"""The metadata entry that holds the header."""

_SAME = 1e-6  # of a threshold that was calibrated and turned back
_SEAL = b"mapwright_sha256"
_DIGITS = 64  # of a SHA-256 in hexadecimal

Output = Literal["mask", "probability", "logits", "deepness"]
"""What an exported graph gives; see `Form`."""

SOFT: tuple[Output, ...] = ("probability", "logits")
"""Outputs from which objects can be made as the model makes them."""

TileSide = Annotated[int, Field(ge=32, le=8192)]
"""Height and width of the tiles of a graph, in pixels."""


class Form(Config):
    """What an exported graph takes and gives.

    It takes `image` (N, C, h, w) float32: file values of the named bands. A pixel is invalid
    where any band is NaN, infinite or the nodata value.

    Args:
        output: `mask`: (N, h, w) uint8 class indices as on the model's maps. Of two classes the
            threshold that objects are cut at is in it. Of more it holds the most probable class,
            and a threshold on one of them can't be in it: no objects are made from such a file.
            `probability`: (N, K, h, w) float32, NaN where invalid, calibrated as the model's are.
            `logits`: (N, K, h, w) float32 whose softmax is that probability, so divided by the
            temperature, NaN where invalid. `deepness`: probabilities as the QGIS plugin of that
            name reads them: 0 where invalid, and of two classes the second is the likelier one
            exactly where the model decides for it.
        tile: Height and width h = w, in pixels.
        dynamic: Whether any other height and width will do as well.
        invalid: What a mask holds where the image is invalid.
        squeeze: Whether N is always 1 and a mask comes as (h, w).
        presence: Whether a second output, (N,) float32, is the probability that a tile holds an
            object; of a model with a gate.
        border: Whether a further output, (N, h, w) float32, is the probability that objects touch
            at a pixel, NaN where invalid; of a model that learnt it.
    """

    output: Output = "mask"
    tile: TileSide = 224
    dynamic: bool = False
    invalid: Literal[0, 255] = IGNORE
    squeeze: bool = False
    presence: bool = False
    border: bool = False

    @property
    def outputs(self) -> tuple[str, ...]:
        """Names of what it gives, in order."""
        further = {"presence": self.presence, "border": self.border}
        return (self.output, *(name for name, given in further.items() if given))

    def decides(self, classes: int) -> bool:
        """Whether the threshold is in the graph, and no other can be applied to what it gives.

        Args:
            classes: Number of classes K.
        """
        return self.output == "mask" or (self.output == "deepness" and classes == 2)


@dataclass(frozen=True, kw_only=True)
class OnnxFile(Card):
    """An exported model.

    Args:
        path: The file.
        form: What its graph takes and gives.
        proof: What was done to prove it equal to the model; see `mapwright.exporting`.
        session: ONNX Runtime with the graph.
        lost: What of the rule for objects the graph can't serve, in words; empty when nothing.
        cuts: Whether it gives what objects are cut from at the threshold of their rule.
    """

    path: Path
    form: Form
    proof: Mapping[str, Any]
    session: Any = field(repr=False, compare=False)
    lost: str = ""
    cuts: bool = True

    @property
    def tile(self) -> int:
        """Side of the square tiles that maps are made from, in pixels."""
        return self.plan.tile if self.form.dynamic else self.form.tile

    @property
    def smallest_tile(self) -> int:
        """See `Card`; most graphs take tiles of one size."""
        return super().smallest_tile if self.form.dynamic else self.form.tile

    @property
    def caveat(self) -> str:
        """What a reader of scores or maps must know of this file."""
        mask = "an exported mask: where tiles overlap, they vote with one class for each pixel"
        return "; ".join(filter(None, [mask if self.form.output == "mask" else "", self.lost]))

    @property
    def soft(self) -> bool:
        """See `Card`; for the plugin Deepness, probabilities of two classes are shifted."""
        return not self.form.decides(len(self.spec.classes))

    def require_counted(self) -> int:
        """See `Card`.

        Raises:
            SettingError: The file has decided otherwise than objects are cut.
        """
        index = super().require_counted()
        if not self.cuts:
            raise SettingError(
                f"this file can't serve the model's rule for objects: {self.lost}",
                where=self.path,
                expected="a file that gives probabilities",
                fix="export the model with --output probability --objects",
            )
        return index

    @cached_property
    def input_name(self) -> str:
        """Name of the graph's input."""
        return str(self.session.get_inputs()[0].name)

    def views(self, asked: Tta | None) -> Tta:
        """The test-time augmentation to use; a mask has decided already, so it has none.

        Raises:
            SettingError: It is asked for all the same.
        """
        if self.form.output != "mask":
            return super().views(asked)
        if asked not in (None, "none"):
            raise SettingError(
                f"test-time augmentation {asked!r} needs probabilities, and this file gives masks",
                where=self.path,
                expected="none",
                fix="export the model with --output probability, or leave --tta out",
            )
        return "none"

    def only(self, members: Sequence[int]) -> OnnxFile:
        """Itself: an exported ensemble can't be taken apart."""
        return self


def load_onnx(path: Path) -> OnnxFile:
    """Read an exported model.

    Raises:
        ModelFileError: Missing, not ours, from a newer version, cut short or altered.
    """
    if not path.is_file():
        raise ModelFileError(
            "there is no such model file",
            where=path,
            expected="a file that `mapwright export` wrote",
            fix="check the path",
        )
    try:
        data = path.read_bytes()
    except OSError as error:
        raise _broken(path, f"it can't be read ({error.strerror})") from error
    whole = is_sealed(data)
    session = _open(path, data, whole)
    metadata = session.get_modelmeta().custom_metadata_map
    if HEADER not in metadata:
        raise ModelFileError(
            "the ONNX file says nothing of its bands, classes and values",
            where=path,
            expected="a file that `mapwright export` wrote",
            fix="export the model again, or run the file with ONNX Runtime itself",
        )
    if not whole:
        raise _broken(path, "its contents do not match its checksum: it was altered")
    return _from_header(path, json.loads(metadata[HEADER]), session)


def _from_header(path: Path, values: Mapping[str, Any], session: Any) -> OnnxFile:
    if values["format"] > FORMAT:
        raise ModelFileError(
            f"the exported file has format {values['format']}",
            where=path,
            expected=f"format {FORMAT} or older",
            fix="update mapwright",
        )
    form = Form.parse(values["form"], path)
    card = read_header(values, path)
    decision, spec, plan = card["decision"], card["spec"], card["plan"]
    cuts = holds_cut(decision, form, spec)
    card["decision"], lost = _usable(decision, form, plan, len(spec.classes))
    history: History = card["history"]
    card["history"] = history.as_one()
    return OnnxFile(
        **card,
        path=path,
        form=form,
        proof=values["proof"],
        session=session,
        lost=lost if cuts else _no_cut(decision, spec),
        cuts=cuts,
    )


def holds_cut(decision: Decision, form: Form, spec: DatasetSpec) -> bool:
    """Whether what a graph gives tells at which pixels objects are.

    Where it has decided, that takes two classes, and one threshold for the map and for objects.
    """
    if not form.decides(len(spec.classes)):
        return True
    if len(spec.classes) > 2:
        return False
    threshold = decision.object_rule.cut.threshold
    return math.isclose(threshold, decision.raw_threshold, rel_tol=_SAME)


def _no_cut(decision: Decision, spec: DatasetSpec) -> str:
    """Why no objects are made, in words; empty where nobody expects any."""
    if len(spec.classes) > 2 and spec.counted is None:
        return ""
    name = spec.class_names[1 if spec.counted is None else spec.counted]
    return (
        "no objects are made from it, since it gives the class of the map; objects of "
        f"{name} are {decision.object_words}"
    )


def _usable(decision: Decision, form: Form, plan: Plan, classes: int = 2) -> tuple[Decision, str]:
    """What of a decision is left to make on what the graph gives, and what is lost, in words."""
    decided = form.decides(classes)  # the threshold is in the graph already
    closed = not form.presence if plan.gate else decided  # what the gate was tuned on is not there
    rule = decision.object_rule
    together = rule.cut.border is not None and not form.border
    known = {
        "cores": decided and rule.cut.core is not None,
        "its gate": closed and rule.gate > 0,
        "borders between objects": together,
    }
    lost = [name for name, gone in known.items() if gone]
    words = f"the rule for objects is used without {' and '.join(lost)}: this file lacks"
    words += " the probabilities that they were tuned on"
    words += "; objects that touch stay together" if together else ""
    left = decision.without(probabilities=decided, presence=closed, border=not form.border)
    return left, words if lost else ""


def open_session(data: bytes) -> Any:
    """ONNX Runtime with a serialised graph, on the processor; its failures are its own."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4  # what goes wrong is raised, and said by our message
    return onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])


def _open(path: Path, data: bytes, whole: bool) -> Any:
    """A session whose failures are ours."""
    try:
        return open_session(data)
    except Exception as error:  # its exceptions share no other base class
        reason = reason_of(error)
        if not whole:
            reason = f"it was cut short or altered, or is no ONNX file ({reason})"
            raise _broken(path, reason) from error
        import onnxruntime

        raise ModelFileError(
            f"ONNX Runtime {onnxruntime.__version__} can't run the file: {reason}",
            where=path,
            expected="a runtime that knows the file's operator set",
            fix="update onnxruntime",
        ) from error


def reason_of(error: Exception) -> str:
    """What ONNX Runtime says went wrong, without its codes, in one short line."""
    return (str(error).strip().splitlines() or [""])[0].rpartition(" : ")[2][:160]


def _broken(path: Path, reason: str) -> ModelFileError:
    return ModelFileError(
        f"the exported file can't be used: {reason}",
        where=path,
        expected="a whole file as `mapwright export` wrote it",
        fix="copy it again from its source, or export the model again",
    )


def seal(data: bytes) -> bytes:
    """A serialised ONNX model with the checksum of its bytes as its last metadata entry."""
    return data + _entry(hashlib.sha256(data).hexdigest().encode())


def is_sealed(data: bytes) -> bool:
    """Whether the last entry is the checksum of all bytes before it."""
    size = len(_entry(b"0" * _DIGITS))
    digest = hashlib.sha256(memoryview(data)[:-size]).hexdigest()
    return data[-size:] == _entry(digest.encode())


def _entry(digest: bytes) -> bytes:
    """A `metadata_props` entry (field 14 of ModelProto: key = 1, value = 2) as protobuf writes it.

    Serialised messages may be joined: a repeated field that follows is added to the list.
    """
    inner = b"\x0a" + bytes([len(_SEAL)]) + _SEAL + b"\x12" + bytes([len(digest)]) + digest
    return b"\x72" + bytes([len(inner)]) + inner
