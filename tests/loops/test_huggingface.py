"""The Trainer trains every method as the plain loop does."""

import pytest
import torch

from equimodal import methods
from loops.mapping import in_trainers_order
from loops.plain import BATCH, STEPS, adam, gap, halved, plain
from products import by_stage

pytest.importorskip("transformers")

from loops.huggingface_loop import IN_TWO, halved_after, trained

MASKING = [n for n in methods.names() if methods.create(n).edits_gradients()
           and not methods.create(n).rewrites]  # fmt: skip


@pytest.mark.parametrize("name", by_stage())
def test_the_weights_are_those_of_the_plain_loop_bit_for_bit(name, tmp_path):
    assert gap(trained(name, tmp_path), plain(name, steps="nominal")) == 0


@pytest.mark.parametrize("name", by_stage())
def test_two_micro_batches_are_averaged_bit_for_bit(name, tmp_path):
    expected = plain(name, batch_size=BATCH // 2, parts=2, steps="nominal")

    assert gap(trained(name, tmp_path, **IN_TWO), expected) == 0


@pytest.mark.parametrize("samples", [28, 20])
@pytest.mark.parametrize("name", ["joint+unimodal", "amss+", "relearn-fixed"])
def test_an_uneven_last_micro_batch_counts_by_its_rows(name, samples, tmp_path):
    """28: the last update is of 8 + 4 rows; 20: of 4 rows alone."""
    expected = plain(name, samples=samples)

    assert gap(trained(name, tmp_path, samples=samples, **IN_TWO), expected) < 1e-5


@pytest.mark.parametrize("name", ["joint+unimodal", "amss", "dus-rl", "relearn-fixed"])
def test_evaluation_in_between_and_a_schedule_leave_the_bits_as_they_are(name, tmp_path):
    schedule = halved_after(2 * STEPS)
    weights = trained(name, tmp_path, schedule=schedule, eval_strategy="steps", eval_steps=3)

    assert gap(weights, plain(name, schedule=halved)) == 0


@pytest.mark.parametrize("name", by_stage(MASKING))
def test_masks_on_the_update_of_adam_are_bit_equal(name, tmp_path):
    options = {"optimizer": adam, "on": "update"}

    assert gap(trained(name, tmp_path, **options), plain(name, **options)) == 0


@pytest.mark.parametrize("name", by_stage())
def test_bfloat16_is_bit_equal_to_the_plain_loop_in_bfloat16(name, tmp_path):
    expected = in_trainers_order(name, dtype=torch.bfloat16)

    assert gap(trained(name, tmp_path, bf16=True), expected) == 0


def test_the_trainer_clips_first_and_balances_then_and_the_callback_says_so(tmp_path):
    expected = in_trainers_order("amss+", clip=0.05)

    with pytest.warns(UserWarning, match=r"clips gradients to max_grad_norm=0.05 before AMSS"):
        weights = trained("amss+", tmp_path, max_grad_norm=0.05)
    assert gap(weights, expected) == 0
    assert gap(weights, plain("amss+", clip=0.05)) > 1e-3


@pytest.mark.parametrize(("name", "on"), [("joint+unimodal", "gradient"), ("amss", "update")])
def test_the_order_of_clipping_does_not_matter_where_gradients_are_left_alone(name, on, tmp_path):
    expected = plain(name, clip=0.05, on=on)

    assert gap(trained(name, tmp_path, max_grad_norm=0.05, on=on), expected) == 0


@pytest.mark.parametrize("name", ["amss", "dus"])
def test_a_compiled_model_trains_alike(name, tmp_path):
    options = {"torch_compile": True, "torch_compile_backend": "eager"}

    assert gap(trained(name, tmp_path, **options), plain(name)) == 0
