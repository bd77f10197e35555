"""A model whose samples may lack modalities."""

import pytest
import torch

from equimodal.data.dataset import Modality
from equimodal.data.presence import PRESENT
from equimodal.models.fusion import build_model

KINDS = {"a": Modality("vector", (4,), missing=True), "b": Modality("vector", (3,), missing=True)}


def inputs(present):
    draw = torch.Generator().manual_seed(0)
    rows = {"a": torch.randn(6, 4, generator=draw), "b": torch.randn(6, 3, generator=draw)}
    return rows if present is None else {**rows, PRESENT: present}


@pytest.mark.parametrize("fusion", ["concat", "sum", "film", "gated", "attention"])
def test_what_stands_in_a_missing_cell_does_not_matter(fusion):
    model = build_model(KINDS, 3, seed=0, fusion=fusion).eval()
    present = torch.ones(6, 2, dtype=torch.bool)
    present[1, 0] = present[4, 1] = False
    first, other = inputs(present), inputs(present)
    other["a"] = other["a"].clone()
    other["a"][1] = torch.nan
    with torch.no_grad():
        assert torch.equal(model(first).logits, model(other).logits)
        whole = model(inputs(None)).logits
    kept = [0, 2, 3, 5]
    assert torch.allclose(model(first).logits[kept], whole[kept], atol=1e-6)
    assert not torch.allclose(model(first).logits[1], whole[1])


def test_the_vector_is_learned_and_the_encoder_sees_no_missing_sample():
    model = build_model(KINDS, 3, seed=0)
    present = torch.zeros(6, 2, dtype=torch.bool)
    present[:, 1] = True
    model(inputs(present)).logits.square().sum().backward()
    assert model.absent["a"].grad.abs().sum() > 0
    assert model.absent["b"].grad is None or not model.absent["b"].grad.any()
    assert all(p.grad is None or not p.grad.any() for p in model.encoders["a"].parameters())
    assert any(p.grad.any() for p in model.encoders["b"].parameters())


def test_a_mask_of_all_changes_nothing():
    model = build_model(KINDS, 3, seed=0).eval()
    every = torch.ones(6, 2, dtype=torch.bool)
    assert torch.equal(model(inputs(every)).logits, model(inputs(None)).logits)


def test_a_model_without_missing_modalities_has_the_weights_of_before():
    plain = {m: Modality("vector", kind.shape) for m, kind in KINDS.items()}
    model, lacking = build_model(plain, 3, seed=0), build_model(KINDS, 3, seed=0)
    assert not hasattr(model, "absent")
    assert torch.equal(model.head.weight, lacking.head.weight)
    own = dict(lacking.encoders["a"].encoder.named_parameters())
    for name, value in model.encoders["a"].named_parameters():
        assert torch.equal(value, own[name])
