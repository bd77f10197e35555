"""Runs of other encoders and fusions: what a diagnosis makes of their folders."""

import pytest

from equimodal.diagnostics.checkpoint import checkpoint_measures
from equimodal.diagnostics.reading import read_case
from equimodal.diagnostics.run_files import run_at, train_command
from equimodal.errors import BalanceError
from equimodal.train.loop import train
from unit.train.tiny import config, tiny

__all__ = ["tiny"]
pytestmark = pytest.mark.usefixtures("tiny")


@pytest.mark.parametrize("model", [{}, {"fusion": "sum", "encoders": {"a": "mlp"}}])
def test_a_checkpoint_of_any_model_whose_parts_sum_is_looked_into(model, tmp_path, monkeypatch):
    monkeypatch.setattr("equimodal.data.ready", lambda data, root, **_: (data, root))
    train(config(epochs=1, **model), tmp_path)
    measures = checkpoint_measures(run_at(tmp_path), "test")
    assert set(measures["purity"]) and read_case(tmp_path).modalities == ("a", "b", "c")


def test_a_fusion_without_parts_is_refused_and_its_command_names_the_model(tmp_path):
    train(config(epochs=1, fusion="film", encoders={"b": "mlp"}), tmp_path)
    with pytest.raises(
        BalanceError, match=r"fusion film, whose logits are no sum .*equimodal.diag"
    ):
        read_case(tmp_path)
    command = train_command(run_at(tmp_path), "alone:b", 3, tmp_path)
    assert "--encoder b=mlp --fusion film" in command
