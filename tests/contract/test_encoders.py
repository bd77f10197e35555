import math

import pytest

from contract.training import trained
from products import by_class

COMBINATIONS = {
    "two: convolutional, lstm": ("convolutional", "lstm"),
    "three: multihead, gru, linear": ("multihead", "gru", "linear"),
    "four: self-attention, convolutional, lstm, linear": (
        "self-attention", "convolutional", "lstm", "linear",
    ),
}  # fmt: skip


# Their loss is another one in each epoch.
SCHEDULED = {
    "lfm", "lfm-fitted", "lfm-learned", "di-mml", "di-mml-detached", "igm", "igm-fixed", "aug",
    "aug-plain",
}  # fmt: skip


@pytest.mark.parametrize("combination", COMBINATIONS)
@pytest.mark.parametrize("name", by_class())
def test_two_epochs_run_with_any_encoders_and_the_loss_falls(name, combination):
    kinds = COMBINATIONS[combination]
    training = trained(name, epochs=2, kinds=kinds)

    assert all(map(math.isfinite, training.losses))
    lottery = training.balancer.setting.method.has_stage("on_features")
    if not lottery and name not in SCHEDULED:
        assert sum(training.losses[-3:]) < sum(training.losses[:3])
    records = training.balancer.decisions.drain()
    assert {r["name"] for r in records} >= expected_records(name)
    for record in records:
        assert set(record) == {"step", "epoch", "name", "values"}
        assert list(record["values"]) == list("abcd"[: len(kinds)])
        assert all(math.isfinite(v) for v in record["values"].values()), record


def expected_records(name):
    if name.startswith("amss"):
        return {"fraction"} if name.endswith("fixed") else {"significance", "fraction"}
    if name.startswith("dus"):
        return {"score", "count"}
    diagnosis = {"train_purity", "validation_purity", "gap", "strength"}
    return {"relearn": diagnosis, "relearn-fixed": {"strength"}}.get(name, set())
