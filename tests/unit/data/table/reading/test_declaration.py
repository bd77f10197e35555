import pytest

from equimodal.data.table.reading.declaration import Declaration, Declared, read_declaration
from equimodal.errors import DataError


def declared(folder, text):
    (folder / "my.yaml").write_text(text, encoding="utf-8")
    return read_declaration(folder / "my.csv")


def test_nothing_is_declared_without_a_file_or_in_an_empty_one(tmp_path):
    assert read_declaration(tmp_path / "my.csv") == Declaration()
    assert declared(tmp_path, "# nothing yet\n") == Declaration()


def test_everything_that_may_be_declared_is_read(tmp_path):
    found = declared(
        tmp_path,
        """
label: word
group: speaker
ratios: {train: 0.5, validation: 0.25, test: 0.25}
seed: 7
allow: [leakage]
modalities:
  picture: {column: file, kind: image, size: 32, channels: 3}
  sound: {kind: sound, rate: 8000, seconds: 0.8, hop: 200, level: as_is}
  body: {columns: [height, weight]}
  words: comment
""",
    )

    assert found == Declaration(
        label=("word",),
        group="speaker",
        ratios=(0.5, 0.25, 0.25),
        seed=7,
        allow=("leakage",),
        modalities={
            "picture": Declared(("file",), "image", {"size": [32, 32], "channels": 3}),
            "sound": Declared(
                ("sound",), "sound", {"rate": 8000, "seconds": 0.8, "hop": 200, "level": "as_is"}
            ),
            "body": Declared(("height", "weight"), "numbers", {}),
            "words": Declared(("comment",), "", {}),
        },
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "lable: x",
            "no key 'lable' in the file; write some of task, .*Did you mean 'label'",
        ),
        ("ratios: {train: 0.5, dev: 0.5}", "no key 'dev' in ratios; .*train, validation, test"),
        ("modalities: {a: {kind: image, sise: 3}}", "image. has no setting 'sise'; it has .*size"),
        ("modalities: {a: {kind: imag}}", "must be one of image, .*Did you mean 'image'"),
        ("modalities: {a: {size: 3}}", "a.kind is missing; .*before the setting 'size'"),
        ("modalities: {a: {kind: text, rate: 8000}}", "text. has no setting 'rate'"),
        ("modalities: {a: {kind: image, augment: flop}}", "a.augment must be one of crop, resized"),
        ("modalities: {a: {kind: image, augment: []}}", "must be some of crop, resized_crop, flip"),
        ("modalities: {a: {kind: video, augment: 'crop, resized_crop'}}", "write one of the two"),
        ("modalities: {a: {kind: sound, augment: flip}}", "sound. has no setting 'augment'"),
        ("modalities: {a: {kind: image, size: [1, 2, 3]}}", "one side or .height, width."),
        ("modalities: {a: {kind: image, channels: 2}}", "1 .grey. or 3 .colour.; found 2"),
        ("modalities: {a: {kind: sound, seconds: 0}}", "number from 0.01 to 600; found 0"),
        (
            "modalities: {a: {kind: image, columns: [b, c]}}",
            "only kind: numbers and kind: table may",
        ),
        ("modalities: [a, b]", "modalities must hold `key: value` lines"),
        ("ratios: [0.5, 0.5, 0.5]", "with the sum 1"),
        ("ratios: [0.5, 0.5]", "three shares"),
        ("ratios: [0.7, 0.1, 0.2]\nsplit: part", "split and ratios are both given"),
        ("seed: -1", "seed must be a whole number"),
        ("allow: [everything]", "allow must be a list of typo, leakage, group"),
        ("label: 3", "label must be the name of a column, or a list of different ones; found 3"),
        ("a: [", "is no YAML"),
        ("- label", "the file must hold `key: value` lines"),
    ],
)
def test_a_wrong_declaration_says_what_to_write(tmp_path, text, said):
    with pytest.raises(DataError, match=rf"^my\.yaml.*{said}"):
        declared(tmp_path, text)


def test_a_declaration_runs_no_code(tmp_path):
    mark = tmp_path / "mark"
    with pytest.raises(DataError, match="has a tag"):
        declared(tmp_path, f"label: !!python/object/apply:os.mkdir ['{mark}']")
    assert not mark.exists()


def test_two_declarations_beside_one_table_are_a_question(tmp_path):
    (tmp_path / "my.yaml").write_text("label: a")
    (tmp_path / "my.yml").write_text("label: b")
    with pytest.raises(DataError, match=r"my\.yaml and my\.yml lie both beside my\.csv"):
        read_declaration(tmp_path / "my.csv")
