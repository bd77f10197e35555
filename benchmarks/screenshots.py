"""Pictures of a page for the README, taken in the Chromium of this machine.

    equimodal compare --out results/keypad
    python benchmarks/screenshots.py results/keypad --out docs/images

Each is reduced to 128 colours, so that it takes few bytes. EQUIMODAL_BROWSER may name the browser.
"""

import argparse
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

from equimodal.report import write_page

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


@dataclass(frozen=True)
class Shot:
    """A picture: its name, the element it begins with, its size in pixels, and the colours."""

    name: str
    start: str
    width: int
    height: int
    scheme: str = "light"


SHOTS = (
    Shot("verdict", "h1", 1120, 760),
    Shot("curves", "section[aria-labelledby=curves]", 1120, 560),
    Shot("reliance", "section[aria-labelledby=reliance]", 1120, 600),
    Shot("samples", "section[aria-labelledby=samples]", 1120, 640, "dark"),
    Shot("phone", "section[aria-labelledby=verdict]", 360, 760, "dark"),
)


def main() -> None:
    """Write the page of a comparison again, and take its pictures."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", type=Path, help="folder of a comparison")
    parser.add_argument("--out", type=Path, default=Path("docs/images"))
    arguments = parser.parse_args()
    page_file = write_page(arguments.folder).absolute()
    arguments.out.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=executable())
        for shot in SHOTS:
            path = take(browser, page_file, shot, arguments.out)
            print(f"{path}: {path.stat().st_size / 1000:.0f} kB")
        browser.close()


def executable() -> str:
    """The browser of this machine."""
    found = os.environ.get("EQUIMODAL_BROWSER") or next(
        filter(None, map(shutil.which, BROWSERS)), ""
    )
    if not found:
        raise SystemExit(f"none of {', '.join(BROWSERS)} is on PATH; set EQUIMODAL_BROWSER")
    return found


def take(browser: Browser, page_file: Path, shot: Shot, folder: Path) -> Path:
    """Take one picture, and return its path."""
    page = browser.new_page(
        viewport={"width": shot.width, "height": shot.height}, color_scheme=shot.scheme
    )
    page.goto(page_file.as_uri())
    page.evaluate(
        "document.querySelectorAll('details.part').forEach(part => { part.open = true; })"
    )
    path = folder / f"{shot.name}.png"
    page.screenshot(path=path, full_page=True, clip=area(page, shot))
    page.close()
    reduce(path)
    return path


def area(page: Page, shot: Shot) -> dict[str, float]:
    """The part of the page that is shown: from the element's top, over the whole width."""
    box = page.locator(shot.start).bounding_box()
    top = max(0.0, (box["y"] if box else 0.0) - 12)
    return {"x": 0, "y": top, "width": shot.width, "height": shot.height}


def reduce(path: Path) -> None:
    """The same picture in 128 colours."""
    with Image.open(path) as picture:
        small = picture.convert("RGB").quantize(128, dither=Image.Dither.NONE)
    small.save(path, optimize=True)


if __name__ == "__main__":
    main()
