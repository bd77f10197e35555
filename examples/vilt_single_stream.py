"""A ViLT-like single stream: one transformer over the tokens of image and text; no download.

Run it with: pip install equimodal && python examples/vilt_single_stream.py --method amss

Lines that end in `# +` are what balancing adds; `# was:` says what stands there without it. What a
modality has of its own are its embeddings, and the readout runs the common stream again with the
other one's blanked. Images are of keypad, texts tell odd from even; chance is 10%.
"""

import argparse
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from equimodal import Ablation, Balancer, methods  # +
from equimodal.data import load


class SingleStream(nn.Module):
    """Images (N, 1, 8, 8) and texts (N, 4) -> logits (N, 10)."""

    def __init__(self, width: int = 32) -> None:
        super().__init__()
        self.patches = nn.Sequential(nn.Conv2d(1, width, 2, stride=2), nn.GELU(), nn.Flatten(2))
        self.words = nn.Sequential(nn.Embedding(12, width), nn.Linear(width, width))
        self.places = nn.Parameter(torch.randn(1, 20, width) / 4)
        layer = nn.TransformerEncoderLayer(width, 4, 64, dropout=0.0, batch_first=True)
        self.stream = nn.TransformerEncoder(layer, 1)
        self.classifier = nn.Linear(width, 10)

    def forward(self, image: Tensor, text: Tensor) -> Tensor:
        """16 patches and 4 words in one sequence, pooled at its end."""
        tokens = torch.cat([self.patches(image).transpose(1, 2), self.words(text)], 1)
        return self.classifier(self.stream(tokens + self.places).mean(1))


def phrases(labels: Tensor, seed: int) -> Tensor:
    """Four words of 12, the first of which says whether the digit is odd, mostly. (N, 4)"""
    draw = torch.Generator().manual_seed(seed)
    words = torch.randint(2, 12, (len(labels), 4), generator=draw)
    told = labels % 2
    words[:, 0] = torch.where(torch.rand(len(labels), generator=draw) < 0.9, told, 1 - told)
    return words


def main(argv: Sequence[str] | None = None) -> nn.Module:
    """Train, and print the accuracy on unseen samples."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--method", default="amss", help="see: equimodal methods")
    parser.add_argument("--epochs", type=int, default=8)
    args = parser.parse_args(argv)

    torch.manual_seed(0)
    source, model = load("keypad"), SingleStream()
    images, labels = source.train.inputs["image"], source.train.labels
    texts = phrases(labels, seed=1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    method, parts = methods.create(args.method), {"image": "patches", "text": "words"}  # +
    balancer = Balancer(model, method, parts, Ablation("zero"))  # +
    for _ in range(args.epochs):
        for rows in torch.randperm(len(labels)).split(50):
            output, y = model(images[rows], texts[rows]), labels[rows]
            loss = balancer.loss(output, y)  # was: loss = nn.functional.cross_entropy(output, y)
            loss.backward()
            balancer.before_step()  # +
            optimizer.step()
            optimizer.zero_grad()
        balancer.epoch_end()  # +

    model.eval()
    with torch.no_grad():
        guess = model(source.test.inputs["image"], phrases(source.test.labels, seed=2)).argmax(1)
    print(f"fused: {(guess == source.test.labels).float().mean():.1%}")
    return model


if __name__ == "__main__":
    main()
