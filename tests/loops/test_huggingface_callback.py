"""The callback's loss, and its records in the Trainer's loggers."""

import struct

import pytest
import torch
from torch import nn

from loops.mapping import WithMapping
from loops.plain import BATCH, EPOCHS, STEPS, data, gap, plain, start, weights

pytest.importorskip("transformers")

from equimodal.integrations.huggingface import BalanceCallback
from loops.huggingface_loop import Batches, Items, Unpaired, beginning, trainer


def scalars(file):
    """(tag, step) -> value of every scalar in a TensorBoard event file."""
    from tensorboardX.proto.event_pb2 import Event

    found, content = {}, file.read_bytes()
    while content:
        (length,) = struct.unpack("<Q", content[:8])
        event = Event.FromString(content[12 : 12 + length])
        content = content[16 + length :]
        for value in event.summary.value:
            if value.HasField("simple_value"):
                found[value.tag, event.step] = value.simple_value
    return found


def decisions(made):
    """(tag, step) -> value of every decision, as TensorBoard names them."""
    return {
        (f"train/balance/{r['name']}/{m}", r["step"]): value
        for r in made.balancer.decisions.drain()
        for m, value in r["values"].items()
    }


@pytest.mark.parametrize("log_every", [None, 3])
def test_every_decision_lands_in_tensorboards_file_at_its_own_update(log_every, tmp_path, capsys):
    made = start("amss", log_every=log_every)
    built, callback = trainer(made, tmp_path, report_to="tensorboard")
    callback.log_to(built)
    built.train()

    (file,) = tmp_path.glob("runs/*/events.*")
    written = {k: v for k, v in scalars(file).items() if "balance" in k[0]}
    expected = decisions(made)
    assert {tag for tag, _ in expected} >= {
        f"train/balance/{name}/{m}" for name in ("significance", "fraction") for m in "ab"
    }
    assert {step for _, step in expected} >= set(range(EPOCHS * STEPS))
    assert written == pytest.approx(expected, rel=1e-6)
    assert "balance" not in capsys.readouterr().out
    assert not any("balance" in key for entry in built.state.log_history for key in entry)


def test_batches_that_the_method_draws_for_each_modality_are_bit_equal(tmp_path):
    made = start("dus")
    built, _ = trainer(made, tmp_path, kind=Unpaired, eval_strategy="epoch")
    built.batches = Batches(made.balancer.loader(data(), batch_size=BATCH))
    built.train()

    assert gap(weights(made.model), plain("dus", unpaired=True)) == 0


class WithPresence(WithMapping):
    """A model that says which modalities it was given."""

    def forward(self, inputs):
        present = torch.stack([inputs[m].flatten(1).any(1) for m in "ab"], 1)
        return {**super().forward(inputs), "present": present}


def test_a_model_says_which_modalities_are_missing():
    made, expected = start("joint+unimodal"), start("joint+unimodal")
    inputs, labels = data().take(torch.arange(8))
    present = torch.ones(8, 2, dtype=torch.bool)
    present[2:5, 1] = False
    inputs["b"][2:5] = 0

    callback = BalanceCallback(made.balancer)
    callback.on_train_begin(*beginning(), model=made.model, optimizer=made.optimizer)
    loss = callback.compute_loss(WithPresence(made.model)(inputs), labels, torch.tensor(8))
    wanted = expected.balancer.loss(expected.model(inputs), labels, present)
    assert torch.equal(loss, wanted)
    assert not torch.equal(loss, expected.balancer.loss(expected.model(inputs), labels))


def test_without_gradients_the_loss_is_the_plain_loss_before_and_after_training(tmp_path):
    made = start("joint+unimodal")
    built, _ = trainer(made, tmp_path, num_train_epochs=1)
    inputs, labels = Items(30, seed=1).data.take(torch.arange(30))

    for _ in range(2):
        with torch.no_grad():
            expected = nn.functional.cross_entropy(made.model(inputs).logits, labels)
        found = built.evaluate()["eval_loss"]
        assert found == pytest.approx(float(expected), rel=1e-6)
        built.train()
