"""Masks that are probably wrong: a page that shows them, a table, a file."""
