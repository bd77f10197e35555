"""Whatever else a loop does between two calls, a loss is about the pass that made its output."""

import copy
import io
import pickle

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.optim.swa_utils import AveragedModel

from equimodal import Ablation, BalanceError, Balancer, LinearSplit, methods

NAMES = {"audio": "a", "video": "v"}


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.a, self.v, self.fc = nn.Linear(3, 4), nn.Linear(5, 4), nn.Linear(8, 3)

    def forward(self, audio, video):
        return self.fc(torch.cat([self.a(audio), self.v(video)], 1))


def batch(seed, rows=6):
    draw = torch.Generator().manual_seed(seed)
    a, v = torch.randn(rows, 3, generator=draw), torch.randn(rows, 5, generator=draw)
    return a, v, torch.randint(3, (rows,), generator=draw)


class Loop:
    """A training loop that does other things in between."""

    def __init__(self, method, readout):
        self.net, self.shown, self.kept = Net(), [], []
        self.balancer = Balancer(
            self.net, methods.create(method), NAMES, readout, diagnose=1,
            forward=lambda model, given: (model(*given[:2]), given[2]),
            log=lambda values, step: self.shown.append((step, values)),
        )  # fmt: skip
        self.optimizer = torch.optim.SGD(self.net.parameters(), 0.1)

    def train(self, between):
        for step in range(3):
            a, v, y = batch(step)
            self.do(between[2 * step])
            out = self.net(a, v)
            self.do(between[2 * step + 1])
            loss = self.balancer.loss(out, y)
            self.do("view")
            loss.backward()
            self.balancer.before_step()
            self.optimizer.step()
            self.optimizer.zero_grad()
        self.balancer.epoch_end()
        return self

    def do(self, what):
        if what:
            getattr(self, what)(*batch(99, rows=4))

    def view(self, a, v, y):
        self.net(a, v)

    def kept_view(self, a, v, y):
        self.kept.append(self.net(a, v))

    def encoder_alone(self, a, v, y):
        self.net.a(a)

    def validation(self, a, v, y):
        with torch.no_grad():
            self.balancer.loss(self.net(a, v), y)

    def skipped_loss(self, a, v, y):
        self.balancer.loss(self.net(a, v), y)

    def kept_loss(self, a, v, y):
        self.kept.append(self.balancer.loss(self.net(a, v), y))

    def teacher(self, a, v, y):
        copy.deepcopy(self.net)(a * 3, v)

    def pickled(self, a, v, y):
        pickle.loads(pickle.dumps(self.net))(a, v)

    def saved(self, a, v, y):
        file = io.BytesIO()
        torch.save(self.net, file)
        file.seek(0)
        torch.load(file, weights_only=False)(a, v)

    def averaged(self, a, v, y):
        average = AveragedModel(self.net)
        average.update_parameters(self.net)
        average(a, v)

    def looked_at(self, a, v, y):
        self.balancer.check((a, v, y))


ACTS = [
    None, "view", "kept_view", "encoder_alone", "validation", "skipped_loss", "kept_loss",
    "teacher", "pickled", "saved", "averaged", "looked_at",
]  # fmt: skip


@pytest.mark.parametrize(
    ("method", "readout"),
    [("amss", lambda: Ablation("zero")), ("joint+unimodal", lambda: LinearSplit("fc"))],
)
@settings(max_examples=25)
@given(between=st.lists(st.sampled_from(ACTS), min_size=6, max_size=6))
def test_nothing_between_two_calls_changes_a_bit(method, readout, between):
    plain = Loop(method, readout()).train([None] * 6)
    other = Loop(method, readout()).train(between)

    for one, two in zip(plain.net.parameters(), other.net.parameters(), strict=True):
        assert torch.equal(one, two)
    assert plain.shown == other.shown != []


POSTPROCESSED = {
    "slices": lambda out: out[:, :3],
    "another precision": lambda out: out.double(),
    "a temperature": lambda out: out / 2.0,
    "in place": lambda out: out.mul_(0.5),
    "a mapping": lambda out: {"logits": out.clone()},
}


