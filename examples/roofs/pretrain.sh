#!/bin/sh
# Every network of study.toml learns the same made-up settlements for the same number of steps.
# Nothing of the real images goes into it, and none is held out: the study says what it is worth. A
# run that is there already is left as it is. A quarter of an hour on two slow cores.
set -eu

[ -d settlements ] || mapwright generate settlements -o settlements --images 600

for network in unet/resnet18 unet/efficientnet-b0 unet/mit_b0 unet/mobilenet_v2 \
    fpn/resnet18 deeplabv3plus/resnet18 linknet/resnet18; do
    architecture=${network%/*}
    encoder=${network#*/}
    mapwright train settlements -o "pretrained/$architecture-$encoder" --resume \
        --set architecture="$architecture" --set encoder="$encoder" --set weights=random \
        --folds 0 --set steps=300 --set patch=128 --set batch=8
done
