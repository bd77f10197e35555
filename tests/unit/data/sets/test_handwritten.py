"""Handwritten: the file's layout and damage in miniature, and the published file where present."""

import pickle

import numpy as np
import pytest
import torch
from scipy.io import savemat

from equimodal import data
from equimodal.data.sets.handwritten import VIEWS
from equimodal.errors import DataError
from places import REAL_DATA

NAME = "handwritten/handwritten_6views.mat"
needs_real = pytest.mark.skipif(not (REAL_DATA / NAME).is_file(), reason="needs EQUIMODAL_DATA")


def content():
    """Ten training and two test samples of each class; cell = 10 * view + class + column / 1000."""
    found = {}
    for part, count in {"train": 10, "test": 2}.items():
        labels = np.repeat(np.arange(1, 11, dtype=np.uint8), count)
        found[f"gt_{part}"] = labels[:, None]
        for view, (name, width) in enumerate(VIEWS.values()):
            found[f"{name}_{part}"] = 10.0 * view + labels[:, None] + np.arange(width) / 1000
    return found


def write(root, arrays, **options):
    (root / NAME).parent.mkdir(exist_ok=True)
    savemat(root / NAME, arrays, **options)


@pytest.fixture
def root(tmp_path):
    write(tmp_path, content())
    return tmp_path


def refused(root, *words, **settings):
    with pytest.raises(DataError) as caught:
        data.load("handwritten", root=root, **settings)
    said = str(caught.value)
    assert all(word in said for word in words), said
    assert "\n" not in said
    return said


def test_the_default_views_are_pix_fou_and_mor(root):
    source = data.load("handwritten", root=root)

    shapes = {m: (k.kind, k.shape) for m, k in source.modalities.items()}
    assert shapes == {
        "pix": ("vector", (240,)),
        "fou": ("vector", (76,)),
        "mor": ("vector", (6,)),
    }
    assert source.settings == {"views": ["pix", "fou", "mor"]}


@pytest.mark.parametrize("views", ["mor, pix", ["mor", "pix"], ("mor", "pix")])
def test_views_are_chosen_by_a_list_or_a_text_in_their_order(views, root):
    source = data.load("handwritten", root=root, views=views)

    assert list(source.modalities) == ["mor", "pix"]
    assert source.settings == {"views": ["mor", "pix"]}


def test_all_six_views_have_their_widths(root):
    source = data.load("handwritten", root=root, views=list(VIEWS))

    assert [m.shape[0] for m in source.modalities.values()] == [240, 76, 216, 47, 64, 6]


@pytest.mark.parametrize("views", ["pix", "pix,pix", "pix,foo", "", [], ["pix", 3], 3, None])
def test_other_views_are_refused(views, root):
    refused(root, "handwritten.views must be two or more of", "mor", repr(views), views=views)


def test_classes_are_counted_from_0_and_a_fifth_of_each_is_validation(root):
    source = data.load("handwritten", root=root)

    assert source.train.labels.bincount().tolist() == [8] * 10
    assert source.validation.labels.bincount().tolist() == [2] * 10
    assert source.test.labels.tolist() == np.repeat(np.arange(10), 2).tolist()
    # Every column grows by one a class, so that labels and standardised rows agree in order.
    for split in (source.train, source.validation, source.test):
        for rows in split.inputs.values():
            expected = (split.labels - 4.5) / np.sqrt(8.25)
            assert torch.allclose(rows, expected[:, None].expand_as(rows).float(), atol=1e-4)


def test_every_published_training_row_is_in_training_or_validation_once(tmp_path):
    arrays = content()
    arrays["x6_train"][:, 0] = np.arange(100)
    write(tmp_path, arrays)

    source = data.load("handwritten", root=tmp_path)

    train, validation = (s.inputs["mor"][:, 0] for s in (source.train, source.validation))
    assert len(train.unique()) == 80
    assert len(torch.cat([train, validation]).unique()) == 100


def test_a_missing_file_is_named_with_its_source(tmp_path):
    refused(tmp_path, NAME, "is missing", "hanmenghan/TMC")