@pytest.mark.parametrize("change", POSTPROCESSED.values(), ids=POSTPROCESSED)
def test_a_pass_is_found_behind_what_was_done_with_its_output(change):
    net = Net()
    balancer = Balancer(net, methods.create("joint"), NAMES, Ablation(), objective="fused+unimodal")
    a, v, y = batch(0)
    out = change(net(a, v))
    net(*batch(1)[:2])
    balancer.loss(out, y).backward()

    other = Net()
    second = Balancer(other, methods.create("joint"), NAMES, Ablation(), objective="fused+unimodal")
    second.loss(change(other(a, v)), y).backward()
    assert torch.equal(net.a.weight.grad, other.a.weight.grad)


def test_two_views_have_their_losses_in_any_order():
    grads = []
    for order in ((0, 1), (1, 0)):
        net = Net()
        balancer = Balancer(net, methods.create("joint+unimodal"), NAMES, LinearSplit("fc"))
        batches = batch(0), batch(1)
        outs = [net(a, v) for a, v, _ in batches]
        losses = {k: balancer.loss(outs[k], batches[k][2]) for k in order}
        (losses[0] + losses[1]).backward()
        grads.append(net.a.weight.grad)
    assert torch.equal(*grads)


def test_an_output_of_two_passes_is_refused():
    net = Net()
    balancer = Balancer(net, methods.create("joint"), NAMES)
    a, v, y = batch(0)
    with pytest.raises(BalanceError, match=r"comes of 2 forward passes.*once for the output"):
        balancer.loss(net(a, v) + net(a.flip(0), v), y)


def test_an_output_of_another_model_is_refused():
    net = Net()
    balancer = Balancer(net, methods.create("joint"), NAMES)
    a, v, y = batch(0)
    net(a, v)
    with pytest.raises(BalanceError, match=r"'audio'.*give loss\(\) what the model gave"):
        balancer.loss(copy.deepcopy(net)(a, v), y)


def test_encoders_called_outside_the_models_forward_are_matched_by_the_graph():
    net = Net()
    balancer = Balancer(net, methods.create("joint"), NAMES)
    a, v, y = batch(0)
    first = net.fc(torch.cat([net.a(a), net.v(v)], 1))
    second = net.fc(torch.cat([net.a(a), net.v(v)], 1))
    with pytest.raises(BalanceError, match="called again, outside the model's forward"):
        balancer.loss(first, y)
    balancer.loss(second, y).backward()
    assert net.a.weight.grad is not None


def test_what_is_kept_of_a_pass_goes_with_its_output():
    net = Net()
    balancer = Balancer(net, methods.create("amss"), NAMES, LinearSplit("fc"))
    passes = balancer.setting.modalities.record._passes
    outs = [net(*batch(k)[:2]) for k in range(4)]
    assert len(passes._alive) == 4
    del outs
    with torch.no_grad():
        net(*batch(0)[:2])
    assert len(passes._alive) == 0


def test_a_copy_of_the_model_needs_nothing_of_ours_to_be_loaded():
    net = Net()
    Balancer(net, methods.create("amss"), NAMES, LinearSplit("fc"))
    kept = pickle.dumps(net)
    assert b"equimodal" not in kept
    Balancer(pickle.loads(kept), methods.create("amss"), NAMES, LinearSplit("fc"))


def test_a_method_serves_one_balancer():
    method = methods.create("relearn~amss", **{"relearn.every": 1})
    loaders = {"train": [], "val": []}
    Balancer(Net(), method, NAMES, LinearSplit("fc"), loaders=loaders)
    for used in (method, method.parts[0]):
        with pytest.raises(BalanceError, match=r"given to another balancer.*make a new one"):
            Balancer(Net(), used, NAMES, LinearSplit("fc"), loaders=loaders)


def test_a_method_that_was_refused_may_be_given_again():
    method = methods.create("amss")
    with pytest.raises(BalanceError):
        Balancer(Net(), method, {"audio": "a", "video": "nothing"}, LinearSplit("fc"))
    Balancer(Net(), method, NAMES, LinearSplit("fc"))


