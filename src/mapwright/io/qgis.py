"""Styles for QGIS."""

from __future__ import annotations

from collections.abc import Mapping
from xml.sax.saxutils import quoteattr

from mapwright.io.maps import rgb_of


def polygon_style(column: str, colors: Mapping[str, str]) -> str:
    """A style (QML) that fills polygons by the value of a column.

    Args:
        column: The column.
        colors: By value, `#rrggbb`.
    """
    categories = "".join(
        f'<category symbol="{i}" value={quoteattr(value)} label={quoteattr(value)} render="true"/>'
        for i, value in enumerate(colors)
    )
    symbols = "".join(_fill(i, color) for i, color in enumerate(colors.values()))
    return (
        '<!DOCTYPE qgis><qgis version="3.22" styleCategories="Symbology">'
        f'<renderer-v2 type="categorizedSymbol" attr={quoteattr(column)} symbollevels="0">'
        f"<categories>{categories}</categories><symbols>{symbols}</symbols></renderer-v2></qgis>"
    )


def _fill(number: int, color: str) -> str:
    red, green, blue = rgb_of(color)
    settings = {"color": f"{red},{green},{blue},255", "style": "solid", "outline_style": "no"}
    properties = "".join(f'<prop k="{key}" v="{value}"/>' for key, value in settings.items())
    return (
        f'<symbol name="{number}" type="fill" alpha="1">'
        f'<layer class="SimpleFill" enabled="1" locked="0" pass="0">{properties}</layer></symbol>'
    )
