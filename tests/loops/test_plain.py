import pytest
import torch

from equimodal import methods
from loops.plain import gap, network, plain, sgd_each, weights

NAMES = methods.names()
# The same at their defaults, or in a training as short and as easy as this one: an encoder's
# gradients times 1.5 and no conflict, and nothing that stops.
TWINS = (
    {"arl-fixed", "mmpareto-fixed", "mmpareto"}, {"joint", "mses"},
    {"joint+unimodal", "midas-warm"},  # but for a warm-up
)  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_the_plain_loop_trains_every_method_its_own_way(name):
    trained = plain(name, unpaired=True)

    assert encoders_gap(trained, weights(network())) > 0.05
    others = [n for n in NAMES if n != name and not any({n, name} <= same for same in TWINS)]
    assert all(encoders_gap(trained, plain(n, unpaired=True)) > 1e-5 for n in others)
    assert all(w.dtype == torch.float32 for w in trained.values())


def encoders_gap(one, other):
    """Over the weights of the encoders alone, as a row may bring another head."""
    return gap(*({n: w for n, w in all.items() if "encoders" in n} for all in (one, other)))


def test_a_gap_of_nothing_means_equal_bits():
    same, broken = {"v": torch.ones(1), "w": torch.ones(2)}, torch.tensor([1.0, float("nan")])

    assert gap(same, dict(same)) == 0
    assert gap(same, same | {"w": torch.tensor([1.0, 1.5])}) == 0.5
    assert gap(same | {"w": broken}, same | {"w": broken}) == torch.inf


@pytest.mark.parametrize("name", ["joint", "amss"])
def test_several_optimizers_train_every_part(name):
    before, after = weights(network()), plain(name, optimizer=sgd_each)

    assert [n for n in after if torch.equal(before[n], after[n])] == []