@pytest.mark.parametrize("late", [0, 2])
def test_layers_that_came_after_the_balancer_are_refused_by_name(late):
    net = Net()
    balancer = Balancer(net, methods.create("amss"), NAMES, LinearSplit("fc"))
    for step in range(late + 1):
        a, v, y = batch(step)
        if step == late:
            net.a.extra = nn.Linear(4, 4)
        balancer.loss(net(a, v), y).backward()
        if step < late:
            balancer.before_step()
    with pytest.raises(BalanceError, match=r"'audio'.*'a\.extra\.weight'.*make the balancer after"):
        balancer.before_step()


def replica(module):
    """A module as nn.DataParallel copies it to another GPU."""
    made = module._replicate_for_data_parallel()
    made._parameters.update(module._parameters)
    made._modules.update({name: replica(child) for name, child in module._modules.items()})
    return made


def test_features_of_replicas_are_refused():
    net = Net()
    balancer = Balancer(net, methods.create("amss"), NAMES, LinearSplit("fc"))
    a, v, y = batch(0)
    out = torch.cat([replica(net)(a[:3], v[:3]), replica(net)(a[3:], v[3:])])
    with pytest.raises(BalanceError, match=r"Copies of the model's modules ran"):
        balancer.loss(out, y)


def test_an_empty_batch_is_refused():
    net = Net()
    balancer = Balancer(net, methods.create("amss"), NAMES, LinearSplit("fc"))
    a, v, y = batch(0, rows=0)
    with pytest.raises(BalanceError, match="holds no sample"):
        balancer.loss(net(a, v), y)


class Words(Net):
    def __init__(self):
        super().__init__()
        self.a = nn.Sequential(nn.EmbeddingBag(50, 8, sparse=True), nn.Linear(8, 4))


@pytest.mark.parametrize("method", ["joint", "amss", "amss+", "dus"])
def test_a_sparse_embedding_trains_and_stays_sparse(method):
    net = Words()
    balancer = Balancer(net, methods.create(method), NAMES, LinearSplit("fc"), diagnose=1)
    _, v, y = batch(0)
    words = torch.randint(50, (6, 7), generator=torch.Generator().manual_seed(0))
    balancer.loss(net(words, v), y).backward()
    norm = torch.stack([p.grad.to_dense().norm() for p in net.a.parameters()]).norm()
    balancer.before_step()
    assert net.a[0].weight.grad.is_sparse
    (found,) = [r.values for r in balancer.diagnosis._records if r.name == "gradient_norm"]
    torch.testing.assert_close(found[0], norm)


def test_before_step_without_a_backward_pass_is_refused_at_every_update():
    net = Net()
    balancer = Balancer(net, methods.create("amss"), NAMES, LinearSplit("fc"))
    a, v, y = batch(0)
    balancer.loss(net(a, v), y).backward()
    balancer.before_step()
    balancer.loss(net(a, v), y)
    with pytest.raises(BalanceError, match=r"no gradient in any encoder: call it after loss\.back"):
        balancer.before_step()


def test_a_copy_of_the_balancer_validates_and_is_refused_for_training():
    net = Net()
    balancer = Balancer(net, methods.create("amss"), NAMES, LinearSplit("fc"))
    a, v, y = batch(0)
    net(a, v)
    both = copy.deepcopy(nn.ModuleDict({"net": net})), copy.deepcopy(balancer)
    model = both[1].setting.modalities.model
    with torch.no_grad():
        assert both[1].loss(model(a, v), y) == balancer.loss(net(a, v), y)
    with pytest.raises(BalanceError, match="copy of a balancer sees no model"):
        both[1].loss(model(a, v), y)


