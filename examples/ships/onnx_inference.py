"""Find ships with an exported model and ONNX Runtime: no torch, no Mapwright.

    mapwright export RUN -o ships.onnx --output probability --objects --tile 768
    python onnx_inference.py ships.onnx test_v2/ -o out --pictures

Writes out/submission.csv, a row `ImageId,EncodedPixels` for each ship and an empty one for each
image without, and with --pictures a mask (0 and 255) and an overlay of each image. The file says
how it wants to be run: the size of tiles, their overlap, and the rule by which probabilities become
ships. From the same pixels the table is that of `mapwright predict --format kaggle` on the same
file; JPEGs are decoded by Pillow here and by GDAL there, whose colours differ a little.
"""

import argparse
import json
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnxruntime
from PIL import Image, UnidentifiedImageError
from scipy import ndimage
from ship_rule import find_ships

PICTURES = {".jpg", ".jpeg", ".png", ".tif", ".tiff", ".webp", ".bmp"}
BATCH = 4  # tiles at a time
TURNS = {
    "none": [(0, False)],
    "flips": [(q, flip) for q in (0, 2) for flip in (False, True)],
    "d4": [(q, flip) for q in range(4) for flip in (False, True)],
}
"""Quarter turns and flips that a model averages over."""


class ShipFinder:
    """An exported model and what it says of itself.

    Args:
        path: What `mapwright export --output probability` or `--output mask` wrote.
    """

    def __init__(self, path: Path) -> None:
        self.session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
        told = self.session.get_modelmeta().custom_metadata_map
        if "mapwright" not in told:
            raise SystemExit(f"{path}: not written by `mapwright export`")
        card = json.loads(told["mapwright"])
        self.form, plan, data = card["form"], card["plan"], card["dataset"]
        if self.form["output"] not in ("probability", "mask"):
            raise SystemExit(f"{path}: gives {self.form['output']}; export it with probability")
        self.bands = [band["index"] - 1 for band in data["bands"] if band["use"]]
        self.alpha = data["valid"]["alpha"]  # where it is 0, nothing was measured
        self.tile = plan["tile"] if self.form["dynamic"] else self.form["tile"]
        self.overlap = plan["overlap"]
        counted = [k for k, entry in enumerate(data["classes"]) if entry["objects"]]
        self.ship = counted[0] if counted and len(data["classes"]) > 2 else 1
        masks = self.form["output"] == "mask"  # these have decided already: one vote for a class
        self.turns = TURNS["none" if masks else plan["tta"]]
        self.temperature = card["decision"].get("temperature", 1.0)
        self.batch = 1 if self.form["squeeze"] else BATCH
        self.rule = usable(card["decision"], self.form, gated=plan["gate"] > 0)

    def ships(self, picture: Image.Image) -> np.ndarray:
        """The ships of a picture: (H, W) int32, 0 where none is, 1..n on the ships."""
        (probability, *border), presence = self.predict(self.values(picture))
        return find_ships(probability, *(border or [None]), presence, self.rule)

    def values(self, picture: Image.Image) -> np.ndarray:
        """(C, H, W) float32, values as they stand in the file; NaN where nothing was measured."""
        picture = picture.convert("RGB") if picture.mode == "P" else picture
        if picture.mode not in ("L", "RGB", "RGBA"):
            raise ValueError(f"a picture of mode {picture.mode}; expected grey, RGB or RGBA bytes")
        pixels = np.atleast_3d(np.asarray(picture)).astype(np.float32)
        if max(self.bands) >= pixels.shape[2]:
            raise ValueError(f"it has {pixels.shape[2]} bands, the model wants more")
        values = pixels[..., self.bands].transpose(2, 0, 1)
        if self.alpha and picture.mode == "RGBA":
            values[:, pixels[..., 3] == 0] = np.nan
        return values

    def predict(self, image: np.ndarray) -> tuple[np.ndarray, float | None]:
        """Blend overlapping tiles, the middle of each weighing most.

        Returns:
            (1 or 2, H, W) float32: probability of a ship and, where the file gives it, that ships
            touch; and the probability of any ship on the image.
        """
        _, height, width = image.shape
        total = np.zeros((1 + self.form.get("border", False), height, width), np.float32)
        weight, blend, presence = np.zeros_like(total[0]), gaussian(self.tile), None
        corners = [(r, c) for r in self.starts(height) for c in self.starts(width)]
        for first in range(0, len(corners), self.batch):
            group = corners[first : first + self.batch]
            tiles = np.full((len(group), len(image), self.tile, self.tile), np.nan, np.float32)
            for tile, (row, col) in zip(tiles, group, strict=True):
                part = image[:, row : row + self.tile, col : col + self.tile]
                tile[:, : part.shape[1], : part.shape[2]] = part
            maps, seen = self.run(tiles)
            for part, (row, col) in zip(maps, group, strict=True):
                here = slice(row, row + self.tile), slice(col, col + self.tile)
                rows, cols = weight[here].shape
                total[:, *here] += part[:, :rows, :cols] * blend[:rows, :cols]
                weight[here] += blend[:rows, :cols]
            if seen is not None:
                presence = max(presence or 0.0, float(np.nan_to_num(seen).max()))
        blended = np.divide(total, weight, out=np.zeros_like(total), where=weight > 0)
        blended[:, np.isnan(image).any(axis=0)] = np.nan
        return blended, presence

    def starts(self, length: int) -> list[int]:
        """Where tiles begin along one side: evenly, and none over the border of a larger image."""
        last = length - self.tile
        if last <= 0:
            return [0]
        count = -(-last // max(1, int(self.tile * (1 - self.overlap))))
        return [k * last // count for k in range(count + 1)]

    def run(self, tiles: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
        """(N, C, h, w) tiles to (N, 1 or 2, h, w) maps, see `predict`, and (N,) of any ship."""
        further = [name for name in ("presence", "border") if self.form.get(name)]
        maps, seen = [], []
        for quarters, flip in self.turns:
            turned = np.rot90(tiles[..., ::-1] if flip else tiles, quarters, (-2, -1))
            found = self.session.run(
                [self.form["output"], *further], {"image": np.ascontiguousarray(turned)}
            )
            given = dict(zip(further, found[1:], strict=True))
            size = len(tiles), 1, *tiles.shape[-2:]
            both = [self.of_ships(found[0]).reshape(size)]
            both += [np.nan_to_num(given["border"]).reshape(size)] if "border" in given else []
            back = np.rot90(np.concatenate(both, axis=1), -quarters, (-2, -1))
            maps.append(back[..., ::-1] if flip else back)
            seen += [given["presence"]] if "presence" in given else []
        mean = np.mean(maps, axis=0, dtype=np.float32)
        return mean, np.mean(seen, axis=0, dtype=np.float32) if seen else None

    def of_ships(self, found: np.ndarray) -> np.ndarray:
        """(N, h, w) float32 probability of a ship, as the rule wants it: before calibration."""
        if self.form["output"] == "mask":
            return (found == self.ship).astype(np.float32)
        soft = np.nan_to_num(found)
        if self.temperature == 1:
            return soft[:, self.ship]
        highest = soft.max(axis=1, keepdims=True)
        raised = np.divide(soft, highest, out=np.zeros_like(soft), where=highest != 0)
        raised = raised**self.temperature
        total = raised.sum(axis=1, keepdims=True)
        return np.divide(raised, total, out=np.zeros_like(raised), where=total != 0)[:, self.ship]


def usable(decision: dict, form: dict, gated: bool) -> dict:
    """The rule for ships, without what the file can't serve; says what that is.

    Args:
        decision: What the file says of how probabilities become classes and ships.
        form: What the file gives.
        gated: Whether the gate was tuned on what the network says of presence.
    """
    masks = form["output"] == "mask"
    told = decision["objects"] or {"rule": {"cut": {"threshold": before(decision)}}}
    rule = {"smallest": 1, "gate": 0.0, **told["rule"]}
    cut = {"core": None, "neck": None, "border": None, "core_pixels": 8, **rule["cut"]}
    lost = []
    if masks:  # the threshold is in the graph
        lost += ["its cores"] if cut["core"] is not None else []
        cut |= {"threshold": 0.5, "core": None}
    if cut["border"] is not None and not form.get("border"):
        lost.append("borders between ships")
        cut["border"] = None
    if rule["gate"] > 0 and (not form["presence"] if gated else masks):
        lost.append("its gate")
        rule["gate"] = 0.0
    if lost:
        print(f"the rule is used without {' and '.join(lost)}: see the export", file=sys.stderr)
    return rule | {"cut": cut}


def before(decision: dict) -> float:
    """The threshold for probabilities before calibration."""
    t, threshold = decision.get("temperature", 1.0), decision["threshold"]
    ship, rest = threshold**t, (1 - threshold) ** t
    return ship / (ship + rest)


def gaussian(tile: int) -> np.ndarray:
    """(tile, tile) float32 weights: highest in the middle, never zero."""
    offsets = np.arange(tile) - (tile - 1) / 2
    line = np.exp(-0.5 * (offsets / (tile / 8)) ** 2)
    weights = np.outer(line, line)
    return np.maximum(weights / weights.max(), 1e-3).astype(np.float32)


def run_lengths(ship: np.ndarray) -> str:
    """A mask as `start length` pairs: pixels from 1, top to bottom, then left to right."""
    flat = np.concatenate([[0], ship.T.ravel().astype(np.int8), [0]])
    edges = np.flatnonzero(np.diff(flat)) + 1
    starts, ends = edges[::2], edges[1::2]
    pairs = np.column_stack([starts, ends - starts])
    return " ".join(map(str, pairs.ravel().tolist()))


def outlined(picture: Image.Image, ids: np.ndarray) -> Image.Image:
    """The picture with a line around each ship."""
    pixels = np.array(picture.convert("RGB"))
    inner = ndimage.minimum_filter(ids, 3) == ids  # of one ship in all directions
    pixels[(ids > 0) & ~(inner & (ndimage.maximum_filter(ids, 3) == ids))] = (255, 90, 54)
    return Image.fromarray(pixels)


def pictures_in(paths: list[Path]) -> Iterator[Path]:
    """The files that are named, and the pictures in the folders that are."""
    for path in paths:
        if path.is_dir():
            yield from (p for p in sorted(path.iterdir()) if p.suffix.lower() in PICTURES)
        else:
            yield path


def main() -> None:
    """See the top of this file."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("model", type=Path, help="the exported file, .onnx")
    parser.add_argument("images", type=Path, nargs="+", help="pictures, or folders of them")
    parser.add_argument("-o", "--out", type=Path, required=True, help="folder for the results")
    parser.add_argument("--pictures", action="store_true", help="also write masks and overlays")
    options = parser.parse_args()
    finder = ShipFinder(options.model)
    options.out.mkdir(parents=True, exist_ok=True)
    rows, ships, unread = [], 0, 0
    for path in pictures_in(options.images):
        try:
            with Image.open(path) as picture:
                ids = finder.ships(picture)
                if options.pictures:
                    mask = Image.fromarray(np.where(ids > 0, 255, 0).astype(np.uint8))
                    mask.save(options.out / f"{path.stem}_mask.png")
                    outlined(picture, ids).save(options.out / f"{path.stem}_overlay.png")
        except (OSError, UnidentifiedImageError, ValueError) as error:
            print(f"{path}: {error}; its row is empty", file=sys.stderr)
            ids, unread = np.zeros((1, 1), np.int32), unread + 1
        found = [run_lengths(ids == number) for number in range(1, int(ids.max()) + 1)]
        rows += [f"{path.name},{text}" for text in found or [""]]
        ships += len(found)
    images = len({row.partition(",")[0] for row in rows})
    if not images or unread == images:
        raise SystemExit("no picture could be read: nothing was written")
    table = options.out / "submission.csv"
    part = table.with_suffix(".part")  # whole or not at all
    part.write_text("\n".join(["ImageId,EncodedPixels", *rows]) + "\n", encoding="utf-8")
    part.replace(table)
    print(f"{table}: {images} images, {ships} ships")


if __name__ == "__main__":
    main()
