"""Convolutions over time."""

import pytest
import torch

from equimodal.models import SequenceConvEncoder, SpectrogramConvEncoder


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(0)


def sequence(lengths, steps):
    rows = torch.randn(len(lengths), steps, 4, dtype=torch.float64)
    present = torch.arange(steps) < torch.tensor(lengths)[:, None]
    rows[..., -1] = present
    return rows, present


@pytest.mark.parametrize("lengths", [[1, 2, 3, 9], [5, 6, 7, 8]])
def test_a_sequences_features_do_not_depend_on_its_padding(lengths):
    encoder = SequenceConvEncoder(3).double()
    rows, present = sequence(lengths, 9)
    noisy = rows.clone()
    noisy[..., :-1] += 100 * (~present).unsqueeze(2)
    torch.testing.assert_close(encoder(noisy), encoder(rows), rtol=0, atol=0)
    for row, length in zip(rows, lengths, strict=True):
        alone = encoder(row[None, :length])
        torch.testing.assert_close(encoder(row[None]), alone, rtol=1e-12, atol=1e-12)


def test_a_sequence_without_any_step_is_finite_and_so_are_its_gradients():
    encoder = SequenceConvEncoder(3).double()
    rows, _ = sequence([0, 4], 6)
    encoder(rows).sum().backward()
    assert encoder(rows).isfinite().all()
    assert all(p.grad.isfinite().all() for p in encoder.parameters())


def test_the_order_of_steps_matters():
    encoder = SpectrogramConvEncoder(2 * 5)
    rows = torch.randn(1, 2, 5, 8)
    assert not torch.allclose(encoder(rows), encoder(rows.flip(3)))


def test_a_shift_of_a_long_sound_changes_little_of_its_features():
    encoder = SpectrogramConvEncoder(3)
    rows = torch.zeros(2, 1, 3, 64)
    rows[0, ..., 20:30] = rows[1, ..., 24:34] = torch.randn(3, 10)
    features = encoder(rows)
    torch.testing.assert_close(features[0], features[1])
