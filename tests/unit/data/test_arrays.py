import numpy as np
import pytest

from equimodal.data.arrays import Split, standardised, stratified

KINDS = {"vector": "vector", "image": "image"}


def split(rows: int, *, offset: float = 0.0) -> Split:
    numbers = np.arange(rows, dtype=np.float32) + np.float32(offset)
    inputs = {
        "vector": np.stack([numbers, 10 * numbers, np.full_like(numbers, 0.1)], axis=1),
        "image": np.stack([numbers, numbers + 100], axis=1).reshape(rows, 1, 1, 2),
    }
    return Split(inputs, np.zeros(rows, np.int64))


def test_vectors_are_standardised_by_the_training_columns():
    train, validation, _ = standardised(split(3), split(2, offset=3), split(1), KINDS)
    # Training column 0, 1, 2: mean 1, standard deviation sqrt(2 / 3).
    scale = np.sqrt(2 / 3)
    expected = np.array([-1, 0, 1]) / scale
    np.testing.assert_allclose(train.inputs["vector"][:, 0], expected, rtol=1e-6)
    np.testing.assert_allclose(train.inputs["vector"][:, 1], expected, rtol=1e-6)
    np.testing.assert_allclose(validation.inputs["vector"][:, 0], [2 / scale, 3 / scale], rtol=1e-6)


def test_an_image_is_standardised_as_a_whole():
    train, _, test = standardised(split(3), split(2), split(1), KINDS)
    values = np.array([0, 100, 1, 101, 2, 102])
    expected = (values - values.mean()) / values.std()
    np.testing.assert_allclose(train.inputs["image"].ravel(), expected, rtol=1e-5)
    np.testing.assert_allclose(test.inputs["image"].ravel(), expected[:2], rtol=1e-5)


def test_a_constant_column_is_only_centred():
    train, _, _ = standardised(split(3), split(2), split(1), KINDS)
    np.testing.assert_allclose(train.inputs["vector"][:, 2], 0, atol=1e-7)


def test_standardised_inputs_are_single_precision():
    for part in standardised(split(3), split(2), split(1), KINDS):
        assert all(rows.dtype == np.float32 for rows in part.inputs.values())


def test_a_selection_takes_its_share_of_each_class_and_at_least_one_row():
    labels = np.array([0] * 40 + [1] * 10 + [2])
    selected = stratified(labels, 0.2, np.random.default_rng(0))
    assert [int(selected[labels == label].sum()) for label in range(3)] == [8, 2, 1]


@pytest.mark.parametrize("kept", [[True, False, True], [False, False, False]])
def test_kept_rows_stay_paired(kept):
    found = split(3).rows(np.array(kept))
    assert found.inputs["vector"][:, 0].tolist() == [i for i in range(3) if kept[i]]
    assert found.inputs["image"][:, 0, 0, 0].tolist() == [i for i in range(3) if kept[i]]
    assert len(found.labels) == sum(kept)


def test_groups_stay_with_their_rows():
    grouped = Split(split(3).inputs, split(3).labels, np.array([5, 6, 5]))
    kept = grouped.rows(np.array([True, False, True]))
    assert kept.groups is not None and kept.groups.tolist() == [5, 5]
    train, validation, _ = standardised(grouped, split(2), split(1), KINDS)
    assert train.groups is grouped.groups and validation.groups is None
