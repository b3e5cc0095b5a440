"""Plain results as tables and figures for people."""
