"""What the README shows runs, and what it links to exists."""

import re
import tomllib

import pytest
import torch
from torch import nn

from equimodal import methods
from places import ROOT

README = (ROOT / "README.md").read_text()


class Net(nn.Module):
    """A user's model: two encoders and one linear head over both."""

    def __init__(self):
        super().__init__()
        self.audio_net = nn.Linear(3, 4)
        self.video_net = nn.Linear(5, 4)
        self.fc = nn.Linear(8, 2)

    def forward(self, audio, video):
        return self.fc(torch.cat([self.audio_net(audio), self.video_net(video)], 1))


def test_the_loop_in_the_readme_trains_the_model():
    torch.manual_seed(0)
    model = Net()
    before = model.fc.weight.detach().clone()
    batch = (torch.randn(6, 3), torch.randn(6, 5), torch.tensor([0, 1, 0, 1, 0, 1]))
    given = {
        "model": model,
        "epochs": 2,
        "loader": [batch, batch],
        "optimizer": torch.optim.SGD(model.parameters(), lr=0.1),
    }

    (loop,) = re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL)
    exec(loop, given)

    assert given["balancer"].step_index == 4
    assert not torch.equal(model.fc.weight, before)


@pytest.mark.parametrize(
    "page", ["README.md", "CONTRIBUTING.md", "CHANGELOG.md", "docs/several-machines.md"]
)
def test_every_local_link_leads_to_a_file(page):
    links = re.findall(r"\]\((?!https?:)([^)#]+)", (ROOT / page).read_text())

    assert [link for link in links if not (ROOT / page).parent.joinpath(link).exists()] == []


def test_on_a_package_index_the_readme_has_no_link_that_dies():
    build = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]
    told = README
    for change in build["metadata"]["hooks"]["fancy-pypi-readme"]["substitutions"]:
        told = re.sub(change["pattern"], change["replacement"], told)
    assert re.findall(r"\]\((?!https?:)", told) == []
    assert len(told) > 0.9 * len(README)


def test_the_table_of_methods_and_controls_is_complete():
    shown = set(re.findall(r"`([^`\s]+)`", README))

    assert set(methods.names()) <= shown


@pytest.mark.parametrize("line", re.findall(r"^equimodal (.*?)(?:  .*)?$", README, re.MULTILINE))
def test_every_command_in_the_readme_is_understood(line):
    from equimodal.cli.parser import parse

    assert parse(line.split()).command == line.split()[0]
