"""What a method may change inside a forward pass, and where it may not."""

import pytest
import torch
from torch import nn

from equimodal import Balancer, Encoder, LinearSplit, Method
from unit.two_encoders import Net

LABELS = torch.tensor([0, 1] * 3)


class Doubled(Method):
    """Doubles the features of one encoder, and remembers what it saw."""

    needs = frozenset({"features"})

    def __init__(self):
        super().__init__()
        self.seen = []

    def on_features(self, modality, features, passing):
        passing.drawn.setdefault("number", len(self.seen))
        self.seen.append((modality, features.shape, passing.micro_batch, passing.drawn["number"]))
        return features * 2 if modality == "a" else features

    def on_loss(self, step):
        self.heard = step.drawn["number"], step.features["a"].detach()
        return step.objective_loss


def batch(rows=6):
    draw = torch.Generator().manual_seed(0)
    return torch.randn(rows, 3, generator=draw), torch.randn(rows, 5, generator=draw)


def made(net=None, encoders=None, readout=None):
    net = net or Net()
    method = Doubled()
    return net, method, Balancer(net, method, encoders or {"a": "a", "b": "b"}, readout)


def test_the_head_reads_the_changed_features_and_so_do_readouts():
    net, method, balancer = made(readout=LinearSplit("head"))
    a, b = batch()
    other = Net()
    plain = other.a(a), other.b(b)
    out = net(a, b)
    wanted = net.head(torch.cat([2 * plain[0], plain[1]], 1))
    torch.testing.assert_close(out, wanted)
    balancer.loss(out, LABELS)
    torch.testing.assert_close(method.heard[1], 2 * plain[0].detach())


@pytest.mark.parametrize("how", ["eval", "no_grad"])
def test_evaluation_is_untouched(how):
    net, method, _ = made()
    plain = Net()(*batch())
    if how == "eval":
        out = net.eval()(*batch())
    else:
        with torch.no_grad():
            out = net(*batch())
    assert torch.equal(out, plain)
    assert not method.seen


def test_every_pass_draws_once_and_its_loss_finds_what_was_drawn():
    net, method, balancer = made()
    first, second = net(*batch()), net(*batch())
    balancer.loss(second, LABELS)
    assert method.heard[0] == 2
    balancer.loss(first, LABELS).backward()
    assert method.heard[0] == 0
    assert [number for *_, number in method.seen] == [0, 0, 2, 2]


def test_micro_batches_of_an_update_are_counted_and_losses_without_use_are_not():
    net, method, balancer = made()
    for _ in range(2):
        balancer.loss(net(*batch()), LABELS).backward()
        net(*batch())
        balancer.loss(net(*batch()), LABELS)
    assert [micro for m, _, micro, _ in method.seen if m == "a"] == [0, 1, 1, 1, 2, 2]
    balancer.before_step()
    net(*batch())
    assert method.seen[-1][2] == 0


def test_features_have_the_samples_first_and_go_back_as_they_were():
    class TimeFirst(nn.Module):
        def __init__(self):
            super().__init__()
            torch.manual_seed(0)
            self.a, self.b, self.head = nn.GRU(3, 4), nn.Linear(5, 4), nn.Linear(8, 2)

        def forward(self, a, b):
            return self.head(torch.cat([self.a(a)[0].mean(0), self.b(b)], 1))

    a, b = torch.randn(7, 6, 3), batch()[1]
    net, method, balancer = made(TimeFirst(), {"a": "a", "b": "b"})
    out = net(a, b)
    assert method.seen[0][1] == (6, 7, 4)
    torch.testing.assert_close(out, net.head(torch.cat([2 * net.a(a)[0].mean(0) / 2, net.b(b)], 1)))
    balancer.loss(out, LABELS)


def test_frames_that_are_folded_are_refused():
    net, _, _ = made(encoders={"a": Encoder("a", folded="NT"), "b": "b"})
    with pytest.raises(Exception, match="folded into one axis"):
        net(*batch())
