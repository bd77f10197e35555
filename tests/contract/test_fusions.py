"""Every method on every way of fusing, or a refusal that names the reason."""

import math

import pytest
import torch

from contract import fusions
from contract.training import quick, taught_by
from equimodal import (
    Ablation,
    AuxiliaryHeads,
    BalanceError,
    Balancer,
    CosineSplit,
    InputAblation,
    LinearSplit,
    OutputLogits,
    SharedHead,
    methods,
)
from products import by_class

ENCODERS = {"audio": "audio_net", "video": "video_net"}
EMBEDDINGS = {"audio": r"audio_embedding\..*", "video": r"video_embedding\..*"}
HEADS = {"audio": "fc", "video": "fc_v"}
OWN = {"audio": "audio_logits", "video": "video_logits"}


def blank(modality, audio, video):
    return ((audio * 0, video) if modality == "audio" else (audio, video * 0)), {}


MODELS = {
    "concatenation": (fusions.Concatenation, lambda: LinearSplit("fc")),
    "dropout before the head": (fusions.Between, lambda: LinearSplit("fc")),
    "cosines": (fusions.Cosines, lambda: CosineSplit("fc")),
    "shared head": (fusions.Sharing, lambda: SharedHead("fc.layer")),
    "sum of features": (fusions.FeatureSum, lambda: LinearSplit("fc")),
    "sum of logits": (fusions.LogitSum, lambda: LinearSplit(HEADS)),
    "own logits": (fusions.Own, lambda: OutputLogits(OWN)),
    "film": (fusions.FiLM, lambda: Ablation("zero")),
    "gated": (fusions.Gated, lambda: Ablation("mean")),
    "cross-attention": (fusions.CrossAttention, lambda: Ablation("zero")),
    "auxiliary": (fusions.Gated, lambda: AuxiliaryHeads({"audio": 6, "video": 6}, 3).double()),
    "inputs": (fusions.FiLM, lambda: InputAblation(blank)),
    "joint transformer": (fusions.JointTransformer, lambda: InputAblation(blank)),
}
# Those whose parts are products with the head's own weights.
BLOCKS = {"concatenation", "dropout before the head", "sum of features", "sum of logits"}
# Readouts that no gradient passes cannot train a modality's own loss.
UNTRAINED = {"auxiliary", "inputs", "joint transformer"}


def refusal(name, fusion):
    """What a method says of a model it cannot work on; None where it can."""
    if methods.entry(name).fusion == "shared" and "shared_head" in methods.load(name).needs:
        return None if fusion == "shared head" else "one head that all modalities share"
    if methods.entry(name).fusion == "cosine" and fusion != "cosines":
        return "a model with a cosine head; found none"
    if "head_weights" in methods.create(name).needs and fusion not in BLOCKS:
        return "reads the part of a linear head that belongs to each modality"
    if "teachers" in methods.create(name).needs and fusion == "joint transformer":
        return "teachers must hold for each modality"
    own = methods.load(name).brings_heads
    if methods.create(name).objective == "fused+unimodal" and fusion in UNTRAINED and not own:
        return "do not reach the encoders through"
    if methods.entry(name).fusion == "mmtm":
        return "branches exchange features, .* found no BranchHead"
    if fusion == "joint transformer" and methods.create(name).has_stage("turn"):
        return r"encoders in turn and cuts what they give, and \['audio', 'video'\]"
    if fusion == "joint transformer" and "features" in methods.create(name).needs:
        return r"needs the features of \['audio', 'video'\]"
    return None


def made(name, fusion, **options):
    kind, readout = MODELS[fusion]
    model, method = fusions.built(kind), methods.create(name, **quick(name))
    encoders = EMBEDDINGS if fusion == "joint transformer" else ENCODERS
    data = [fusions.batch()]
    balancer = Balancer(
        model, method, encoders, None if method.brings_heads else readout(),
        loaders={"train": data, "val": data},
        forward=lambda net, given: (net(*given[:2]), given[2]), epochs=6,
        **taught_by(name, fusions.built(kind), encoders if fusion != "joint transformer" else {}),
        **options,
    )  # fmt: skip
    return model, balancer


@pytest.mark.parametrize("fusion", MODELS)
@pytest.mark.parametrize("name", by_class())
def test_a_method_trains_with_any_fusion_or_says_why_it_cannot(name, fusion):
    reason = refusal(name, fusion)
    if reason:
        with pytest.raises(BalanceError, match=reason):
            made(name, fusion)
        return
    losses = fusions.losses_of(*made(name, fusion))
    assert all(map(math.isfinite, losses))
    assert losses[-1] < losses[0] or name in fusions.PARTED


def test_the_released_image_text_significance_serves_a_model_without_encoders():
    kind, readout = MODELS["joint transformer"]
    model = fusions.built(kind)
    method = methods.create("amss", significance="it")
    losses = fusions.losses_of(model, Balancer(model, method, EMBEDDINGS, readout()))
    assert losses[-1] < losses[0]


@pytest.mark.parametrize("fusion", ["concatenation", "cosines", "sum of features", "sum of logits"])
def test_the_parts_of_a_linear_fusion_sum_to_its_logits(fusion):
    model, balancer = made("amss", fusion)
    audio, video, _ = fusions.batch()
    logits = model(audio, video)
    parts = balancer.setting.unimodal_logits(balancer.setting.modalities.record.take_features())
    torch.testing.assert_close(sum(parts.values()), logits, rtol=0, atol=1e-12)


def test_a_sum_that_is_named_as_another_is_refused_on_the_first_batch():
    model = fusions.built(fusions.Gated)
    balancer = Balancer(model, methods.create("amss"), ENCODERS, LinearSplit("fc"))
    audio, video, labels = fusions.batch()
    with pytest.raises(BalanceError, match=r"do not sum to the logits.*Ablation\('zero'\)"):
        balancer.loss(model(audio, video), labels)


def test_a_layer_for_each_modality_must_name_each():
    model = fusions.built(fusions.LogitSum)
    balancer = Balancer(model, methods.create("amss"), ENCODERS, LinearSplit({"audio": "fc"}))
    audio, video, labels = fusions.batch()
    with pytest.raises(BalanceError, match=r"a layer for each of \['audio', 'video'\]; found"):
        balancer.loss(model(audio, video), labels)
