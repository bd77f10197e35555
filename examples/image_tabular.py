"""An image beside columns of a table, fused by a network of layers; nothing is downloaded.

Run it with: pip install equimodal && python examples/image_tabular.py --method amss

Lines that end in `# +` are what balancing adds; `# was:` says what stands there without it. Images
are of keypad; of the columns two numbers and one category tell something of the label, with noise,
and the head is no single linear layer, so that the readout runs it again; chance is 10%.
"""

import argparse
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from equimodal import Ablation, Balancer, methods  # +
from equimodal.data import load


class Columns(nn.Module):
    """Numbers and a category in one row, (N, 5), -> features (N, 32)."""

    def __init__(self) -> None:
        super().__init__()
        self.category = nn.Embedding(4, 8)
        self.layers = nn.Sequential(nn.Linear(12, 32), nn.ReLU(), nn.Linear(32, 32), nn.ReLU())

    def forward(self, row: Tensor) -> Tensor:
        """Numbers beside the embedding of the category, which stands in the last column."""
        return self.layers(torch.cat([row[:, :4], self.category(row[:, 4].long())], 1))


class ImageTabular(nn.Module):
    """Images (N, 1, 8, 8) and rows of a table (N, 5) -> logits (N, 10)."""

    def __init__(self) -> None:
        super().__init__()
        self.image_net = nn.Sequential(nn.Conv2d(1, 16, 3), nn.ReLU(), nn.Flatten(),
                                       nn.Linear(576, 32), nn.ReLU())  # fmt: skip
        self.table_net = Columns()
        self.head = nn.Sequential(nn.LayerNorm(64), nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10))

    def forward(self, image: Tensor, row: Tensor) -> Tensor:
        """A head of several layers over the concatenation."""
        return self.head(torch.cat([self.image_net(image), self.table_net(row)], 1))


def table(labels: Tensor, seed: int) -> Tensor:
    """Four numbers, two of them noise alone, and a category of four. (N, 5)"""
    draw = torch.Generator().manual_seed(seed)
    numbers = torch.randn(len(labels), 4, generator=draw)
    numbers[:, 0] += labels / 3
    numbers[:, 1] += (labels - 4.5).abs() / 2
    return torch.cat([numbers, (labels % 4).float()[:, None]], 1)


def main(argv: Sequence[str] | None = None) -> nn.Module:
    """Train, and print the accuracy on unseen samples."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--method", default="amss", help="see: equimodal methods")
    parser.add_argument("--epochs", type=int, default=3)
    args = parser.parse_args(argv)

    torch.manual_seed(0)
    source, model = load("keypad"), ImageTabular()
    images, labels = source.train.inputs["image"], source.train.labels
    rows = table(labels, seed=1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
    method, parts = methods.create(args.method), {"image": "image_net", "table": "table_net"}  # +
    balancer = Balancer(model, method, parts, Ablation("mean"))  # +
    for _ in range(args.epochs):
        for batch in torch.randperm(len(labels)).split(50):
            output, y = model(images[batch], rows[batch]), labels[batch]
            loss = balancer.loss(output, y)  # was: loss = nn.functional.cross_entropy(output, y)
            loss.backward()
            balancer.before_step()  # +
            optimizer.step()
            optimizer.zero_grad()
        balancer.epoch_end()  # +

    model.eval()
    with torch.no_grad():
        guess = model(source.test.inputs["image"], table(source.test.labels, seed=2)).argmax(1)
    print(f"fused: {(guess == source.test.labels).float().mean():.1%}")
    return model


if __name__ == "__main__":
    main()
