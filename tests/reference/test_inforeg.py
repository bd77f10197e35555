"""A training of InfoReg against loops over single numbers."""

import pytest
import torch
from torch.nn.functional import cross_entropy

from contract.training import run, start
from reference import field as reference

THREE = ("linear", "gru", "convolutional")


def slow_training(training, epochs, *, beta, threshold):
    """Weights after the whole training, by single loops over modalities, epochs and batches."""
    net, optimizer = training.model, training.optimizer
    names = list(net.encoders)
    traces, kept = [], {}
    for _ in range(epochs):
        inside = {m: False for m in names}
        if len(traces) > 1:
            for m in names:
                now, before = traces[-1][m], traces[-2][m]
                inside[m] = now > 0 and (now - before) / now > threshold
        seen = {m: [] for m in names}
        for inputs, labels in training.balancer.batches(training.data, batch_size=16):
            features = {m: encoder(inputs[m]) for m, encoder in net.encoders.items()}
            cross_entropy(net.head(torch.cat(list(features.values()), 1)), labels).backward()
            rows = {m: z.tolist() for m, z in features.items()}
            head = net.head.weight.tolist(), net.head.bias.tolist()
            scores = reference.log_likelihoods(reference.own_logits(rows, *head), labels.tolist())
            strengths = reference.pulls(scores, beta)
            for m, encoder in net.encoders.items():
                for n, p in encoder.named_parameters():
                    if inside[m]:
                        p.grad += strengths[m] * (p.detach() - kept[m][n])
                seen[m].append(sum(float(p.grad.square().sum()) for p in encoder.parameters()))
            optimizer.step()
            optimizer.zero_grad()
        traces.append({m: reference.mean(squares) for m, squares in seen.items()})
        kept = {m: {n: p.detach().clone() for n, p in encoder.named_parameters()}
                for m, encoder in net.encoders.items()}  # fmt: skip
        training.balancer.epoch_index += 1  # so that batches come as in a training
    return training.weights


@pytest.mark.parametrize("kinds", [THREE[::2], THREE])
@pytest.mark.parametrize("threshold", [0.04, -1e9])
def test_a_training_equals_the_slow_loops(kinds, threshold):
    settings = {"beta": 1.3, "threshold": threshold}
    slow = slow_training(
        start("joint", kinds=kinds, epochs=5, samples=48), 5, beta=1.3, threshold=threshold
    )
    training = start("inforeg", kinds=kinds, settings=settings, epochs=5, samples=48)
    fast = run(training, 5).weights
    for n, w in slow.items():
        torch.testing.assert_close(fast[n], w, rtol=1e-6, atol=1e-9)
