"""Twitter-15, Sarcasm and Food-101: texts as they are, images beside them, published splits."""

import csv

import pytest

from equimodal.data.miniatures import food101, sarcasm, twitter15
from equimodal.errors import DataError
from unit.data.converters.conftest import splits


def test_tweets_keep_their_quotes_and_characters(copied, manifest):
    rows, declared, _ = manifest("twitter15", copied(twitter15))

    assert splits(rows) == {"train": 6, "validation": 3, "test": 3}
    assert [row["text"] for row in rows[:6:2]] == [tweet for tweet, _ in twitter15.TWEETS]
    assert [row["label"] for row in rows[:3]] == ["negative", "neutral", "positive"]
    assert rows[0]["image"] == "twitter2015_images/0.jpg"
    assert declared["modalities"] == {
        "text": {"column": "text", "kind": "text"},
        "image": {"column": "image", "kind": "image"},
    }


def test_the_target_may_be_written_into_the_tweet(copied, manifest):
    rows, _, summary = manifest("twitter15", copied(twitter15), target="fill")

    assert rows[0]["text"] == '" London is back !'
    assert "The target is written out in the text." in summary.notes


def test_the_places_of_the_authors_repository_are_known(copied, manifest):
    root = copied(twitter15)
    (root / "absa_data").mkdir()
    (root / "twitter2015").rename(root / "absa_data" / "twitter2015")

    assert len(manifest("twitter15", root)[0]) == 12


@pytest.mark.parametrize(
    "line",
    ["1\t3\t0.jpg\ta $T$\tb", "1\t0\t../x.jpg\ta\tb", "1\t0\tx.jpg"],
)
def test_a_row_that_is_not_of_twitter15_is_refused(line, copied, manifest):
    root = copied(twitter15)
    (root / "twitter2015" / "dev.tsv").write_text(twitter15.HEAD + line + "\n")

    with pytest.raises(DataError, match=r"row 2, expected"):
        manifest("twitter15", root)


def test_words_that_give_sarcasm_away_are_left_out_unless_asked(copied, manifest):
    root = copied(sarcasm)

    rows, _, summary = manifest("sarcasm", root)
    assert splits(rows) == {"train": 3, "validation": 3, "test": 3}
    assert [row["text"] for row in rows[:3]] == [sarcasm.TEXTS[i] for i in (0, 1, 3)]
    assert "3 texts with a word that gives the label away are left out." in summary.notes

    rows, _, _ = manifest("sarcasm", root, filtered=False, resume=True)
    assert len(rows) == 12


def test_the_label_of_validation_and_test_is_the_annotators(copied, manifest):
    rows, _, _ = manifest("sarcasm", copied(sarcasm), filtered=False)

    found = [row["label"] for row in rows if row["split"] == "test"]
    assert found == ["literal", "sarcastic", "literal", "sarcastic"]
    assert rows[0]["image"] == "dataset_image/840000000000000001.jpg"


@pytest.mark.parametrize(
    "line",
    [
        "['1', 'text', 2]",
        "['1', 'text']",
        "['../1', 'text', 1]",
        "__import__('os').system('touch ran')",
        "[" * 9000,
        "['1', 'text', 1",
        "['1', 7, 1]",
    ],
)
def test_a_line_that_is_no_sample_is_refused_and_nothing_runs(
    line, copied, manifest, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    root = copied(sarcasm)
    (root / "text" / "valid2.txt").write_text(line + "\n")

    with pytest.raises(DataError, match=r"valid2\.txt', line 1, is .* expected \['id', 'text'"):
        manifest("sarcasm", root)
    assert not (tmp_path / "ran").exists()


def test_titles_of_food_keep_commas_and_quotes(copied, manifest):
    rows, _, _ = manifest("food101", copied(food101))

    assert splits(rows) == {"train": 8, "validation": 2, "test": 4}
    assert [row["text"] for row in rows[:2]] == [f"{title} 0" for title in food101.TITLES]
    assert rows[0]["image"] == "images/train/apple_pie/apple_pie_0.jpg"


def test_tables_with_the_header_of_the_fields_toolkit_are_read_too(copied, manifest):
    root = copied(food101)
    before, _, _ = manifest("food101", root)
    for split in ("train", "test"):
        path = root / "texts" / f"{split}_titles.csv"
        own = [row for row in before if (row["split"] == "test") == (split == "test")]
        with path.open("w", newline="") as file:
            table = csv.writer(file)
            table.writerow(["text", "label", "Image_path"])
            table.writerows([r["text"], r["label"], r["image"].rpartition("/")[2]] for r in own)

    assert manifest("food101", root, resume=True)[0] == before


@pytest.mark.parametrize("line", [",title,apple_pie", "a.jpg,title,../apple_pie", "a.jpg,title"])
def test_a_row_that_is_not_of_food101_is_refused(line, copied, manifest):
    root = copied(food101)
    (root / "texts" / "test_titles.csv").write_text(line + "\n")

    with pytest.raises(DataError, match="row 1, expected"):
        manifest("food101", root)
