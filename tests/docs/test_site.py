"""The site of `make docs`: every page and docstring is rendered, and every public name is found."""

import subprocess
import sys
from html.parser import HTMLParser
from urllib.parse import unquote, urldefrag

import pytest
from sphinx.util.inventory import InventoryFile

import equimodal
from equimodal import data, diagnosis, functional, methods, models, report
from equimodal.balancing import readouts, task
from places import ROOT


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The site; a warning of Sphinx, such as a link that leads nowhere, fails it."""
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going", "-b", "html"]
    done = subprocess.run(
        [*command, "-d", str(folder / "doctrees"), str(ROOT / "docs"), str(folder / "html")],
        capture_output=True, text=True, cwd=ROOT,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    return folder / "html"


@pytest.fixture(scope="module")
def rendered(site):
    """The full names of all that the reference renders."""
    found = InventoryFile.loads((site / "objects.inv").read_bytes(), uri="").data
    return {name for kind, names in found.items() if kind.startswith("py:") for name in names}


def test_every_public_name_is_in_the_reference(rendered):
    short = {name.rpartition(".")[2] for name in rendered}
    modules = (equimodal, data, diagnosis, functional, models, report, readouts, task)
    public = {name for module in modules for name in module.__all__}
    assert sorted(public - short) == []


def test_every_method_is_in_the_reference(rendered):
    every = {f"{module}.{name}" for name, module in methods.classes().items()}
    assert sorted(every - rendered) == []


class Links(HTMLParser):
    """The anchors of a page, and where its links lead."""

    def __init__(self, text):
        super().__init__()
        self.anchors, self.links = set(), []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        given = dict(attributes)
        self.anchors.add(given.get("id"))
        if tag == "a" and "href" in given:
            self.links.append(given["href"])


def test_every_link_within_the_site_leads_to_a_page_and_an_anchor(site):
    pages = {path.resolve(): Links(path.read_text()) for path in site.rglob("*.html")}
    missing = []
    for path, page in pages.items():
        for link in page.links:
            place, anchor = urldefrag(unquote(link))
            if "://" in place or place.startswith("mailto:"):
                continue
            leads = (path.parent / place).resolve() if place else path
            there = leads in pages and (not anchor or anchor in pages[leads].anchors)
            if not there and (leads in pages or not leads.is_file()):
                missing.append(f"{path.name}: {link}")
    assert missing == []
