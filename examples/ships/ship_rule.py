"""From a probability map to ships, by the rule that an exported model carries.

The rule is that of `mapwright.metrics.components`, written out once more so that it needs NumPy and
SciPy alone: connected pixels from a threshold on, divided among their sure parts, at necks or at
borders between ships; small ones dropped; none at all on an image that is held to be empty.
"""

import numpy as np
from scipy import ndimage

EIGHT = np.ones((3, 3), bool)
SURE = 30  # pixels whose mean says how sure a map is of any ship
STEP, RISE = 0.5, 1.05  # from one level of a flood to the next: pixels, or a factor if that is more
THIN = 2.0  # pixels; what is nowhere thicker than twice this has no neck


def find_ships(
    probability: np.ndarray, border: np.ndarray | None, presence: float | None, rule: dict
) -> np.ndarray:
    """The ships of an image.

    Args:
        probability: (H, W) float32 of a ship, NaN where the image is invalid.
        border: (H, W) float32, probability that ships touch at a pixel, if the rule asks for it.
        presence: Probability that there is any ship; None = that of the map.
        rule: `cut` (threshold, core, core_pixels, border, neck), `smallest` in pixels, and `gate`.

    Returns:
        (H, W) int32: 0 where no ship is, 1..n on the ships.
    """
    if (presence_of(probability) if presence is None else presence) < rule["gate"]:
        return np.zeros(probability.shape, np.int32)
    return drop_small(cut_apart(probability, border, rule["cut"]), rule["smallest"])


def cut_apart(probability: np.ndarray, border: np.ndarray | None, cut: dict) -> np.ndarray:
    """Connected pixels (8 neighbours), divided among their cores if the rule knows any."""
    inside = probability >= np.float32(cut["threshold"])
    ids, _ = ndimage.label(inside, EIGHT, output=np.int32)
    if cut["core"] is None and cut["neck"] is None and cut["border"] is None:
        return ids
    core = inside if cut["core"] is None else inside & (probability >= np.float32(cut["core"]))
    if cut["border"] is not None:
        core = core & (border < np.float32(cut["border"]))
    if cut["neck"] is not None:
        core = thick_parts(core, cut["neck"])
    return divide(ids, core, cut["core_pixels"])


def divide(ids: np.ndarray, core: np.ndarray, core_pixels: int) -> np.ndarray:
    """Divide each object among its cores, every pixel to the nearest; a small core is none."""
    parts, taken = ids.copy(), int(ids.max(initial=0))
    for number, box in enumerate(ndimage.find_objects(ids), start=1):
        inside = ids[box] == number
        cores, count = ndimage.label(core[box] & inside)
        cores = drop_small(cores, core_pixels) if count > 1 else cores
        count = int(cores.max(initial=0))
        if count > 1:
            nearest = ndimage.distance_transform_edt(
                cores == 0, return_distances=False, return_indices=True
            )
            share = cores[tuple(nearest)][inside]
            parts[box][inside] = np.where(share == 1, number, taken + share - 1)
            taken += count - 1
    return parts


def drop_small(ids: np.ndarray, smallest: int) -> np.ndarray:
    """Drop objects of fewer pixels and number the rest from 1 without a gap."""
    sizes = np.bincount(ids.ravel())
    kept = sizes >= max(smallest, 1)
    kept[0] = False
    return np.where(kept, np.cumsum(kept), 0)[ids].astype(np.int32)


def presence_of(probability: np.ndarray) -> float:
    """How sure a map is that there is any ship: the mean of its highest probabilities."""
    known = probability[~np.isnan(probability)]
    if not known.size:
        return 0.0
    return float(np.sort(known)[-SURE:].mean(dtype=np.float64))


def thick_parts(mask: np.ndarray, neck: float) -> np.ndarray:
    """The thick parts of each shape that has several; a shape without a neck stays whole.

    The distance to the outside is a landscape; flooded from above, two hills are two parts where
    the saddle between them is at most `neck` times as high as the lower one.
    """
    labels, _ = ndimage.label(mask, EIGHT)
    parts = mask.copy()
    for number, box in enumerate(ndimage.find_objects(labels), start=1):
        shape = labels[box] == number
        distance = distance_to_outside(shape, box, mask.shape)
        if distance.max() > THIN:
            cores = list(flood(distance, shape, STEP, neck))
            if len(cores) > 1:
                parts[box][shape] = np.any(cores, axis=0)[shape]
    return parts


def distance_to_outside(shape: np.ndarray, box: tuple, whole: tuple) -> np.ndarray:
    """Distance to the outside; what the border of the image cuts off goes on beyond it."""
    beyond = [(int(s.start > 0), int(s.stop < n)) for s, n in zip(box, whole, strict=True)]
    padded = np.pad(shape, beyond)
    if padded.all():
        return np.zeros(shape.shape)
    inner = tuple(slice(low, low + n) for (low, _), n in zip(beyond, shape.shape, strict=True))
    return ndimage.distance_transform_edt(padded)[inner]


def flood(distance: np.ndarray, part: np.ndarray, level: float, neck: float):
    """The parts that a flood leaves apart, from `level` up; all of `part` if it stays one."""
    while True:
        labels, count = ndimage.label(part & (distance > level), EIGHT)
        tops = ndimage.maximum(distance, labels, np.arange(1, count + 1)) if count else ()
        thick = [k for k, top in enumerate(tops, start=1) if level <= neck * top]
        if not thick:
            yield part
            return
        if len(thick) > 1:
            break
        part, level = labels == thick[0], max(level + STEP, level * RISE)
    for number in thick:
        yield from flood(distance, labels == number, max(level + STEP, level * RISE), neck)
