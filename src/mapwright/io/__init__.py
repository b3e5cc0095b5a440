"""The outside world: files in, files out. Nothing here knows about learning."""
