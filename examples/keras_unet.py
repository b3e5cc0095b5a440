"""A Keras U-Net: trained, judged and exported like any other network.

    pip install 'mapwright[keras]'
    python examples/keras_unet.py DATA RUN

DATA is a folder of images and masks. The model file names the function below, so what loads it
must find this file: `PYTHONPATH=examples mapwright predict RUN scene.tif -o maps`. The exported
RUN/model.onnx needs neither this file nor Keras.
"""

import os
import sys

os.environ["KERAS_BACKEND"] = "torch"  # before Keras is imported

import keras
from keras import layers

import mapwright as mw

WIDTHS = (16, 32, 64)  # channels at full, half and quarter size


def unet(in_channels: int, classes: int) -> mw.ChannelsLast:
    """A small U-Net for any number of bands and classes; gives logits, so no softmax at its end."""
    image = x = keras.Input((None, None, in_channels))
    kept = []
    for width in WIDTHS[:-1]:
        x = block(x, width)
        kept.append(x)
        x = layers.MaxPooling2D()(x)
    x = block(x, WIDTHS[-1])
    for width, finer in zip(WIDTHS[-2::-1], kept[::-1], strict=True):
        x = layers.Conv2DTranspose(width, 2, strides=2)(x)
        x = block(layers.Concatenate()([x, finer]), width)
    logits = layers.Conv2D(classes, 1)(x)
    stride = 2 ** len(kept)  # heights and widths are halved twice
    return mw.ChannelsLast(keras.Model(image, logits), stride)


def block(x: keras.KerasTensor, width: int) -> keras.KerasTensor:
    """Two convolutions, each normalised."""
    for _ in range(2):
        x = layers.Conv2D(width, 3, padding="same", use_bias=False)(x)
        x = layers.ReLU()(layers.BatchNormalization()(x))
    return x


def main(data: str, out: str, **settings: object) -> mw.Export:
    """Train, say how well, and export."""
    run = mw.train(data, out, build=unet, settings=settings)
    if run.scores:
        print(f"mean IoU {run.scores.mean_iou:.3f} on {len(run.scores.images)} held-out images")
    export = mw.export(out, f"{out}/model.onnx")
    print(export.about)
    return export


if __name__ == "__main__":
    main(*sys.argv[1:])
