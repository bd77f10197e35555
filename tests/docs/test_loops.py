"""The blocks of Python in docs/loops run as they stand, in order, in a user's program."""

import re
from functools import partial
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset, TensorDataset

from equimodal import Balancer

PAGES = Path(__file__).parents[2] / "docs" / "loops"
EPOCHS = 2


class Net(nn.Module):
    """A user's model: two encoders and one linear head over both."""

    def __init__(self):
        super().__init__()
        self.audio_net = nn.Linear(3, 4)
        self.video_net = nn.Linear(5, 4)
        self.fc = nn.Linear(8, 2)

    def forward(self, audio, video):
        features = self.audio_net(audio), self.video_net(video)
        if len(audio) != len(video):
            return {"logits": None}
        return {"logits": self.fc(torch.cat(features, 1))}


class Pairs(Dataset):
    """A user's data set of 12 samples."""

    def __len__(self):
        return 12

    def __getitem__(self, index):
        draw = torch.Generator().manual_seed(index)
        given = {m: torch.randn(w, generator=draw) for m, w in (("audio", 3), ("video", 5))}
        return given, index % 2


def user():
    """The names that a page takes for granted."""
    torch.manual_seed(0)
    model = Net()
    rows = torch.randn(18, 3), torch.randn(18, 5), torch.arange(18) % 2
    batches = DataLoader(TensorDataset(*rows), batch_size=6)
    return {
        "torch": torch, "Net": Net, "model": model, "loader": batches, "validation": batches,
        "dataset": Pairs(), "epochs": EPOCHS, "device": "cpu",
        "optimizer": torch.optim.SGD(model.parameters(), lr=0.1),
    }  # fmt: skip


def run(page, given):
    """Updates of every balancer after each block."""
    counts = []
    for block in re.findall(r"```python\n(.*?)```", (PAGES / page).read_text(), flags=re.DOTALL):
        exec(block, given)
        counts.append(given.get("balancer", getattr(given.get("module"), "balancer", None)))
        counts[-1] = (counts[-1].epoch_index, counts[-1].step_index)
    return counts


@pytest.fixture(autouse=True)
def without_machine_code(monkeypatch, tmp_path):
    """Compiling to machine code would take longer than all else here; files go to a folder."""
    monkeypatch.setattr(torch, "compile", partial(torch.compile, backend="eager"))
    monkeypatch.chdir(tmp_path)


def test_the_page_on_plain_pytorch_runs():
    given = user()
    steps = run("plain.md", given)

    # One epoch of 3 batches a block; of 2 updates where two micro-batches make one. The new
    # balancers of Adam and of DUS count anew: 1 epoch, then 2 epochs of 3 batches.
    assert steps == [(2, 6), (3, 8), (4, 11), (5, 14), (6, 17), (1, 3), (2, 6), (2, 6),
                     (1, 6)]  # fmt: skip
    assert given["adam"].state and isinstance(given["balancer"], Balancer)


# What Lightning itself says to a training as small as these, with its default settings.
@pytest.mark.filterwarnings("ignore:.*LeafSpec:FutureWarning")
@pytest.mark.filterwarnings("ignore:.*is smaller than the logging interval")
@pytest.mark.filterwarnings("ignore:.*is not supported by the model summary")
@pytest.mark.filterwarnings("ignore:.*does not have many workers")
@pytest.mark.filterwarnings("ignore:The dirpath has changed")
def test_the_page_on_lightning_runs():
    given = user()
    steps = run("lightning.md", given)

    assert steps[0] == (2, 6)
    assert [steps[i] for i in (3, 4, 5, 6)] == [(1, 3), (2, 6), (4, 12), (2, 6)]


def test_the_page_on_fabric_runs():
    assert run("fabric.md", user()) == [(2, 6), (3, 8), (4, 11), (4, 11)]
