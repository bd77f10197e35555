import io

import pytest
import torch

from contract.training import assert_same_weights, run, start, trained
from equimodal import BalanceError
from products import by_class


def saved(training, *, constants):
    """What a user's checkpoint holds, as a file."""
    file = io.BytesIO()
    torch.save(
        {
            "model": training.model.state_dict(),
            "optimizer": training.optimizer.state_dict(),
            "balancer": training.balancer.state_dict(constants=constants),
        },
        file,
    )
    file.seek(0)
    return file


def resumed(file, name, **options):
    """A training in a new process that continues from the file."""
    training = start(name, **options)
    loaded = torch.load(file, weights_only=True)
    training.model.load_state_dict(loaded["model"])
    training.optimizer.load_state_dict(loaded["optimizer"])
    training.balancer.load_state_dict(loaded["balancer"])
    return training


def assert_resumes(name, *, constants, **options):
    whole = trained(name, epochs=4)
    first = run(start(name, epochs=4), 2)

    second = run(resumed(saved(first, constants=constants), name, epochs=4, **options), 2)

    assert first.losses + second.losses == whole.losses
    assert_same_weights(second.weights, whole.weights)
    records = first.balancer.decisions.drain() + second.balancer.decisions.drain()
    assert by_time(records) == by_time(whole.balancer.decisions.drain())
    assert second.balancer.setting.method.acted == whole.balancer.setting.method.acted


def by_time(records):
    return sorted(records, key=lambda r: (r["step"], r["name"]))


@pytest.mark.parametrize("name", by_class())
def test_a_training_that_is_stopped_at_epoch_2_of_4_ends_bit_for_bit_as_if_it_was_not(name):
    # The new model starts from other weights and the balancer from another seed: the file rules.
    assert_resumes(name, constants=True, weights=7, seed=5)


@pytest.mark.parametrize("name", by_class())
def test_a_checkpoint_without_constants_is_enough_where_the_same_model_is_built_again(name):
    assert_resumes(name, constants=False)


def test_only_initial_weights_are_constants():
    assert start("relearn").balancer.state_dict()["constants"].keys() == {"a", "b"}
    assert all(not start(n).balancer.state_dict()["constants"] for n in ("joint", "amss", "dus-rl"))


@pytest.mark.parametrize("name", by_class())
def test_a_state_stays_as_it_was_taken_while_the_training_goes_on(name):
    training = run(start(name, epochs=4), 2)
    at_two = {k: v.clone() for k, v in training.model.state_dict().items()}
    momentum = saved(training, constants=True)
    state = training.balancer.state_dict()

    run(training, 2)
    again = resumed(momentum, name, epochs=4)
    again.balancer.load_state_dict(state)
    again.model.load_state_dict(at_two)

    assert_same_weights(run(again, 2).weights, training.weights)
    # A second training from the same state: loading must not have handed out its tensors.
    momentum.seek(0)
    third = resumed(momentum, name, epochs=4)
    third.balancer.load_state_dict(state)
    assert_same_weights(run(third, 2).weights, training.weights)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"method": "OGMGE"}, ["method 'OGMGE'", "'AMSS'"]),
        ({"config": {"tau": 1.0}}, ["config {'tau': 1.0}", "'tau': 0.2"]),
        ({"modalities": ["x", "y"]}, ["modalities ['x', 'y']", "['a', 'b']"]),
        ({"format": 2}, ["format 2", "has 1"]),
        ({"objective": "fused+unimodal"}, ["objective 'fused+unimodal'", "'fused'"]),
        ({"on": "update"}, ["on 'update'", "'gradient'"]),
    ],
)
def test_a_checkpoint_of_another_training_is_refused(change, words):
    state = trained("amss", epochs=1).balancer.state_dict()
    with pytest.raises(BalanceError) as error:
        start("amss").balancer.load_state_dict(state | change)
    assert all(word in str(error.value) for word in words), error.value


def test_initial_weights_of_other_shards_are_refused():
    state = start("relearn").balancer.state_dict()
    half = {n: w[: len(w) // 2] for n, w in state["constants"]["a"].items()}
    state["constants"] = state["constants"] | {"a": half}
    with pytest.raises(BalanceError, match=r"initial weight 'a: encoders.a.*as many ranks"):
        start("relearn").balancer.load_state_dict(state)


@pytest.mark.parametrize("state", [{}, {"model": 1}])
def test_what_is_no_checkpoint_of_a_balancer_is_refused(state):
    with pytest.raises(BalanceError, match="format None"):
        start("amss").balancer.load_state_dict(state)


@pytest.mark.parametrize("name", by_class())
def test_a_state_holds_tensors_and_plain_data_only(name):
    def plain(value):
        if isinstance(value, dict):
            return all(isinstance(k, str | int) and plain(v) for k, v in value.items())
        if isinstance(value, list | tuple):
            return all(map(plain, value))
        return value is None or isinstance(value, str | int | float | bool | torch.Tensor)

    assert plain(trained(name, epochs=2).balancer.state_dict())
