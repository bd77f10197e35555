"""A model.json that says something else, or the same in another order, is one error."""

import json
import shutil

import pytest

from equimodal import BalanceError, load
from equimodal.saved.seal import DIGEST
from unit.saved.conftest import edited


def patient(content):
    return content["table"]["columns"]["patient"]["settings"]


def swapped(values):
    values[0], values[1] = values[1], values[0]


def swapped_medians(content):
    one, other = patient(content)["numbers"][:2]
    one["fill"], other["fill"] = other["fill"], one["fill"]


def with_an_escape(content):
    content["classes"][0] = f"\x1b[2J{content['classes'][0]}"


TAMPERED = {
    "values twice": lambda c: patient(c)["categories"][0]["values"].__setitem__(
        0, patient(c)["categories"][0]["values"][1]
    ),
    "values reversed": lambda c: patient(c)["categories"][0]["values"].reverse(),
    "a column twice": lambda c: c["table"]["columns"]["smell"].update(sources=["smell", "smell"]),
    "medians swapped": swapped_medians,
    "another median": lambda c: patient(c)["numbers"][0].update(fill=1.5),
    "classes swapped": lambda c: swapped(c["classes"]),
    "a class renamed": lambda c: c["classes"].__setitem__(0, "another"),
    "a class with an escape": with_an_escape,
    "another task": lambda c: c.update(task="multi-label"),
    "another fusion": lambda c: c.update(fusion="sum"),
    "another column": lambda c: c["table"]["columns"]["smell"].update(sources=["age"]),
}  # fmt: skip


def written(text, folder):
    (folder / "model.json").write_text(text)
    with pytest.raises(BalanceError, match=r"model\.json' (cannot be used|is damaged)") as error:
        load(folder)
    return str(error.value)


@pytest.fixture
def folder(hospital, tmp_path):
    return shutil.copytree(hospital[0] / "model", tmp_path / "model")


def content_of(folder):
    return json.loads((folder / "model.json").read_text())


def as_schema_1(content):
    """As folders of schema 1 were written, without a digest."""
    rest = {key: value for key, value in content.items() if key != DIGEST}
    return rest | {"schema": "equimodal.model/1"}


@pytest.mark.parametrize("earlier", [False, True], ids=["sealed", "schema 1"])
@pytest.mark.parametrize("tampering", TAMPERED)
def test_an_edited_description_is_one_error_that_names_the_file(folder, tampering, earlier):
    content = content_of(folder)
    TAMPERED[tampering](content)
    written(json.dumps(as_schema_1(content) if earlier else content), folder)


@pytest.mark.parametrize("earlier", [False, True], ids=["sealed", "schema 1"])
def test_sorted_keys_are_refused_as_the_order_of_modalities_counts(folder, earlier):
    content = content_of(folder)
    content = as_schema_1(content) if earlier else content
    said = written(json.dumps(content, sort_keys=True), folder)
    assert "write it again with `equimodal train`" in said


def test_another_order_of_modalities_and_columns_is_refused(folder):
    """It is the order of the concatenation, and all weights would fit."""
    content = content_of(folder)
    for place, key in ((content, "modalities"), (content["table"], "columns")):
        place[key] = dict(reversed(place[key].items()))
    assert "was edited or damaged" in written(json.dumps(content), folder)


def test_a_key_that_stands_twice_is_refused(folder):
    text = (folder / "model.json").read_text()
    said = written(text.replace("{", '{"fusion": "sum",', 1), folder)
    assert "'fusion' stands twice" in said


def test_a_folder_without_its_digest_is_refused(folder):
    content = content_of(folder)
    del content[DIGEST]
    assert "it says none" in written(json.dumps(content), folder)


def test_other_whitespace_says_the_same(folder):
    (folder / "model.json").write_text(json.dumps(content_of(folder)))
    load(folder)


def test_a_folder_of_schema_1_is_read(hospital, folder):
    (folder / "model.json").write_text(json.dumps(as_schema_1(content_of(folder))))
    assert load(folder).classes == load(hospital[0] / "model").classes


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"sources": ["smell", "smell"]}, "sources must differ"),
        (
            {"kind": "waveform", "files": True, "settings": {"seconds": 1, "level": "peak"}},
            "read by its rate, which is missing",
        ),
    ],
    ids=["a column twice", "a sound without its rate"],
)
def test_columns_that_no_training_fits_are_refused_whatever_the_digest(folder, change, said):
    edited(folder, lambda c: c["table"]["columns"]["smell"].update(change))
    with pytest.raises(BalanceError, match=said):
        load(folder)
