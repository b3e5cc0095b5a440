"""Fit one fold: a plan and its tiles become weights."""
