"""The founding tasks, each one page of TOML."""
