"""Rich's console, whose text is printable; not in `printing`, as Rich takes time to import."""

from __future__ import annotations

from collections.abc import Iterable

from rich import console
from rich.segment import Segment

from equimodal.errors import printable


class Console(console.Console):
    """A console that gives a terminal no control characters but Rich's own."""

    def render(
        self, renderable: console.RenderableType, options: console.ConsoleOptions | None = None
    ) -> Iterable[Segment]:
        """The segments of a renderable, their text printable."""
        for segment in super().render(renderable, options):
            text = segment.text
            yield segment if segment.control else segment._replace(text=self._shown(text))

    def _shown(self, text: str) -> str:
        return printable(text, self.encoding)
