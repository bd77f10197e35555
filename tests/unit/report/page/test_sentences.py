"""Every sentence of the page is held against results.json and the diagnosis."""

import itertools
import json
import re
from html import unescape

import pytest

from equimodal.diagnosis import diagnose_folder
from equimodal.experiments.compare import compare
from equimodal.report import conclusions, read_results
from equimodal.training import setup
from unit.training.tiny import tiny_source

ROWS = ["untrained", "alone:*", "ensemble", "joint", "joint+unimodal", "amss", "amss-fixed"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A comparison of the tiny set with three seeds, its page and its diagnosis."""
    with pytest.MonkeyPatch.context() as patch:
        setup._loaded.cache_clear()
        for place in ("equimodal.data.load", "equimodal.training.setup.load"):
            patch.setattr(place, tiny_source)
        patch.setattr("equimodal.data.ready", lambda name, *_, **__: (name, None))
        patch.setattr("equimodal.comparison.plan.check_settings", lambda *_: None)
        out = tmp_path_factory.mktemp("page") / "tiny"
        compare(
            "tiny", methods=ROWS, seeds=3, epochs=4, lr=0.05, batch_size=16, out=out, here=True,
            progress=False,
        )  # fmt: skip
    setup._loaded.cache_clear()
    return out


@pytest.fixture(scope="module")
def results(folder):
    return read_results(folder)


@pytest.fixture(scope="module")
def diagnosis(folder):
    return json.loads((folder / "diagnosis.json").read_text())


@pytest.fixture(scope="module")
def page(folder):
    """The text of the page, without what draws."""
    html = (folder / "report.html").read_text()
    for part in ("script", "style", "svg"):
        html = re.sub(rf"<{part}\b.*?</{part}>", " ", html, flags=re.DOTALL)
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", html)))


def leaves(value):
    """All numbers of some JSON, those of a list of curves too."""
    if isinstance(value, dict):
        yield from itertools.chain.from_iterable(map(leaves, value.values()))
    elif isinstance(value, list):
        yield from itertools.chain.from_iterable(map(leaves, value))
    elif isinstance(value, (int, float)) and not isinstance(value, bool):
        yield float(value)


def written(value):
    """How sentences write a fraction: percent or points, one decimal or none."""
    return {f"{abs(100 * value):.{digits}f}" for digits in (0, 1)}


def test_every_number_of_a_sentence_is_one_of_the_files(results, diagnosis):
    known = set(itertools.chain.from_iterable(
        written(value) for value in [*leaves(results), *leaves(diagnosis), 0.95]
    ))  # fmt: skip
    halves = {
        f"{50 * (d['high'] - d['low']):.1f}"
        for row in results["summary"].values()
        for d in row.values()
        if isinstance(d, dict) and d.get("high") is not None and d.get("low") is not None
    }
    sentences = [*conclusions(results), *diagnosis["text"], *diagnosis["notes"]]
    for sentence in sentences:
        if sentence.lstrip().startswith("equimodal ") or "to settle" in sentence:
            continue
        for found in re.findall(r"(?<![\w.])[-+]?(\d+\.\d)(?!\d)", sentence):
            assert found in known | halves, (found, sentence)


def test_the_page_shows_the_diagnosis_and_the_conclusions_word_for_word(
    folder, page, diagnosis, results
):
    assert diagnosis["text"] == diagnose_folder(folder)["text"]
    verdict = diagnosis["verdict"]
    assert verdict["headline"] in page
    for found in verdict["modalities"].values():
        assert found["told"] in page
    for line in [*diagnosis["text"], *diagnosis["notes"]]:
        assert re.sub(r"\s+", " ", line.strip()) in page
    for sentence in conclusions(results)[1:]:
        assert sentence in page.replace("\N{MINUS SIGN}", "-")
    for tip in diagnosis["advice"]:
        assert tip["reason"] in page


def test_page_and_tables_give_one_difference_the_same_interval(results, diagnosis):
    """`alone:sound` minus joint was [+0.3, +5.3] in the verdict, [-3.3, +9.3] in the table."""
    ahead = diagnosis["verdict"]["cost"]["ahead"]
    assert {"ensemble", "joint+unimodal", "amss"} <= set(ahead)
    for row, rival in ahead.items():
        table = results["summary"][row]["difference_to_joint"]
        for ours, theirs in (("value", "mean"), ("low", "low"), ("high", "high")):
            assert rival["difference"][ours] == pytest.approx(table[theirs], abs=1e-12)


def test_the_terminal_says_what_the_page_says_of_starvation(folder, results, page, capsys):
    """The command had a rule of its own, blind to the verdict beside it."""
    from equimodal.report import verdict_words

    words = verdict_words(folder, results)
    assert set(words) == set(results["data"]["modalities"])
    for sentence in conclusions(results, words):
        assert sentence in page.replace("\N{MINUS SIGN}", "-")


def test_nothing_is_called_starved_that_the_verdict_does_not_call_under_trained(results, diagnosis):
    """`Joint training starved motion` stood against `balanced: nothing to mend`."""
    from equimodal.report.page.sections import happened

    starving = json.loads(json.dumps(results))
    for row in ("joint", "untrained"):
        for found in starving["summary"][row]["probe_difference_to_alone"].values():
            found.update(mean=-0.2, low=-0.3, high=-0.1, differing=20)
    states = ("under-trained", "well trained", "weak by itself", "no verdict")
    for known, words in itertools.product((results, starving), itertools.product(states, repeat=3)):
        modalities = dict(zip("abc", ({"word": word} for word in words), strict=True))
        given = {**diagnosis, "verdict": {**diagnosis["verdict"], "modalities": modalities}}
        said = dict(happened(known, given).content["conclusions"])["Starvation"]
        told = said.split(". Linear")[0]
        named = set(re.findall(r"\b[abc]\b", told))
        assert named == {m for m in modalities if modalities[m]["word"] == "under-trained"}
        if known is starving and named:
            assert told.startswith("Joint training starved")
