"""Which samples a page shows, where they are kept, and their cards."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from equimodal.data.dataset import DataSource, Modality, MultimodalDataset
from equimodal.errors import BalanceError
from equimodal.report import renew, write_page
from equimodal.report.kept.sample_choice import chosen_samples
from equimodal.report.kept.sample_store import (
    SAMPLES,
    Samples,
    keep_samples,
    read_samples,
    shown_seed,
)
from equimodal.report.page.sample_cards import Gathered, cards, filters, marks
from equimodal.report.page.sample_section import samples
from equimodal.report.read.predictions import Prediction, read_predictions
from unit.report.synthetic import section_text, write_predictions


def predicted(said, labels, classes=3):
    return Prediction(np.eye(classes)[np.array(said)], np.array(labels))


def source_of(labels) -> DataSource:
    count = len(labels)
    split = MultimodalDataset(
        {"sound": torch.arange(count * 4.0).reshape(count, 4), "image": torch.ones(count, 1, 2, 2)},
        torch.as_tensor(labels),
    )
    kinds = {"sound": Modality("vector", (4,)), "image": Modality("image", (1, 2, 2))}
    names = tuple("0123456789")
    return DataSource("keypad", split, split, split, kinds, names, {}, "made")


@pytest.fixture
def predicted_folder(folder, results):
    return write_predictions(folder, results)


@pytest.fixture
def loaded(monkeypatch):
    """Data with the labels of the synthetic predictions; what they were asked for."""
    asked = {}

    def load(name, *, root, seed, **settings):
        asked.update(name=name, root=root, seed=seed, settings=settings)
        return source_of((np.arange(60) + seed) % 10)

    monkeypatch.setattr("equimodal.data.sources.load", load)
    return asked


def test_rare_groups_come_first_and_every_group_comes_in_turn():
    right = np.ones(20, bool)
    right[[7, 13]] = False
    assert chosen_samples(np.zeros(20, int), [right], most=3) == [0, 7, 13]
    assert chosen_samples(np.zeros(20, int), [right], most=5) == [0, 1, 2, 7, 13]


def test_the_classes_of_a_group_come_in_turn():
    labels = np.array([0, 0, 0, 0, 1, 2, 0, 1])
    assert chosen_samples(labels, [np.ones(8, bool)], most=4) == [0, 1, 4, 5]


def test_groups_begin_with_different_classes():
    labels = np.tile(np.arange(6), 10)
    right = np.repeat([True, False], 30)
    found = chosen_samples(labels, [right], most=6)
    assert sorted(labels[found]) == [0, 1, 2, 3, 4, 5]


def test_all_are_chosen_where_there_are_few():
    assert chosen_samples(np.array([0, 1]), [np.array([True, False])]) == [0, 1]


def test_kept_samples_are_those_of_the_first_seed_in_every_modality(
    predicted_folder, results, loaded
):
    assert keep_samples(predicted_folder, results, "somewhere")
    assert loaded["name"] == "keypad" and loaded["seed"] == 0
    assert loaded["settings"] == {"snr": 10.0, "detuning": 0.005}
    found = read_samples(predicted_folder)
    assert found.seed == 0
    assert len(found.shown) == 36
    assert all(set(entry) == {"sound", "image"} for entry in found.shown.values())


def test_the_same_folder_keeps_the_same_samples(predicted_folder, results, loaded):
    keep_samples(predicted_folder, results)
    first = (predicted_folder / SAMPLES).read_bytes()
    keep_samples(predicted_folder, results)
    assert (predicted_folder / SAMPLES).read_bytes() == first


def test_other_data_than_those_of_the_comparison_are_refused(
    predicted_folder, results, monkeypatch
):
    monkeypatch.setattr("equimodal.data.sources.load", lambda *_, **__: source_of([0, 1, 2]))
    with pytest.raises(BalanceError, match="not those of the comparison"):
        keep_samples(predicted_folder, results)
    assert not (predicted_folder / SAMPLES).exists()


def test_without_predictions_nothing_is_kept(folder, results):
    assert not keep_samples(folder, results)
    assert read_samples(folder) is None


def test_missing_samples_of_a_generated_set_are_made_and_others_left(
    predicted_folder, results, loaded
):
    renew(predicted_folder, results)
    first = (predicted_folder / SAMPLES).stat().st_mtime_ns
    renew(predicted_folder, results)
    assert (predicted_folder / SAMPLES).stat().st_mtime_ns == first
    renew(predicted_folder, results, "root")
    assert str(loaded["root"]) == "root"


def test_samples_that_need_files_wait_for_their_folder(predicted_folder, results, loaded):
    results["config"]["data"] = "avdigits"
    renew(predicted_folder, results)
    assert loaded == {} and read_samples(predicted_folder) is None


def test_data_that_changed_leave_a_note_unless_they_were_asked_for(
    predicted_folder, results, monkeypatch
):
    monkeypatch.setattr("equimodal.data.sources.load", lambda *_, **__: source_of([0, 1, 2]))
    renew(predicted_folder, results)
    assert "No samples were kept" in write_page(predicted_folder).read_text(encoding="utf-8")
    with pytest.raises(BalanceError, match="not those of the comparison"):
        renew(predicted_folder, results, "root")


def test_a_table_is_read_from_its_folder(predicted_folder, results, loaded, monkeypatch, tmp_path):
    (tmp_path / "my.csv").touch()
    results["config"]["data"], asked = "my.csv", []
    monkeypatch.setattr(
        "equimodal.data.sources.ready", lambda *given: asked.append(given) or ("my.csv", "prepared")
    )
    assert keep_samples(predicted_folder, results, tmp_path)
    assert asked == [(str(tmp_path / "my.csv"), tmp_path)]
    assert (loaded["name"], str(loaded["root"])) == ("my.csv", "prepared")


def test_a_seed_whose_joint_run_is_lost_is_not_shown(predicted_folder, results):
    run = next(r for r in results["runs"] if r["method"] == "joint" and r["seed"] == 0)
    (predicted_folder / run["folder"] / "predictions.npz").unlink()
    assert shown_seed(results, read_predictions(predicted_folder, results)) == 1


@pytest.mark.parametrize(
    "content", ["{", "[]", '{"schema": "other"}', '{"schema": "equimodal.samples/1"}']
)
def test_a_damaged_file_of_samples_shows_none(tmp_path, content):
    (tmp_path / SAMPLES).write_text(content)
    assert read_samples(tmp_path) is None


@pytest.fixture
def gathered():
    labels = [0, 1, 2]
    return Gathered(
        ("cat", "dog", "<cow>"),
        ("sound", "image"),
        {"sound": predicted([0, 1, 0], labels), "image": predicted([0, 0, 0], labels)},
        ("joint", predicted([0, 0, 2], labels)),
        {"dus": predicted([1, 1, 2], labels)},
    )


def test_marks_tell_class_who_knows_it_and_who_is_right(gathered):
    assert marks(gathered, 0) == ["class-0", "known-0", "known-1", "fused-right", "row-0-wrong"]
    assert marks(gathered, 1) == ["class-1", "known-0", "only-0", "fused-wrong", "row-0-right"]
    assert marks(gathered, 2) == ["class-2", "known-none", "fused-right", "row-0-right"]


def test_every_choice_of_a_filter_is_a_mark_that_cards_may_carry(gathered):
    found = dict(filters(gathered))
    choices = {mark for entries in found.values() for mark, _ in entries}
    assert choices >= {mark for index in range(3) for mark in marks(gathered, index)}
    assert found["class"][2] == ("class-2", "<cow>")
    assert found["right when trained alone"][0] == ("only-0", "only sound")


def test_a_card_holds_pictures_answers_and_who_else_is_wrong(gathered):
    entry = {"image": {"png": "AAAA"}, "sound": {"text": "<b>"}}
    (card,) = cards(gathered, {0: entry, 7: {}})
    assert (card.index, card.label, card.wrong, card.added) == (0, "cat", "dus", "")
    assert card.pictures == [("sound", {"text": "<b>"}), ("image", {"png": "AAAA"})]
    assert [(said.name, said.label, said.right, said.sure) for said in card.judgements] == [
        ("sound alone", "cat", True, "100"),
        ("image alone", "cat", True, "100"),
        ("joint", "cat", True, "100"),
    ]


def test_the_section_shows_cards_and_escapes_what_is_on_them(predicted_folder, results):
    predictions = read_predictions(predicted_folder, results)
    kept = Samples(1, {0: {"image": {"png": "AAAA"}, "sound": {"text": "<b>"}}})
    results["data"]["classes"][1] = "<cow>"
    shown = section_text(samples(results, predictions, kept))
    assert shown.count("<li ") == 1
    assert 'src="data:image/png;base64,AAAA" alt="image of sample 0, class &lt;cow&gt;"' in shown
    assert "<blockquote>&lt;b&gt;</blockquote>" in shown
    assert '<option value="class-1">&lt;cow&gt;</option>' in shown
    assert "1 of 1 samples" in shown
    assert "other rows wrong: " in shown


def test_the_section_needs_samples_of_a_seed_that_was_predicted(predicted_folder, results):
    predictions = read_predictions(predicted_folder, results)
    entry = {"image": {"png": "AAAA"}}
    assert samples(results, predictions, Samples(1, {0: entry})).title == "Single samples"
    assert samples(results, predictions, Samples(9, {0: entry})) is None
    assert samples(results, predictions, Samples(1, {})) is None
    assert samples(results, predictions, None) is None


def test_the_page_is_made_from_the_folder_alone(predicted_folder, results, loaded):
    keep_samples(predicted_folder, results)
    content = json.loads((predicted_folder / SAMPLES).read_text())
    source = write_page(predicted_folder).read_text(encoding="utf-8")
    assert source.count("<li data-marks") == len(content["samples"])
    assert source.count("<figcaption>") == 2 * len(content["samples"])
