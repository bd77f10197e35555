import numpy as np
import pytest

from equimodal.data.files import SourceFile
from equimodal.errors import DataError


@pytest.fixture
def file(tmp_path):
    (tmp_path / "folder").mkdir()
    return SourceFile(tmp_path, "folder/a.bin", "somewhere public")


def test_a_file_gives_its_bytes(file):
    file.path.write_bytes(b"content")
    assert file.content() == b"content"


def test_an_error_names_the_file_where_it_belongs_and_where_to_get_it(file):
    said = str(file.error("is missing"))
    assert said.startswith("folder/a.bin is missing")
    assert str(file.path) in said and "somewhere public" in said


def test_missing_empty_and_unreadable_files_are_refused(file):
    with pytest.raises(DataError, match=r"folder/a\.bin is missing"):
        file.content()
    file.path.write_bytes(b"")
    with pytest.raises(DataError, match=r"folder/a\.bin is empty"):
        file.content()
    folder = SourceFile(file.root, "folder", "somewhere public")
    with pytest.raises(DataError, match="folder cannot be read"):
        folder.content()


def test_labels_become_positions_among_the_classes(file):
    found = file.class_indices(np.array([3.0, 1.0, 2.0]), range(1, 4))
    assert found.tolist() == [2, 0, 1] and found.dtype == np.int64


@pytest.mark.parametrize("label", [0, 4, 1.5, float("nan")])
def test_a_label_that_is_no_class_is_named_with_its_row(file, label):
    with pytest.raises(DataError, match=f"label {label} in row 2, expected whole numbers from 1"):
        file.class_indices(np.array([1.0, label]), range(1, 4))


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_value_that_is_not_finite_is_named_with_its_row(file, value):
    rows = np.zeros((4, 3))
    file.check_finite(rows)
    rows[2, 1] = value
    with pytest.raises(DataError, match="row 3"):
        file.check_finite(rows)
