"""The command line: one flat list of commands, no logic. Heavy imports wait for the command."""

from mapwright.cli import data, maps, models, studies, tasks
from mapwright.cli.app import main as main

_ORDER = (
    "init", "check", "explore", "plan", "train", "evaluate", "audit", "predict", "export", "report",
    "run", "area", "experiment", "tune", "demo", "generate",
)  # fmt: skip

main.commands = {name: main.commands[name] for name in _ORDER}
for _command in (main, *main.commands.values()):  # docstrings are raw; click wants the character
    _command.help = (_command.help or "").replace("\\b", "\b")

__all__ = ["data", "main", "maps", "models", "studies", "tasks"]
