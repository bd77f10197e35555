import pytest
import torch

from equimodal.data.dataset import Modality
from equimodal.training.robustness.corruption import Spread, drawn_order, noised, touched

LEVELS = (0.25, 0.5, 1.0)
VECTOR = Modality("vector", (3,))


def draw():
    return torch.Generator().manual_seed(5)


def spread_of(modality, *blocks):
    found = Spread({"m": modality})
    for rows in blocks:
        found.add("m", rows)
    return found.of("m")


def test_the_signal_fades_into_noise_of_its_own_spread():
    rows = 3 * torch.randn(4000, 3, generator=torch.Generator().manual_seed(0)) + 10
    spread = spread_of(VECTOR, rows[:1000], rows[1000:])
    assert torch.allclose(spread[0], rows.mean(0), rtol=1e-4)
    assert torch.allclose(spread[1], rows.std(0, correction=0), rtol=1e-4)
    quarter, half, whole = noised(rows, VECTOR, spread, LEVELS, draw())
    noise = spread[0] + torch.randn(rows.shape, generator=draw()) * spread[1]
    assert torch.allclose(whole, noise)
    assert torch.allclose(half, (rows + noise) / 2, atol=1e-5)
    assert torch.allclose(quarter, 0.75 * rows + 0.25 * noise, atol=1e-5)


def test_a_column_that_never_varies_stays():
    rows = torch.randn(50, 3)
    rows[:, 1] = 2
    for found in noised(rows, VECTOR, spread_of(VECTOR, rows), LEVELS, draw()):
        assert torch.allclose(found[:, 1], rows[:, 1], atol=1e-3)
        assert bool((found[:, 0] != rows[:, 0]).all())


def test_an_image_was_standardised_as_a_whole_so_that_its_noise_has_the_spread_1():
    image = Modality("image", (1, 8, 8))
    spread = Spread({"m": image})
    assert spread.modalities == ()
    (found,) = noised(torch.zeros(100, 1, 8, 8), image, spread.of("m"), (1.0,), draw())
    assert float(found.std()) == pytest.approx(1, abs=0.05)


def test_steps_that_pad_a_sequence_stay():
    sequence = Modality("sequence", (4, 3))
    rows = torch.randn(6, 4, 3)
    rows[..., -1] = (torch.arange(4) < 2).float()
    rows[:, 2:, :2] = 0
    spread = spread_of(sequence, rows)
    there = rows[:, :2, :2].flatten(0, 1)
    assert torch.allclose(spread[1], there.std(0, correction=0), atol=1e-5)
    for found in noised(rows, sequence, spread, LEVELS, draw()):
        assert torch.equal(found[..., -1], rows[..., -1])
        assert torch.equal(found[:, 2:], rows[:, 2:])
        assert bool((found[:, :2, :2] != rows[:, :2, :2]).all())


def test_a_share_of_the_tokens_of_a_text_is_replaced_and_padding_stays():
    text = Modality("text", (50,), vocabulary=10_000)
    rows = torch.full((200, 50), 3)
    rows[:, 40:] = 0
    quarter, half, whole = noised(rows, text, Spread({}).of("m"), LEVELS, draw())
    for found, level in ((quarter, 0.25), (half, 0.5), (whole, 1.0)):
        changed = found != rows
        assert not bool(changed[:, 40:].any())
        assert float(changed[:, :40].double().mean()) == pytest.approx(level, abs=0.02)
        assert found[:, :40].min() >= 1 and found.max() < 10_000
    assert bool((half != rows)[quarter != rows].all())  # each also at the next level
    assert torch.equal(half[quarter != rows], quarter[quarter != rows])


def test_the_samples_that_a_level_touches_are_among_those_of_the_next():
    having = torch.arange(40) % 4 != 0
    order = drawn_order(having, 3, "dropped", "m")
    assert sorted(order.tolist()) == having.nonzero()[:, 0].tolist()
    assert [len(touched(order, level)) for level in (0.0, 0.25, 0.5, 1.0)] == [0, 8, 15, 30]
    assert set(touched(order, 0.25).tolist()) < set(touched(order, 0.5).tolist())


def test_what_is_drawn_depends_on_seed_kind_and_modality_alone():
    having = torch.ones(30, dtype=torch.bool)
    torch.manual_seed(9)
    first = drawn_order(having, 3, "dropped", "m")
    torch.manual_seed(1)
    assert torch.equal(first, drawn_order(having, 3, "dropped", "m"))
    for other in ((4, "dropped", "m"), (3, "shuffled", "m"), (3, "dropped", "n")):
        assert not torch.equal(first, drawn_order(having, *other))
