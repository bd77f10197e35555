"""Models that compute their own unimodal logits, and outputs with names of their own."""

from types import SimpleNamespace

import pytest
import torch
from torch import nn

from contract import fusions
from equimodal import Ablation, BalanceError, Balancer, OutputLogits, methods

ENCODERS = {"audio": "audio_net", "video": "video_net"}
NAMES = {"audio": "audio_logits", "video": "video_logits"}


class Renamed(fusions.Own):
    """The fused logits under another name."""

    def fuse(self, a, v):
        out = super().fuse(a, v)
        return {"scores": out.pop("logits"), **out}


class AsObject(fusions.Own):
    def fuse(self, a, v):
        return SimpleNamespace(**super().fuse(a, v))


class AsTuple(fusions.Own):
    def fuse(self, a, v):
        return tuple(super().fuse(a, v).values())


class Cut(fusions.Own):
    """Deep supervision of detached features."""

    def fuse(self, a, v):
        own = super().fuse(a.detach(), v.detach())
        return super().fuse(a, v) | {m: own[m] for m in NAMES.values()}


class Swapped(fusions.Own):
    def fuse(self, a, v):
        out = super().fuse(a, v)
        return out | {"audio_logits": out["video_logits"], "video_logits": out["audio_logits"]}


class Crossed(fusions.Own):
    """The sound's logits read the image, a little."""

    def fuse(self, a, v):
        return super().fuse(a + 1e-3 * v, v)


def made(kind, method="joint+unimodal", names=None, **options):
    model = fusions.built(kind)
    readout = OutputLogits(NAMES if names is None else names)
    return model, Balancer(model, methods.create(method), ENCODERS, readout, **options)


FORMS = {
    "a mapping": (fusions.Own, NAMES, None),
    "another name": (Renamed, NAMES, "scores"),
    "an object": (AsObject, NAMES, None),
    "a tuple": (AsTuple, {"audio": 1, "video": 2}, None),
}


@pytest.mark.parametrize("form", FORMS)
def test_the_objective_is_the_sum_of_the_losses_in_the_output(form):
    kind, names, fused = FORMS[form]
    model, balancer = made(kind, names=names)
    audio, video, labels = fusions.batch()
    loss = balancer.loss(model(audio, video), labels, logits=fused)
    reference = fusions.built(fusions.Own)
    expected = sum(nn.functional.cross_entropy(z, labels) for z in reference(audio, video).values())
    torch.testing.assert_close(loss, expected, rtol=0, atol=1e-12)
    loss.backward()
    expected.backward()
    for mine, theirs in zip(model.parameters(), reference.parameters(), strict=True):
        torch.testing.assert_close(mine.grad, theirs.grad, rtol=0, atol=1e-12)
    with torch.no_grad():
        plain = balancer.loss(model(audio, video), labels, logits=fused)
    assert plain == nn.functional.cross_entropy(reference(audio, video)["logits"], labels)


def test_an_ablation_reads_logits_of_another_name_too():
    model = fusions.built(Renamed)
    balancer = Balancer(model, methods.create("amss"), ENCODERS, Ablation("zero"))
    audio, video, labels = fusions.batch()
    balancer.loss(model(audio, video), labels, logits="scores").backward()
    balancer.before_step()


def test_a_check_reads_logits_of_another_name():
    _, balancer = made(Renamed)
    found = balancer.check(fusions.batch(), logits="scores")
    assert not found.problems
    assert set(found.losses) == {"fused", "audio", "video"}


def test_modalities_with_rows_of_their_own_have_logits_of_their_own():
    model, balancer = made(fusions.Own, "dus")
    audio, video, labels = fusions.batch()
    own = {"logits": None, "audio_logits": model.fc(model.audio_net(audio[:4])),
           "video_logits": model.fc_v(model.video_net(video))}  # fmt: skip
    loss = balancer.loss(own, {"audio": labels[:4], "video": labels})
    expected = nn.functional.cross_entropy(own["audio_logits"], labels[:4])
    expected = expected + nn.functional.cross_entropy(own["video_logits"], labels)
    torch.testing.assert_close(loss, expected, rtol=0, atol=1e-12)


