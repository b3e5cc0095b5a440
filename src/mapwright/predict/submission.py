"""The objects of many images as one table of run lengths, as the Kaggle competitions take them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mapwright.errors import ImageFileError
from mapwright.io.rle import encode_instances
from mapwright.io.run_table import write_run_table
from mapwright.predict.model import Model
from mapwright.progress import progress_bar


@dataclass
class Submission:
    """A table of objects.

    Args:
        path: The table.
        rule: How objects were made, in words.
        images: Number of images in it.
        with_objects: Number of those in which an object was found.
        objects: Number of objects.
        failed: Images that could not be read, with the reason; their rows are empty.
    """

    path: Path
    rule: str
    images: int = 0
    with_objects: int = 0
    objects: int = 0
    failed: dict[Path, ImageFileError] = field(default_factory=dict)

    def plain(self) -> dict[str, Any]:
        """The table as JSON-able built-in types."""
        failed = {str(image): error.what for image, error in self.failed.items()}
        return {**vars(self), "path": str(self.path), "failed": failed}

    @property
    def text(self) -> str:
        """What was written, in words."""
        told = (
            f"{self.path}\n{self.images:,} images, {self.objects:,} objects on "
            f"{self.with_objects:,} of them\nobjects are {self.rule}"
        )
        lost = f"\nnot read, so rows are empty: {len(self.failed):,}" if self.failed else ""
        return told + lost


def write_submission(model: Model, images: Sequence[Path], path: Path) -> Submission:
    """Find the objects of images and write them, one image at a time.

    An object is a row `ImageId,EncodedPixels`; an image without one has an empty row. Objects of
    an image share no pixel. An image that can't be read has an empty row and is reported: a
    table without its row would be refused as a whole.

    Args:
        model: The model.
        images: The images, of different names.
        path: The table; written whole or not at all.

    Raises:
        ImageFileError: No image can be read.
        OutputError: The table can't be written, or two images share a name.
        SettingError: The model does not say which class is counted.
    """
    done = Submission(path, model.bundle.decision.object_words)
    model.bundle.require_counted()
    with progress_bar("predict", len(images)) as progress:

        def rows() -> Iterator[tuple[str, list[str]]]:
            for image in images:
                yield image.name, _texts(model, image, done)
                progress.advance(note=image.name)
            if len(done.failed) == done.images:
                raise next(iter(done.failed.values()))

        write_run_table(path, rows())
    return done


def _texts(model: Model, image: Path, done: Submission) -> list[str]:
    """Run lengths of the objects of an image; none where it can't be read."""
    done.images += 1
    try:
        texts = encode_instances(model.objects(image))
    except ImageFileError as error:
        done.failed[image] = error
        return []
    done.with_objects += bool(texts)
    done.objects += len(texts)
    return texts
