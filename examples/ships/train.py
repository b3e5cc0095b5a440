"""Train a network that finds ships, and say how good it is on images that it never saw.

    python examples/ships/train.py airbus/ -o runs/ships --budget 480

The folder holds `train_v2/*.jpg` and `train_ship_segmentations_v2.csv`, as Kaggle gives them or as
`mapwright generate ships` makes them up. What is not said here is planned from the images; the run
folder's plan.toml gives every setting with its reason.
"""

import argparse

import mapwright as mw


def main() -> None:
    """See the top of this file."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("data", help="folder with the images and the table of run lengths")
    parser.add_argument("-o", "--out", required=True, help="run folder, new or empty")
    parser.add_argument("--architecture", default="unet", help="such as unet, unetplusplus, fpn")
    parser.add_argument("--encoder", default="resnet18", help="of segmentation_models.pytorch")
    parser.add_argument("--weights", default="auto", help="auto, random, imagenet, or a file")
    parser.add_argument("--loss", default="dice+focal", help="also dice+cross_entropy, dice, focal")
    parser.add_argument("--folds", type=int, default=1, help="1: one split; 5: five networks")
    length = parser.add_mutually_exclusive_group()
    length.add_argument("--budget", type=float, help="minutes for everything")
    length.add_argument("--steps", type=int, help="steps of learning, for each fold")
    parser.add_argument("--batch", type=int, help="tiles in each step")
    parser.add_argument("--patch", type=int, help="height and width of those tiles, in pixels")
    chosen = parser.parse_args()

    settings = {
        "architecture": chosen.architecture,
        "encoder": chosen.encoder,
        "weights": chosen.weights,
        "loss": chosen.loss,
        "tune_for": "f2",  # threshold, smallest ship and gate: for the score of the challenge
        "steps": chosen.steps,
        "batch": chosen.batch,
        "patch": chosen.patch,
    }
    run = mw.train(
        chosen.data,
        chosen.out,
        folds=chosen.folds,
        budget=60 * chosen.budget if chosen.budget else None,
        settings={key: value for key, value in settings.items() if value is not None},
    )
    if run.scores is None or run.scores.objects is None:
        raise SystemExit("no image was held out, or its masks do not tell ships apart")
    print(table(run.scores.objects))
    print(f"the model is in {run.folder}")


def table(scores: mw.ObjectScores) -> str:
    """Dice and F2 as text, each beside what it would be had no ship been found anywhere."""
    rows = {
        "F2, IoU above 0.50 to 0.95": scores["f2"],
        "Dice, all pixels together": scores["dice_pooled"],
        "Dice, mean over images": scores["dice_mean"],
        "Dice, mean over images with ships": scores["dice_objects"],
    }
    lines = [
        f"{scores.images:,} held-out images, {scores.with_objects:,} of them with ships",
        f"{'':36}{'score':>7}  {'95 %':>14}  {'all empty':>9}",
    ]
    for name, score in rows.items():
        low, high = score.interval
        span = f"{low:.3f} to {high:.3f}"
        lines.append(f"{name:36}{score.value:7.3f}  {span:>14}  {score.baseline:9.3f}")
    return "\n".join([*lines, f"a ship is: {scores.rule}"])


if __name__ == "__main__":
    main()
