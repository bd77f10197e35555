"""Each fusion against its equation, written out row by row, and against its readout."""

import pytest
import torch
from torch import nn

from equimodal.balancing.readouts import Ablation, BranchSplit, LinearSplit, SharedHead
from equimodal.data import Modality
from equimodal.errors import BalanceError
from equimodal.models import FUSIONS, FusionModel, build_model
from equimodal.parts.modalities import ModalityMap

WIDTHS = {"a": 3, "b": 5, "c": 4}
CLASSES = 2


def fused(name, widths=WIDTHS):
    """A fusion in float64 whose weights are of the size of its inputs."""
    torch.manual_seed(0)
    built = FUSIONS[name].build(widths, CLASSES).double()
    with torch.no_grad():
        for parameter in built.parameters():
            parameter.normal_()
    return built


def features(widths=WIDTHS, rows=6):
    draw = torch.Generator().manual_seed(1)
    return {m: torch.randn(rows, d, generator=draw, dtype=torch.float64) for m, d in widths.items()}


def test_a_sum_adds_one_linear_layer_for_each_modality():
    sum_, given = fused("sum"), features()
    expected = sum(given[m] @ sum_.layers[m].weight.T + sum_.layers[m].bias for m in WIDTHS)
    torch.testing.assert_close(sum_(given), expected)


def test_cosines_are_of_each_modality_and_class():
    cosine, given = fused("cosine"), features()
    blocks = dict(zip(WIDTHS, torch.split(cosine.weight, list(WIDTHS.values()), 1), strict=True))
    for row in range(6):
        for k in range(CLASSES):
            pairs = [(given[m][row], blocks[m][k]) for m in WIDTHS]
            expected = sum(10 * (f @ w) / (f.norm() * w.norm()) for f, w in pairs)
            torch.testing.assert_close(cosine(given)[row, k], expected)


def test_film_scales_and_shifts_the_last_modality_by_each_of_the_others_in_turn():
    film, given = fused("film"), features()
    for row in range(6):
        hidden = given["c"][row]
        for m in ("a", "b"):
            both = film.films[m].weight @ given[m][row] + film.films[m].bias
            hidden = (1 + both[:4]) * hidden + both[4:]
        expected = film.out.weight @ hidden + film.out.bias
        torch.testing.assert_close(film(given)[row], expected)


def test_two_gates_are_a_gate_and_what_it_leaves_to_the_other():
    widths = {"a": 3, "b": 5}
    gated, given = fused("gated", widths), features(widths)
    joined = torch.cat([given["a"], given["b"]], 1)
    weight, bias = gated.gates.weight, gated.gates.bias
    z = torch.sigmoid(joined @ (weight[:5] - weight[5:]).T + bias[:5] - bias[5:])
    hidden = z * torch.tanh(gated.layers["a"](given["a"])) + (1 - z) * torch.tanh(
        gated.layers["b"](given["b"])
    )
    torch.testing.assert_close(gated(given), hidden @ gated.out.weight.T + gated.out.bias)


def test_equal_gates_are_the_mean_of_all_modalities():
    gated, given = fused("gated"), features()
    nn.init.zeros_(gated.gates.weight)
    nn.init.zeros_(gated.gates.bias)
    mean = torch.stack([gated.layers[m](given[m]).tanh() for m in WIDTHS]).mean(0)
    torch.testing.assert_close(gated(given), gated.out(mean))


def test_attention_is_the_papers_layers_written_out():
    fusion, given = fused("attention"), features()
    none = torch.zeros(1, 1 + 4 + 4, dtype=torch.bool)
    for row in range(3):
        own = {
            m: torch.cat([fusion.firsts[i], fusion.tokens[m](given[m][row]).view(4, 64)])
            for i, m in enumerate(WIDTHS)
        }
        shared = fusion.bottlenecks
        for layer in fusion.layers:
            out = {m: layer[m](torch.cat([own[m], shared])[None], none)[0] for m in WIDTHS}
            own = {m: x[:5] for m, x in out.items()}
            shared = sum(x[5:] for x in out.values()) / 3
        expected = sum(fusion.out(fusion.norm(own[m][0])) for m in WIDTHS) / 3
        torch.testing.assert_close(fusion(given)[row], expected)


