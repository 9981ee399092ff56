"""What a picture is, and the message that stands where there is nothing to draw."""

from collections.abc import Mapping
from dataclasses import dataclass

Spec = Mapping[str, object]


@dataclass(frozen=True)
class Picture:
    """One picture.

    `text` says in words what it shows, with the figures; it is plain text, and whoever shows it
    escapes it. `spec` is a Vega-Lite specification with its data in it, in light colours; None
    for a drawing, which has none. The SVGs say the same on light and on dark ground; each is a
    whole document whose root element carries `role="img"` and a label.
    """

    title: str
    text: str
    spec: Spec | None
    svg_light: str
    svg_dark: str
