"""Find ships with a trained model: in one image, to look at, or in a folder, to hand in.

    python examples/ships/inference.py runs/ships --image airbus/test_v2/00dc34840.jpg -o ships.png
    python examples/ships/inference.py runs/ships --folder airbus/test_v2 -o submission.csv

The model is a run folder, its model.safetensors, or an exported .onnx file.
"""

import argparse
from pathlib import Path

import matplotlib
import numpy as np
from PIL import Image

import mapwright as mw


def main() -> None:
    """See the top of this file."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("model", help="a run folder, a model file or an exported .onnx file")
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--image", type=Path, help="show image, mask and outlines side by side")
    what.add_argument("--folder", type=Path, help="write the ships of all images as one table")
    parser.add_argument("-o", "--out", type=Path, required=True, help="a .png, or a .csv")
    parser.add_argument("--show", action="store_true", help="also open a window with the picture")
    chosen = parser.parse_args()

    model = mw.load(chosen.model)
    if chosen.folder:
        print(mw.predict_table(model, [chosen.folder], chosen.out).text)
        return
    ids = model.objects(chosen.image)  # (H, W): 0 where no ship is, 1..n on the ships
    sizes = np.bincount(ids.ravel())[1:].tolist()
    print(f"{chosen.image.name}: {len(sizes)} ships" + (f" of {sizes} pixels" if sizes else ""))
    draw(chosen.image, ids, chosen.out, show=chosen.show)


def draw(path: Path, ids: np.ndarray, out: Path, *, show: bool) -> None:
    """Image, mask and outlines side by side, as a picture and in a window if one is asked for."""
    if not show:
        matplotlib.use("Agg")  # draws without a display
    import matplotlib.pyplot as plt

    with Image.open(path) as picture:
        pixels = np.asarray(picture.convert("RGB"))
    count = int(ids.max())
    titles = (path.name, "mask", f"{count} ship{'' if count == 1 else 's'}")
    figure, axes = plt.subplots(1, 3, figsize=(15, 5.4), layout="constrained")
    for axis, title, shown in zip(axes, titles, (pixels, ids > 0, pixels), strict=True):
        axis.imshow(shown, cmap="gray", interpolation="none")
        axis.set(title=title, xticks=[], yticks=[])
    for number in range(1, count + 1):  # each by itself, so that ships that touch stay apart
        axes[2].contour(ids == number, levels=[0.5], colors=["#ff5a36"], linewidths=1.2)
    out.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(out, dpi=100)
    print(out)
    if show and matplotlib.get_backend().lower() == "agg":
        raise SystemExit("there is no display to open a window on: look at the file")
    if show:
        plt.show()


if __name__ == "__main__":
    main()
