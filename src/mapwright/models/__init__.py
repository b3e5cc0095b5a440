"""Networks. They know no image file and no coordinate."""

from mapwright import _torchvision as _torchvision  # before timm, which needs torchvision