@pytest.mark.parametrize("name", FUSIONS)
@pytest.mark.parametrize("names", ["ab", "abc", "abcd"])
def test_every_parameter_is_reached_and_a_row_does_not_depend_on_its_batch(name, names):
    widths = {m: 4 if name == "shared" else 3 + i for i, m in enumerate(names)}
    fusion, given = fused(name, widths), features(widths)
    logits = fusion(given)
    assert logits.shape == (6, CLASSES)
    torch.testing.assert_close(fusion({m: f[:1] for m, f in given.items()}), logits[:1])
    logits.square().sum().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in fusion.parameters())


def model(fusion):
    modalities = {m: Modality("vector", (d,)) for m, d in WIDTHS.items()}
    return build_model(modalities, CLASSES, seed=0, fusion=fusion).double(), features()


@pytest.mark.parametrize("name", FUSIONS)
def test_the_readout_fits_the_fusion(name):
    built, inputs = model(name)
    modalities = ModalityMap(built, {m: f"encoders.{m}" for m in WIDTHS})
    output = built(inputs)
    readout = built.readout()
    unimodal = readout(modalities, output.features)
    if readout.additive:
        assert isinstance(readout, LinearSplit)
        torch.testing.assert_close(sum(unimodal.values()), output.logits)
        return
    if name == "shared":
        assert isinstance(readout, SharedHead)
        torch.testing.assert_close(sum(unimodal.values()), output.logits)
        return
    if name == "mmtm":
        assert isinstance(readout, BranchSplit)
        torch.testing.assert_close(sum(unimodal.values()) / len(WIDTHS), output.logits)
        return
    assert isinstance(readout, Ablation)
    for m in WIDTHS:
        alone = {n: f if n == m else torch.zeros_like(f) for n, f in output.features.items()}
        torch.testing.assert_close(unimodal[m], built.head(alone))


@pytest.mark.parametrize("name", FUSIONS)
def test_one_modality_alone_has_a_linear_head_whatever_the_fusion(name):
    built = FusionModel({"a": nn.Linear(2, 3)}, widths={"a": 3}, classes=2, fusion=name)
    assert built.fusion == "concat" and isinstance(built.head, nn.Linear)
    assert set(built.head.state_dict()) == {"weight", "bias"}


@pytest.mark.parametrize("name", FUSIONS)
def test_encoders_start_alike_under_every_fusion(name):
    plain, other = model("concat")[0], model(name)[0]
    for key, weight in plain.encoders.state_dict().items():
        assert torch.equal(weight, other.encoders.state_dict()[key])


def test_an_unknown_fusion_names_the_known_ones():
    with pytest.raises(BalanceError, match=r"no fusion 'adition'.*concat, sum, cosine"):
        model("adition")


def test_a_head_that_all_share_takes_features_of_one_width_and_offers_each_modalitys_logits():
    shared, given = fused("shared", dict.fromkeys("abc", 5)), features(dict.fromkeys("abc", 5))
    for m, logits in shared.each(given).items():
        torch.testing.assert_close(logits, given[m] @ shared.layer.weight.T + shared.layer.bias)
    torch.testing.assert_close(shared(given), sum(shared.each(given).values()))
    with pytest.raises(BalanceError, match=r"features of one width; found"):
        fused("shared", {"a": 3, "b": 4})


def test_a_rule_of_prediction_acts_in_evaluation_alone():
    built, inputs = model("shared")
    logits = built(inputs).logits
    built.rule = lambda own, fused: own["b"] - fused
    assert torch.equal(built(inputs).logits, logits)
    found = built.eval()(inputs)
    expected = built.head.each(found.features)["b"] - logits
    torch.testing.assert_close(found.logits, expected)
