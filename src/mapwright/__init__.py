"""Mapwright."""
