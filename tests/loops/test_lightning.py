"""Lightning gives every method the parameters of the plain loop, bit for bit."""

from functools import partial

import pytest
import torch

from equimodal import BalanceError, methods
from loops.lightning_loop import Clipped, Half, Manual, Scaling, TwoParts, fit, quiet, unpaired
from loops.plain import UNEVEN, adam, batches_of, gap, halved, plain, sgd_each, weights
from products import by_stage

pytestmark = quiet


def uneven(balancer):
    """Three paired batches."""
    return batches_of(balancer, samples=UNEVEN)


# What a user sets in Lightning, and what the plain loop does instead.
CASES = {
    "automatic": ({}, {}),
    "manual": ({"module": Manual}, {}),
    "accumulation of 2, and a rest": (
        {"accumulate_grad_batches": 2, "given": uneven, "start_with": {"samples": UNEVEN}},
        {"parts": 2, "samples": UNEVEN},
    ),
    "manual accumulation of 2, and a rest": (
        {"module": TwoParts, "given": uneven, "start_with": {"samples": UNEVEN}},
        {"parts": 2, "samples": UNEVEN},
    ),
    "a loss scaler": ({"plugins": Scaling}, {"scaled": True}),
    "unpaired batches": ({"given": unpaired}, {"unpaired": True}),
}  # fmt: skip
# The same for what can be set besides.
SETTINGS = {
    "clipping": ({"gradient_clip_val": 0.05}, {"clip": 0.05}),
    "manual clipping": ({"module": Clipped}, {"clip": 0.05}),
    "a loss scaler, manual": ({"plugins": Scaling, "module": Manual}, {"scaled": True}),
    "float16": ({"plugins": Half}, {"scaled": True, "dtype": torch.float16}),
    "bfloat16": ({"precision": "bf16-mixed"}, {"dtype": torch.bfloat16}),
    "a schedule": ({"schedule": halved}, {"schedule": halved}),
    "a schedule, manual": ({"schedule": halved, "module": Manual}, {"schedule": halved}),
    "an optimizer a part": (
        {"module": Manual, "start_with": {"optimizer": sgd_each}}, {"optimizer": sgd_each},
    ),
    "masks on the update": (
        {"start_with": {"optimizer": adam, "on": "update"}}, {"optimizer": adam, "on": "update"},
    ),
    "masks on the update of an optimizer a part": (
        {"module": Manual, "start_with": {"optimizer": sgd_each, "on": "update"}},
        {"optimizer": sgd_each, "on": "update"},
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", by_stage())
@pytest.mark.parametrize("case", CASES)
def test_lightning_gives_the_weights_of_the_plain_loop(name, case):
    assert_equal(name, *CASES[case])


@pytest.mark.parametrize("name", by_stage())
@pytest.mark.parametrize("case", SETTINGS)
def test_a_setting_of_lightning_does_what_it_does_in_the_plain_loop(name, case):
    if methods.create(name).rewrites and case.startswith("masks on the update"):
        with pytest.raises(BalanceError, match="leave out on="):
            assert_equal(name, *SETTINGS[case])
        return
    assert_equal(name, *SETTINGS[case])


def assert_equal(name, here, there):
    if "plugins" in here:
        here = here | {"plugins": [here["plugins"]()]}

    assert gap(weights(fit(name, **here).model), plain(name, **there)) == 0


def test_the_settings_change_the_weights_so_that_a_setting_without_effect_is_seen():
    usual = plain("amss+")

    assert [k for k, (_, s) in SETTINGS.items() if gap(plain("amss+", **s), usual) == 0] == [
        "a loss scaler, manual"
    ]


# PyTorch's own warning, of the graph that ends where a method draws and changes features.
@pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor that is not a leaf:UserWarning")
@pytest.mark.parametrize("name", by_stage())
def test_a_compiled_network_is_trained_as_the_plain_one(name):
    torch._dynamo.reset()
    compiled = fit(name, change=partial(torch.compile, backend="aot_eager"))

    assert gap(weights(compiled.model), plain(name)) == 0
