"""A damaged state is refused, and leaves the balancer as it was."""

import copy

import pytest

from contract.training import start, trained
from equimodal import BalanceError

ODD = {
    "step": ["x", -5, None, 1.5, True],
    "epoch": [None, -1],
    "seed": ["a", None],
    "streams": [3, {"a": [1]}, {"nothing": [0, 0]}, {"a": [0, -1]}],
    "state": [None, 3, {}],
    "constants": [3],
    "readout": ["x"],
}
CASES = [(key, value) for key, values in ODD.items() for value in values]


@pytest.mark.parametrize(("key", "value"), CASES, ids=lambda v: repr(v))
@pytest.mark.parametrize("method", ["dus", "dus-rl"])
def test_a_damaged_entry_is_refused_and_changes_nothing(method, key, value):
    state, balancer = (
        trained(method, epochs=2).balancer.state_dict(),
        start(method, epochs=2).balancer,
    )
    before = copy.deepcopy(balancer.state_dict())
    with pytest.raises(BalanceError, match="checkpoint"):
        balancer.load_state_dict({**state, key: value})
    assert repr(balancer.state_dict()) == repr(before)
    balancer.load_state_dict(state)
    assert repr(balancer.state_dict()) == repr(state)


@pytest.mark.parametrize("given", [None, 3, [], "x"])
def test_what_is_no_state_is_refused(given):
    with pytest.raises(BalanceError, match="what state_dict\\(\\) gave, a mapping"):
        start("joint").balancer.load_state_dict(given)