def test_rows_of_missing_modalities_are_left_out():
    model, balancer = made(fusions.Own)
    audio, video, labels = fusions.batch()
    present = torch.ones(24, 2, dtype=torch.bool)
    present[::2, 0] = False
    output = model(audio, video)
    expected = sum(
        nn.functional.cross_entropy(output[name][rows], labels[rows])
        for name, rows in zip(output, [slice(None), slice(1, None, 2), slice(None)], strict=True)
    )
    torch.testing.assert_close(balancer.loss(output, labels, present), expected)


REFUSED = {
    "a missing name": (
        fusions.Own,
        {"audio": "sound", "video": "video_logits"},
        r"no 'sound'.*it holds .*Name one of them in OutputLogits\(\{'audio': ...",
    ),
    "another modality": (Swapped, NAMES, r"'audio_logits' of 'audio' is also made of.*'video'"),
    "a mixture": (Crossed, NAMES, r"'audio_logits' of 'audio' is also made of.*'video'"),
    "the fused ones": (fusions.Own, NAMES | {"video": "logits"}, r"'logits' of 'video' is also"),
    "cut from the graph": (Cut, NAMES, r"'audio_logits' does not reach the encoder of 'audio'"),
    "no name for one": (fusions.Own, {"audio": "audio_logits"}, r"each of \['audio', 'video'\]"),
}


@pytest.mark.parametrize("mistake", REFUSED)
def test_what_is_no_modality_s_own_is_refused_by_name(mistake):
    kind, names, words = REFUSED[mistake]
    model, balancer = made(kind, names=names)
    audio, video, labels = fusions.batch()
    with pytest.raises(BalanceError, match=words):
        balancer.loss(model(audio, video), labels)


def test_an_output_that_is_one_tensor_is_refused_with_what_to_return():
    model = fusions.built(fusions.Concatenation)
    balancer = Balancer(model, methods.create("joint"), ENCODERS, OutputLogits(NAMES))
    audio, video, labels = fusions.batch()
    with pytest.raises(BalanceError) as error:
        balancer.loss(model(audio, video), labels)
    for words in ("OutputLogits({'audio'", "the output is one tensor", "or Ablation('zero')",
                  "{'logits': ..., 'audio_logits': ..., 'video_logits': ...}"):  # fmt: skip
        assert words in str(error.value)


@pytest.mark.parametrize("name", [torch.zeros(500, 3), 1.5, True, ["scores"]])
def test_a_name_of_logits_that_is_none_is_refused_in_a_short_message(name):
    model, balancer = made(Renamed)
    audio, video, labels = fusions.batch()
    with pytest.raises(BalanceError, match=r"logits=\.\.\.\) takes the name or the pos") as error:
        balancer.loss(model(audio, video), labels, logits=name)
    assert len(str(error.value)) < 250
    assert (
        "takes the name or the position" in balancer.check(fusions.batch(), logits=name).problems[0]
    )


def test_a_name_that_the_output_lacks_says_where_to_name_another():
    model, balancer = made(AsTuple, names={"audio": 1, "video": 2})
    audio, video, labels = fusions.batch()
    with pytest.raises(BalanceError, match=r"3 entries, from 0. Name one of them in logits=\.\.\."):
        balancer.loss(model(audio, video), labels, logits="scores")
    with pytest.raises(
        BalanceError, match=r"one tensor, which has no 'scores'. Leave logits=\.\.\. o"
    ):
        balancer.loss(model(audio, video)[0], labels, logits="scores")


def test_logits_that_are_cut_from_the_graph_serve_a_method_that_only_reads_them():
    model, balancer = made(Cut, "amss")
    audio, video, labels = fusions.batch()
    balancer.loss(model(audio, video), labels).backward()
    balancer.before_step()


@pytest.mark.parametrize("names", [{}, "audio_logits", {"audio": None}])
def test_what_names_no_logits_is_refused(names):
    with pytest.raises(BalanceError, match="OutputLogits takes the name"):
        OutputLogits(names)


def test_logits_of_another_name_are_asked_for():
    model, balancer = made(Renamed)
    audio, video, labels = fusions.batch()
    with pytest.raises(BalanceError, match=r"loss\(output, target, logits='name'\)"):
        balancer.loss(model(audio, video), labels)
