"""Masks that are probably wrong, from what models say of images that they did not learn from."""
