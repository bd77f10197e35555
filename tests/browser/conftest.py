"""One browser and one page for the tests of a module; skipped where there is no Chromium."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Page, sync_playwright

from equimodal.report import write_page
from equimodal.report.kept.standing_store import keep_standing
from equimodal.report.kept.thumbnails import shown
from unit.report.synthetic import (
    make_diagnosis,
    make_field,
    make_results,
    with_robustness,
    write_folder,
    write_predictions,
)

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
HOSTILE = '<script>document.title="taken"</script>'
SOUND = "\"sound\" & 'töne' \N{HIRAGANA LETTER A}"
IMAGE = "<img src=x onerror=\"document.title='taken'\">"
CLASSES = (HOSTILE, IMAGE, "класс \N{CHECK MARK}", "'\"")
ALONE = (f"alone:{HOSTILE}", f"alone:{SOUND}")
ROWS = (*ALONE, "ensemble", "joint", "amss")


@dataclass
class Opened:
    """A page in the browser, and what it said and asked for since it was opened."""

    page: Page
    messages: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)


def executable() -> str:
    """The Chromium of this machine; skips the test where there is none."""
    named = os.environ.get("EQUIMODAL_BROWSER")
    found = named or next(filter(None, map(shutil.which, NAMES)), None)
    if found is None:
        pytest.skip(f"no Chromium on PATH ({', '.join(NAMES)}); EQUIMODAL_BROWSER may name one")
    return found


def write_comparison(folder: Path) -> Path:
    """A comparison whose data set, classes and modalities have hostile names, and its page."""
    results = make_results(name=HOSTILE, modalities=(HOSTILE, SOUND), rows=ROWS, seeds=range(5))
    with_robustness(results)["data"]["classes"] = list(CLASSES)
    results["data"]["note"] = HOSTILE
    write_predictions(write_folder(folder, results), results)
    pictures = {HOSTILE: shown("vector", range(4)), SOUND: {"text": HOSTILE}}
    samples = [{"index": index, "shown": pictures} for index in range(6)]
    content = {"schema": "equimodal.samples/1", "seed": 0, "samples": samples}
    (folder / "samples.json").write_text(json.dumps(content), encoding="utf-8")
    diagnosis = json.dumps(make_diagnosis(results))
    (folder / "diagnosis.json").write_text(diagnosis, encoding="utf-8")
    return write_page(folder)


def write_field(folder: Path, epochs: int = 12) -> Path:
    """The page of eighty rows with five seeds each, every file of its folder there."""
    results = with_robustness(make_field(80, seeds=range(5), epochs=epochs))
    write_predictions(write_folder(folder, results), results, count=40)
    noise = np.random.default_rng(0).normal
    samples = [
        {"index": index, "shown": {
            "sound": shown("spectrogram", noise(size=(1, 64, 64))),
            "image": shown("image", noise(size=(3, 64, 64))),
        }}
        for index in range(36)
    ]  # fmt: skip
    content = {"schema": "equimodal.samples/1", "seed": 0, "samples": samples}
    (folder / "samples.json").write_text(json.dumps(content), encoding="utf-8")
    diagnosis = json.dumps(make_diagnosis(results, 40))
    (folder / "diagnosis.json").write_text(diagnosis, encoding="utf-8")
    keep_standing(folder, results)
    return write_page(folder)


@contextmanager
def visited(page_file: Path) -> Iterator[Opened]:
    """A page in the browser, 1440 pixels wide, and what it says and asks for."""
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=executable())
        context = browser.new_context(
            viewport={"width": 1440, "height": 900},
            color_scheme="light",
            permissions=["clipboard-read", "clipboard-write"],
        )
        page = context.new_page()
        page.set_default_timeout(60_000)
        found = Opened(page)
        page.on("console", lambda message: found.messages.append(message.text))
        page.on("pageerror", lambda error: found.messages.append(str(error)))
        page.on("dialog", lambda dialog: found.messages.append(dialog.message))
        page.on("request", lambda request: found.requests.append(request.url))
        page.goto(page_file.as_uri())
        yield found
        browser.close()


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Opened]:
    """The page of a comparison with hostile names."""
    executable()
    with visited(write_comparison(tmp_path_factory.mktemp("page") / "results")) as found:
        yield found


@pytest.fixture(scope="module")
def field(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Opened, Path]]:
    """The page of eighty rows, and its file."""
    executable()
    page_file = write_field(tmp_path_factory.mktemp("field") / "results")
    with visited(page_file) as found:
        yield found, page_file


def wait_until(page: Page, condition: str) -> None:
    """Until a condition in JavaScript holds, looked at in every frame, 600 times at most.

    The driver's own waiting compiles text in the page, which the page's policy forbids.
    """
    assert page.evaluate(f"""() => new Promise((done) => {{
      let left = 600;
      const look = () => {{
        if ({condition}) done(true);
        else if (left-- > 0) requestAnimationFrame(look);
        else done(false);
      }};
      look();
    }})"""), f"never came true: {condition}"
