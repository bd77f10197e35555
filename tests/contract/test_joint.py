import pytest
import torch
from torch.nn import functional

from contract.models import dataset, model
from contract.training import assert_same_weights, run, start

KINDS = ("convolutional", "self-attention", "lstm")
OPTIMIZERS = {
    "momentum": lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9, weight_decay=1e-3),
    "adam": lambda p: torch.optim.Adam(p, lr=0.01),
}


def trained_without_the_library(optimizer, batches_of):
    """The loop that a user had before: three epochs."""
    net = model(KINDS)
    stepper = OPTIMIZERS[optimizer](net.parameters())
    for epoch in range(3):
        for inputs, targets in batches_of(epoch):
            functional.cross_entropy(net(inputs).logits, targets).backward()
            stepper.step()
            stepper.zero_grad()
    return dict(net.named_parameters())


def in_order(epoch):
    data = dataset(KINDS, 48)
    for rows in torch.arange(48).roll(epoch).split(16):
        yield data.take(rows)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_joint_equals_training_without_the_library_bit_for_bit(optimizer, monkeypatch):
    training = start("joint", kinds=KINDS, optimizer=OPTIMIZERS[optimizer])
    balancer = training.balancer
    monkeypatch.setattr(balancer, "batches", lambda data, **_: in_order(balancer.epoch_index))

    run(training, 3)

    assert_same_weights(training.weights, trained_without_the_library(optimizer, in_order))


def test_joint_with_unimodal_losses_equals_the_sum_of_the_losses_written_out():
    training = start("joint+unimodal", kinds=KINDS)
    inputs, targets = dataset(KINDS, 16).take(torch.arange(16))

    loss = training.balancer.loss(training.model(inputs), targets)

    features = {m: net(inputs[m]) for m, net in training.model.encoders.items()}
    head, expected = training.model.head, 0.0
    for k, z in enumerate(features.values()):
        logits = z @ head.weight[:, 6 * k : 6 * k + 6].T + head.bias / 3
        expected = expected + functional.cross_entropy(logits, targets)
    fused = head(torch.cat(list(features.values()), 1))
    expected = expected + functional.cross_entropy(fused, targets)
    torch.testing.assert_close(loss, expected, rtol=0, atol=1e-12)
