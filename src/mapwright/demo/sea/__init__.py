"""Made-up seas with ships, whose outlines are exactly known."""
