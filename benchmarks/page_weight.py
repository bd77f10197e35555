"""How large the page of a comparison is, how soon it is painted, how long it is on a phone.

python benchmarks/page_weight.py                 # 80 generated rows of five seeds, 40 epochs
python benchmarks/page_weight.py results/keypad  # the page that lies there
"""

import argparse
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from playwright.sync_api import Page

from browser.conftest import visited, write_field

LOADS = 5
PAINTED = "performance.getEntriesByName('first-contentful-paint')[0].startTime"
SCREENS = "document.documentElement.scrollHeight / window.innerHeight"


def main() -> None:
    """Print bytes, milliseconds and screens of one page."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", type=Path, nargs="?", help="folder of a comparison")
    folder = parser.parse_args().folder
    with tempfile.TemporaryDirectory() as made:
        page_file = folder / "report.html" if folder else write_field(Path(made) / "field", 40)
        print(f"{page_file.stat().st_size / 1e6:.2f} MB")
        with visited(page_file.absolute()) as opened:
            for width, height in ((1440, 900), (360, 800)):
                opened.page.set_viewport_size({"width": width, "height": height})
                print(
                    f"{width} x {height}: {', '.join(paints(opened.page))} ms to first paint, ",
                    end="",
                )
                print(f"{opened.page.evaluate(SCREENS):.1f} screens")


def paints(page: Page) -> list[str]:
    """Milliseconds to the first paint of several loads."""
    found = []
    for _ in range(LOADS):
        page.reload()
        found.append(f"{page.evaluate(PAINTED):.0f}")
    return found


if __name__ == "__main__":
    main()
