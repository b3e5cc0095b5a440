"""From a model and an image of any size to a map on the image's own grid."""
