"""What the callback refuses, and the words it uses."""

import importlib
import sys

import pytest
from torch import nn

from equimodal import BalanceError, Classification
from loops.mapping import WithMapping
from loops.plain import BATCH, data, network, start

pytest.importorskip("transformers")

from transformers import Trainer

from equimodal.integrations.huggingface import BalanceCallback
from loops.huggingface_loop import (
    IN_TWO,
    Batches,
    Items,
    Unpaired,
    arguments,
    beginning,
    trainer,
)


def test_labels_that_cannot_be_counted_are_not_accumulated(tmp_path):
    made = start("dus")
    built, _ = trainer(made, tmp_path, kind=Unpaired, **IN_TWO)
    built.batches = Batches(made.balancer.loader(data(), batch_size=BATCH))

    with pytest.raises(BalanceError, match=r"labels of type dict.*gradient_accumulation_steps=1"):
        built.train()


def test_a_trainer_without_the_callback_is_refused(tmp_path):
    built, callback = trainer(start("joint"), tmp_path)
    built.remove_callback(callback)

    with pytest.raises(BalanceError, match=r"pass callbacks=\[callback\] to Trainer"):
        built.train()


class WithLoss(WithMapping):
    """A model that gives its own loss."""

    def forward(self, inputs, labels=None):
        logits = self.net(inputs).logits
        return {"loss": nn.functional.cross_entropy(logits, labels), "logits": logits}


def test_a_trainer_with_another_loss_is_refused(tmp_path):
    made = start("joint")
    built, _ = trainer(made, tmp_path)
    built.model = built.model_wrapped = WithLoss(made.model)
    built.compute_loss_func = None

    with pytest.raises(BalanceError, match="pass compute_loss_func=callback"):
        built.train()


def test_a_target_under_another_name_is_refused(tmp_path):
    built, _ = trainer(start("joint"), tmp_path, label_names=["target"])

    with pytest.raises(BalanceError, match=r"name the target 'labels'.*label_names=\['labels'\]"):
        built.train()


def test_another_model_is_refused(tmp_path):
    callback = BalanceCallback(start("joint").balancer)
    built = Trainer(
        model_init=lambda: WithMapping(network()), args=arguments(tmp_path),
        train_dataset=Items(), callbacks=[callback], compute_loss_func=callback.compute_loss,
    )  # fmt: skip

    with pytest.raises(BalanceError, match="a WithMapping that is not the model of the balancer"):
        built.train()


def test_a_training_that_was_cut_off_within_an_update_is_not_continued(tmp_path):
    made = start("joint")
    built, _ = trainer(made, tmp_path)
    made.balancer.loss(made.model(data().inputs), data().labels)

    with pytest.raises(BalanceError, match=r"between loss\(\) and before_step\(\)"):
        built.train()


def test_epochs_of_other_lengths_take_nominal_steps():
    made = start("smv")
    with pytest.raises(BalanceError, match=r"SMV lists the rows.*steps='nominal'"):
        BalanceCallback(made.balancer).on_train_begin(
            *beginning(), model=made.model, optimizer=made.optimizer
        )


@pytest.mark.parametrize(
    ("settings", "optimizer", "message"),
    [
        (
            {"label_smoothing_factor": 0.3},
            None,
            r"label_smoothing_factor=0.3 would do nothing.*Classification\(label_smoothing=0.3\)",
        ),
        ({"n_gpu": 2}, None, "nn.DataParallel over 2 GPUs.*torchrun --nproc-per-node 2"),
        ({"deepspeed": "config.json"}, None, "DeepSpeed keeps gradients"),
        ({}, type("DeepSpeedOptimizerWrapper", (), {})(), "DeepSpeed keeps gradients"),
    ],
)
def test_ways_of_training_that_hide_features_or_gradients_are_refused(settings, optimizer, message):
    made = start("amss")

    with pytest.raises(BalanceError, match=message):
        BalanceCallback(made.balancer).on_train_begin(
            *beginning(**settings), model=made.model, optimizer=optimizer
        )


def test_smoothing_that_the_balancer_does_too_is_taken():
    made = start("joint", task=Classification(label_smoothing=0.3, ignore_index=-100))
    optimizer = made.optimizer
    callback = BalanceCallback(made.balancer)
    callback.on_train_begin(
        *beginning(label_smoothing_factor=0.3), model=made.model, optimizer=optimizer
    )
    with pytest.raises(BalanceError, match=r"factor=0.1 would do nothing.*smooths labels by 0.3"):
        callback.on_train_begin(
            *beginning(label_smoothing_factor=0.1), model=made.model, optimizer=optimizer
        )


def test_ignored_labels_that_the_trainer_counts_are_refused():
    made = start("joint", task=Classification(ignore_index=0))

    with pytest.raises(BalanceError, match="but for -100, and the task ignores 0"):
        BalanceCallback(made.balancer).on_train_begin(
            *beginning(), model=made.model, optimizer=made.optimizer
        )


def test_without_the_package_the_import_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "transformers", None)
    monkeypatch.delitem(sys.modules, "equimodal.integrations.huggingface")

    with pytest.raises(ImportError, match=r'pip install "equimodal\[huggingface\]"'):
        importlib.import_module("equimodal.integrations.huggingface")
