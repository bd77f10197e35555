"""Accelerate trains every method as the plain loop does, without an adapter."""

import pytest
import torch

from equimodal import methods
from loops.mapping import in_trainers_order
from loops.plain import BATCH, EPOCHS, adam, gap, halved, loader, plain, start, weights
from products import by_stage

pytest.importorskip("accelerate")

from loops.accelerate_loop import fresh, trained

MASKING = [n for n in methods.names() if methods.create(n).edits_gradients()
           and not methods.create(n).rewrites]  # fmt: skip


@pytest.mark.parametrize("name", by_stage())
def test_the_weights_are_those_of_the_plain_loop_bit_for_bit(name):
    assert gap(trained(name), plain(name)) == 0


@pytest.mark.parametrize("name", by_stage())
def test_two_micro_batches_are_bit_equal(name):
    # Accelerate sees the end of an epoch in loaders that it prepared: of others it must be even.
    options = {"batch_size": BATCH // 2, "parts": 2, "steps": "nominal"}

    assert gap(trained(name, **options), plain(name, **options)) == 0


@pytest.mark.parametrize("name", ["joint+unimodal", "amss", "dus", "relearn-fixed"])
def test_an_uneven_end_of_the_epoch_is_bit_equal(name):
    options = {"batch_size": BATCH // 2, "parts": 2, "samples": 20}

    assert gap(trained(name, **options), plain(name, **options)) == 0


@pytest.mark.parametrize("name", ["joint+unimodal", "amss", "dus-rl", "relearn-fixed"])
def test_clipping_and_a_schedule_are_bit_equal(name):
    options = {"clip": 0.05, "schedule": halved}

    assert gap(trained(name, **options), plain(name, **options)) == 0


@pytest.mark.parametrize("name", by_stage(MASKING))
def test_masks_on_the_update_of_adam_are_bit_equal(name):
    options = {"optimizer": adam, "on": "update"}

    assert gap(trained(name, **options), plain(name, **options)) == 0


@pytest.mark.parametrize("name", ["joint+unimodal", "amss", "dus", "relearn-fixed"])
def test_bfloat16_is_bit_equal_to_the_plain_loop_in_bfloat16(name):
    accelerator = fresh(mixed_precision="bf16")

    expected = in_trainers_order(name, dtype=torch.bfloat16)

    assert gap(trained(name, accelerator=accelerator), expected) == 0


@pytest.mark.parametrize("name", by_stage(MASKING))
def test_gradients_that_are_still_scaled_give_the_same_bits(name):
    """With fp16, which needs a GPU, Accelerate unscales where it clips."""
    made = start(name)
    scaler = torch.amp.GradScaler("cpu", init_scale=2.0**16)
    for _ in range(EPOCHS):
        for inputs, target, _ in made.balancer.repeat(loader()):
            scaler.scale(made.balancer.loss(made.model(inputs), target)).backward()
            made.balancer.before_step()
            scaler.step(made.optimizer)
            scaler.update()
            made.optimizer.zero_grad()
        made.balancer.epoch_end()

    assert gap(weights(made.model), plain(name)) == 0


@pytest.mark.parametrize("name", by_stage())
def test_a_state_that_is_saved_and_loaded_leaves_no_trace(name, tmp_path):
    trained(name, folder=tmp_path, epochs=range(2))

    assert gap(trained(name, folder=tmp_path, epochs=range(2, 4)), plain(name)) == 0
