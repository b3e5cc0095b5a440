"""Nordic land from above: label maps, the light of each surface, and Sentinel-2 scenes of it."""
