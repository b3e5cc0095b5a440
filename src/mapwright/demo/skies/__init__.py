"""Made-up clouds over made-up lands, to learn from before real images."""
