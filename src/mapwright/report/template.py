"""Pages from templates that lie beside this module."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib.resources import files
from typing import Any

import jinja2


def fill(
    name: str, told: Mapping[str, Any], filters: Mapping[str, Callable[..., Any]] | None = None
) -> str:
    """Fill a template with what it tells; what it asks for and does not get is an error.

    Args:
        name: Its file without the ending `.j2`.
        told: By name, what it may show. Text is escaped in `.html`.
        filters: Further filters of the template.
    """
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(str(files("mapwright.report"))),
        autoescape=jinja2.select_autoescape(["html.j2"]),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= dict(filters or {})
    return environment.get_template(f"{name}.j2").render(told)
