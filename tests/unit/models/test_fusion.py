import pytest
import torch
from torch import nn

from equimodal.data import Modality
from equimodal.errors import BalanceError
from equimodal.models import FusionModel, build_model

MODALITIES = {
    "image": Modality("image", (1, 8, 8)),
    "sound": Modality("spectrogram", (1, 20, 13)),
    "touch": Modality("vector", (5,)),
}


def inputs(rows: int = 4) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    return {
        m: torch.randn(rows, *modality.shape, generator=generator)
        for m, modality in MODALITIES.items()
    }


def test_logits_are_the_head_on_the_concatenation_in_the_encoders_order() -> None:
    model = build_model(MODALITIES, 3, seed=0)
    output = model(inputs())
    joined = torch.cat([model.encoders[m](inputs()[m]) for m in MODALITIES], dim=1)
    expected = joined @ model.head.weight.T + model.head.bias
    assert list(output.features) == list(MODALITIES)
    torch.testing.assert_close(output.logits, expected)


def test_unequal_rows_give_features_and_no_logits() -> None:
    model = build_model(MODALITIES, 3, seed=0)
    batch = inputs(8) | {"touch": inputs(2)["touch"]}
    output = model(batch)
    assert output.logits is None
    assert {m: len(rows) for m, rows in output.features.items()} == {
        "image": 8,
        "sound": 8,
        "touch": 2,
    }


def test_an_encoder_alone_starts_from_the_weights_it_has_in_the_joint_model() -> None:
    joint = build_model(MODALITIES, 3, seed=7)
    for name, modality in reversed(MODALITIES.items()):
        alone = build_model({name: modality}, 3, seed=7)
        for key, weight in alone.encoders[name].state_dict().items():
            assert torch.equal(weight, joint.encoders[name].state_dict()[key])


def test_another_seed_and_another_name_give_other_weights() -> None:
    modality = Modality("vector", (5,))
    model = build_model({"a": modality, "b": modality}, 2, seed=0)
    other = build_model({"a": modality}, 2, seed=1)
    weight = model.encoders["a"].layers[0].weight
    assert not torch.equal(weight, model.encoders["b"].layers[0].weight)
    assert not torch.equal(weight, other.encoders["a"].layers[0].weight)


def test_building_leaves_the_global_random_stream_untouched() -> None:
    torch.manual_seed(3)
    expected = torch.rand(4)
    torch.manual_seed(3)
    build_model(MODALITIES, 3, seed=0)
    assert torch.equal(torch.rand(4), expected)


def test_the_global_random_stream_does_not_change_the_weights() -> None:
    torch.manual_seed(1)
    first = build_model(MODALITIES, 3, seed=0)
    torch.manual_seed(2)
    second = build_model(MODALITIES, 3, seed=0)
    pairs = zip(first.parameters(), second.parameters(), strict=True)
    assert all(torch.equal(a, b) for a, b in pairs)


def test_a_single_modality_model_leaves_other_inputs_alone() -> None:
    model = build_model({"touch": MODALITIES["touch"]}, 3, seed=0)
    output = model(inputs())
    assert list(output.features) == ["touch"]
    assert output.logits is not None and output.logits.shape == (4, 3)


def test_a_missing_input_is_named() -> None:
    model = build_model(MODALITIES, 3, seed=0)
    with pytest.raises(BalanceError, match="needs the modality 'touch', found image, sound"):
        model({m: inputs()[m] for m in ("image", "sound")})


@pytest.mark.parametrize("name", ["left.eye", "", "keys", "training"])
def test_a_name_that_cannot_be_a_submodule_is_refused(name: str) -> None:
    with pytest.raises(BalanceError, match="cannot name a modality"):
        build_model({name: MODALITIES["touch"]}, 3, seed=0)


def test_no_modality_and_no_output_are_refused() -> None:
    with pytest.raises(BalanceError, match="at least one modality"):
        build_model({}, 3, seed=0)
    with pytest.raises(BalanceError, match="at least one output, found 0"):
        build_model(MODALITIES, 0, seed=0)


def test_encoders_of_ones_own_may_differ_in_width() -> None:
    encoders = {"a": nn.Linear(2, 3), "b": nn.Linear(4, 5)}
    model = FusionModel(encoders, widths={"a": 3, "b": 5}, classes=2)
    output = model({"a": torch.ones(6, 2), "b": torch.ones(6, 4)})
    assert model.head.in_features == 8
    assert output.logits is not None and output.logits.shape == (6, 2)
