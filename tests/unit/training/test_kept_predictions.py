"""Predictions on disk that were edited are refused by name, whatever was done to them."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from equimodal.errors import BalanceError
from equimodal.training.prediction import read_arrays, write_arrays

KEYS = ("logits", "labels", "unimodal_logits", "probed", "indices", "groups")


def sound():
    """What a run of two modalities writes for its test split of 6 samples and 3 classes."""
    return {
        "modalities": np.array(["image", "sound"]), "test_logits": np.zeros((6, 3), np.float32),
        "test_labels": np.arange(6) % 3, "test_unimodal_logits": np.zeros((2, 6, 3), np.float32),
        "test_probed": np.zeros((2, 6), np.int64), "test_indices": np.arange(6),
        "test_groups": np.arange(6),
    }  # fmt: skip


def test_what_a_run_wrote_is_read(tmp_path):
    write_arrays(tmp_path, sound())
    assert read_arrays(tmp_path).keys() == sound().keys()


EDITS = {
    "cut": lambda array: array[..., :-1], "no rows": lambda array: array[:0],
    "flat": lambda array: array.ravel()[:-1], "deeper": lambda array: array[None],
    "texts": lambda array: array.astype(str), "truth": lambda array: array.astype(bool),
}  # fmt: skip


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(key=st.sampled_from(KEYS), edit=st.sampled_from(sorted(EDITS)))
def test_an_edited_array_is_named(tmp_path, key, edit):
    arrays = sound()
    arrays[f"test_{key}"] = EDITS[edit](arrays[f"test_{key}"])
    write_arrays(tmp_path, arrays)
    with pytest.raises(BalanceError, match=r"predictions\.npz' is not as a run wrote it: test_"):
        read_arrays(tmp_path)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"test_labels": np.full(6, 3)}, "from 0 to 2"),
        ({"test_labels": -np.ones(6, int)}, "from 0"),
        ({"test_labels": np.arange(6) / 2}, "3 numbers for each of 6 samples"),
        ({"modalities": np.array(["a", "a"])}, "named twice"),
        ({"modalities": np.array(["a"])}, "unimodal_logits"),
        ({"modalities": np.arange(2)}, "names"),
    ],
)  # fmt: skip
def test_values_that_cannot_be_are_named(tmp_path, change, said):
    write_arrays(tmp_path, sound() | change)
    with pytest.raises(BalanceError, match=said):
        read_arrays(tmp_path)
