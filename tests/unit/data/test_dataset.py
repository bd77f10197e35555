import pytest
import torch

from equimodal.data import MultimodalDataset
from equimodal.errors import DataError


def dataset(rows: int = 5) -> MultimodalDataset:
    numbers = torch.arange(rows, dtype=torch.float32)
    inputs = {
        "a": numbers[:, None],
        "b": numbers[:, None, None] * torch.ones(1, 2, 3),
        "c": -numbers,
    }
    return MultimodalDataset(inputs, torch.arange(rows) % 2)


def test_an_item_holds_one_row_of_every_modality_its_label_and_its_index() -> None:
    inputs, label, index = dataset()[3]
    assert {m: tuple(x.shape) for m, x in inputs.items()} == {"a": (1,), "b": (2, 3), "c": ()}
    assert (inputs["a"].item(), label.item(), index) == (3.0, 1, 3)


def test_taken_rows_stay_paired() -> None:
    inputs, labels = dataset().take(torch.tensor([4, 0, 4]))
    assert inputs["a"][:, 0].tolist() == [4.0, 0.0, 4.0]
    assert inputs["b"][:, 1, 2].tolist() == [4.0, 0.0, 4.0]
    assert labels.tolist() == [0, 0, 0]


def test_one_modality_is_taken_with_its_own_labels() -> None:
    rows, labels = dataset().take_modality("c", torch.tensor([1, 2]))
    assert rows.tolist() == [-1.0, -2.0]
    assert labels.tolist() == [1, 0]


def test_no_row_taken_is_an_empty_batch() -> None:
    inputs, labels = dataset().take(torch.tensor([], dtype=torch.int64))
    assert inputs["b"].shape == (0, 2, 3) and labels.shape == (0,)


def test_the_length_is_the_number_of_samples() -> None:
    assert len(dataset(7)) == 7


def test_moving_keeps_the_original() -> None:
    original = dataset()
    moved = original.to("meta")
    assert moved.inputs["a"].device.type == "meta" and moved.labels.device.type == "meta"
    assert original.inputs["a"].device.type == "cpu"


def test_an_unknown_modality_is_named_beside_the_known_ones() -> None:
    with pytest.raises(DataError, match=r"no modality 'd'.* has a, b, c"):
        dataset().take_modality("d", torch.tensor([0]))


def test_a_modality_with_other_rows_than_labels_is_refused() -> None:
    with pytest.raises(DataError, match="'a' has 3 rows for 2 labels"):
        MultimodalDataset({"a": torch.zeros(3)}, torch.zeros(2, dtype=torch.int64))


@pytest.mark.parametrize("labels", [torch.zeros(2), torch.zeros(2, 1, 1, dtype=torch.int64)])
def test_labels_that_are_no_class_indices_are_refused(labels: torch.Tensor) -> None:
    with pytest.raises(DataError, match="class indices"):
        MultimodalDataset({"a": torch.zeros(2)}, labels)


def test_a_data_set_without_modalities_is_refused() -> None:
    with pytest.raises(DataError, match="at least one modality"):
        MultimodalDataset({}, torch.zeros(2, dtype=torch.int64))


def test_groups_stay_with_their_samples() -> None:
    groups = torch.tensor([4, 4, 7, 7, 7])
    known = MultimodalDataset(dataset().inputs, dataset().labels, groups)
    for same in (known.varied(0, 1), known.to("cpu")):
        assert same.groups is not None and torch.equal(same.groups, groups)
    assert dataset().groups is None


def test_groups_of_another_number_than_the_samples_are_refused() -> None:
    with pytest.raises(DataError, match=r"groups of shape \(4,\) for 5 labels"):
        MultimodalDataset(dataset().inputs, dataset().labels, torch.zeros(4, dtype=torch.int64))
