"""The charts of a page, in the order of their places."""

from __future__ import annotations

from equimodal.report.charts.figures import Chart
from equimodal.report.page import markup


class Gallery:
    """The charts placed on a page so far; the script draws each by its number."""

    def __init__(self) -> None:
        self.charts: list[Chart] = []

    def place(self, *charts: Chart | None, kind: str = "", level: int = 3) -> str:
        """A grid of charts; empty when there is none."""
        present = [chart for chart in charts if chart is not None]
        start = len(self.charts)
        self.charts += present
        shown = "".join(markup.chart(c, start + i, level) for i, c in enumerate(present))
        return f'<div class="grid {kind}">{shown}</div>' if shown else ""