@pytest.mark.parametrize("share", [0.0, 0.001, 0.1, 0.5, 0.9, 0.99])
@pytest.mark.parametrize("compressed", [False, True])
def test_a_truncated_file_is_named(share, compressed, tmp_path):
    write(tmp_path, content(), do_compression=compressed)
    whole = (tmp_path / NAME).read_bytes()
    (tmp_path / NAME).write_bytes(whole[: int(share * len(whole))])

    refused(tmp_path, NAME, "hanmenghan/TMC", views=list(VIEWS))


@pytest.mark.parametrize("garbage", [b"x" * 3000, bytes(3000), pickle.dumps({"gt_train": 1})])
def test_a_file_of_another_format_is_named(garbage, root):
    (root / NAME).write_bytes(garbage)

    refused(root, NAME, "hanmenghan/TMC")


def test_a_folder_in_the_place_of_the_file_is_named(tmp_path):
    (tmp_path / NAME).mkdir(parents=True)

    refused(tmp_path, NAME, "hanmenghan/TMC")


def changed(name, change):
    arrays = content()
    arrays[name] = change(arrays[name])
    return arrays


def with_nan(rows):
    rows[4, 1] = np.nan
    return rows


@pytest.mark.parametrize(
    ("name", "change", "words"),
    [
        ("x2_train", lambda rows: rows[:-1], ["x2_train", "(99, 76)", "(100, 76)"]),
        ("x2_test", lambda rows: rows[:, :-1], ["x2_test", "(20, 75)", "(20, 76)"]),
        ("x6_train", with_nan, ["x6_train", "not finite", "row 5"]),
        ("x6_train", lambda rows: rows + 1j, ["no matrix of numbers in x6_train"]),
        ("x6_train", lambda rows: rows.astype(object), ["no matrix of numbers in x6_train"]),
        ("x6_train", lambda rows: rows.reshape(2, -1, 6), ["no matrix of numbers in x6_train"]),
        ("gt_train", lambda rows: rows - 1, ["label 0", "row 1", "1 to 10"]),
        ("gt_test", lambda rows: rows + 1, ["label 11", "row 19", "1 to 10"]),
        ("gt_test", lambda rows: rows + 0.5, ["label 1.5", "row 1", "1 to 10"]),
        ("gt_test", lambda rows: rows.T, ["gt_test", "(1, 20)", "(1, 1)"]),
        ("gt_test", lambda rows: rows[:0], ["gt_test", "(0, 1)", "(1, 1)"]),
    ],
)
def test_a_wrong_array_is_named(name, change, words, tmp_path):
    write(tmp_path, changed(name, change))

    refused(tmp_path, NAME, *words)


@pytest.mark.parametrize("name", ["gt_train", "x6_test"])
def test_an_array_that_is_not_there_is_named(name, tmp_path):
    arrays = content()
    del arrays[name]
    write(tmp_path, arrays)

    refused(tmp_path, NAME, f"holds no array {name}")


def test_views_that_are_not_asked_for_are_not_read(tmp_path):
    arrays = content()
    del arrays["x3_train"]
    write(tmp_path, arrays)

    assert len(data.load("handwritten", root=tmp_path).train) == 80
    refused(tmp_path, "holds no array x3_train", views="pix,fac")


def test_the_global_random_streams_are_untouched(root):
    torch.manual_seed(0)
    np.random.seed(0)
    before = torch.get_rng_state(), np.random.get_state()[1].tolist()

    data.load("handwritten", root=root, seed=3)

    assert torch.equal(torch.get_rng_state(), before[0])
    assert np.random.get_state()[1].tolist() == before[1]


@pytest.fixture(scope="module")
def real():
    return {seed: data.load("handwritten", root=REAL_DATA, seed=seed) for seed in (0, 1)}


@needs_real
def test_the_published_file_has_its_counts(real):
    source = real[0]

    assert source.train.labels.bincount().tolist() == [128] * 10
    assert source.validation.labels.bincount().tolist() == [32] * 10
    assert source.test.labels.bincount().tolist() == [40] * 10


@needs_real
def test_the_seed_decides_the_validation_split(real):
    again = data.load("handwritten", root=REAL_DATA, seed=0)

    for m in again.modalities:
        assert torch.equal(real[0].train.inputs[m], again.train.inputs[m])
        assert not torch.equal(real[0].validation.inputs[m], real[1].validation.inputs[m])
    assert torch.equal(real[0].test.labels, real[1].test.labels)
