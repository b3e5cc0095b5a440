"""The shipped recipes, each one page of TOML."""