def compiled_step(between):
    """Gradient of one compiled step, with another pass of the same compiled model before it."""
    torch.compiler.reset()
    net = Net()
    balancer = Balancer(net, methods.create("joint+unimodal"), NAMES, LinearSplit("fc"))
    called = torch.compile(net, backend="aot_eager", fullgraph=True)
    a, v, y = batch(0)
    other = batch(1)
    outs = [called(a, v)]
    if between == "a validation":
        with torch.no_grad():
            balancer.loss(called(*other[:2]), other[2])
    elif between == "a view":
        outs.append(called(*other[:2]))
    elif between == "a teacher":
        copy.deepcopy(net)(*other[:2])
    balancer.loss(outs[0], y).backward()
    torch.compiler.reset()
    return net.a.weight.grad


@pytest.mark.parametrize("between", ["a validation", "a view", "a teacher"])
def test_compiled_passes_are_told_apart(between):
    torch.testing.assert_close(compiled_step(between), compiled_step(None), rtol=0, atol=1e-7)


@pytest.mark.parametrize(
    "readout", [Ablation("zero"), LinearSplit("fc")], ids=["ablation", "split"]
)
@pytest.mark.parametrize(
    "moved",
    [lambda x: x.flip(0), lambda x: x[torch.arange(5, -1, -1)], lambda x: x[:4]],
    ids=["flipped", "indexed", "cut"],
)
def test_rows_that_were_moved_since_are_refused(readout, moved):
    loop = Loop("joint+unimodal", readout)
    for step in range(2):
        a, v, y = batch(step)
        out = loop.net(a, v)
        with pytest.raises(BalanceError, match="chosen or put in another order"):
            loop.balancer.loss(moved(out), moved(y))
        loop.balancer.loss(out, y)


def test_rows_of_another_model_may_move():
    loop, other = Loop("joint", None), Net()
    a, v, y = batch(0)
    mixed = loop.net(a, v) + other(a, v).flip(0)
    assert loop.balancer.loss(mixed, y).isfinite()


def test_the_output_of_other_parameters_is_refused():
    loop = Loop("joint+unimodal", LinearSplit("fc"))
    a, v, y = batch(0)
    own = {k: (p.detach() * 3).requires_grad_() for k, p in loop.net.named_parameters()}
    out = torch.func.functional_call(loop.net, own, (a, v))
    with pytest.raises(BalanceError, match="other parameters than those of the model"):
        loop.balancer.loss(out, y)
    assert loop.balancer.loss(loop.net(a, v), y).isfinite()


def test_a_loss_that_was_refused_can_be_corrected():
    loop = Loop("joint", LinearSplit("fc"))
    a, v, y = batch(0)
    out = loop.net(a, v)
    for wrong in ({"target": y.float()}, {"target": y, "present": torch.ones(6, 2)}):
        with pytest.raises(BalanceError, match=r"target|present"):
            loop.balancer.loss(out, **wrong)
    assert loop.balancer.loss(out, y).isfinite()


@pytest.mark.parametrize("name", ["amss", "modality-dropout", "dgl"])
def test_a_pickled_balancer_is_an_inert_copy(name):
    loop = Loop(name, LinearSplit("fc"))
    a, v, y = batch(0)
    out = loop.net(a, v)
    loop.balancer.decisions.log = None
    loop.balancer.setting.forward = copy.copy  # a function that can be pickled
    kept = pickle.loads(pickle.dumps(loop.balancer))
    with pytest.raises(BalanceError, match="This copy of a balancer sees no model"):
        kept.loss(out, y)
    assert loop.balancer.loss(out, y).isfinite()


def test_a_check_leaves_a_graph_with_batch_normalisation_as_it_is():
    loop = Loop("joint", Ablation("zero"))
    loop.net.a = nn.Sequential(loop.net.a, nn.BatchNorm1d(4))
    balancer = Balancer(
        copy.deepcopy(loop.net), methods.create("joint"), NAMES,
        forward=lambda model, given: (model(*given[:2]), given[2]),
    )  # fmt: skip
    a, v, y = batch(0)
    statistics = balancer.setting.modalities.model.a[1].running_mean
    loss = balancer.loss(balancer.setting.modalities.model(a, v), y)
    before = statistics.clone()
    balancer.check(batch(1))
    loss.backward()
    assert torch.equal(statistics, before)
