"""Counts first, formulas after. They know no file."""
