"""Diagnosis of a model of one's own: a CNN on sound and a GRU on text, AdamW, accumulated batches.

Run it with: pip install equimodal && python examples/diagnose_cnn_gru.py

Both modalities are made, nothing is downloaded: a sound is a noisy picture of two tones, a text is
a line of words in which some belong to the class and most do not. The sound is learned first, and
the fused loss leaves the text little to learn from, which by itself tells a lot.
"""

import argparse
import copy
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

import equimodal
from equimodal import LinearSplit
from equimodal.diagnosis.diagnosis import Diagnosis

CLASSES, WORDS, LENGTH, BINS, FRAMES = 6, 60, 12, 24, 8
BATCH, ACCUMULATED = 16, 2


class SoundText(nn.Module):
    """A small CNN and a small GRU, and one linear layer over the features of both."""

    def __init__(self) -> None:
        super().__init__()
        self.sound = nn.Sequential(
            nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(8, 16, 3, padding=1), nn.ReLU(), nn.AdaptiveAvgPool2d(2), nn.Flatten(),
        )  # fmt: skip
        self.text = TextEncoder()
        self.head = nn.Linear(64 + 32, CLASSES)

    def forward(self, sound: Tensor, text: Tensor) -> Tensor:
        """(N, 1, 24, 8), (N, 12) -> (N, 6)"""
        return self.head(torch.cat([self.sound(sound), self.text(text)], 1))


class TextEncoder(nn.Module):
    """Embedding and GRU; the features are the last state."""

    def __init__(self) -> None:
        super().__init__()
        self.words = nn.Embedding(WORDS, 16)
        self.gru = nn.GRU(16, 32, batch_first=True)

    def forward(self, text: Tensor) -> Tensor:
        """(N, 12) -> (N, 32)"""
        return self.gru(self.words(text))[1][-1]


def samples(count: int, seed: int) -> TensorDataset:
    """Sounds, texts and labels."""
    draw = torch.Generator().manual_seed(seed)
    labels = torch.randint(CLASSES, (count,), generator=draw)
    sound = SOUND_NOISE * torch.randn(count, 1, BINS, FRAMES, generator=draw)
    for shift in (0, 9):
        sound[torch.arange(count), 0, (3 * labels + shift) % BINS] += 1.0
    own = 10 * labels[:, None] + torch.randint(10, (count, LENGTH), generator=draw)
    other = torch.randint(WORDS, (count, LENGTH), generator=draw)
    told = torch.rand(count, LENGTH, generator=draw) < TOLD
    return TensorDataset(sound, torch.where(told, own, other), labels)


SOUND_NOISE, TOLD = 0.3, 0.3
"""Spread of the noise on a tone of 1, and the share of words that belong to the class."""


def train(model: SoundText, data: TensorDataset, *, epochs: int) -> torch.optim.Optimizer:
    """A loop of one's own: AdamW, an update for every two batches of 16."""
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3, weight_decay=1e-2)
    model.train()
    for _ in range(epochs):
        loader = DataLoader(data, BATCH, shuffle=True, drop_last=True)
        for index, (sound, text, labels) in enumerate(loader):
            loss = nn.functional.cross_entropy(model(sound, text), labels)
            (loss / ACCUMULATED).backward()
            if (index + 1) % ACCUMULATED == 0:
                optimizer.step()
                optimizer.zero_grad()
    return optimizer


def diagnosed(*, epochs: int = 10, loaded: int = BATCH, seed: int = 0) -> Diagnosis:
    """Train the model and diagnose it.

    Args:
        epochs: of the training, and of each encoder alone.
        loaded: batch size of the loaders that are handed to the diagnosis; any will do.
        seed: of the initial weights.
    """
    torch.manual_seed(seed)
    train_data, test_data = samples(640, 1), samples(800, 2)
    model = SoundText()
    initial = copy.deepcopy(model.state_dict())
    optimizer = train(model, train_data, epochs=epochs)
    return equimodal.diagnose(
        model,
        {"train": DataLoader(train_data, loaded, shuffle=True),
         "test": DataLoader(test_data, loaded)},
        {"sound": "sound", "text": "text"},
        LinearSplit("head"),
        untrained=initial,
        train_alone_epochs=epochs,
        optimizer=optimizer,
        batch_size=BATCH * ACCUMULATED,
        name="sound and text",
    )  # fmt: skip


def main(argv: Sequence[str] | None = None) -> None:
    """Train, diagnose, and print the verdict."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--loaded", type=int, default=BATCH, help="batch size of the loaders")
    args = parser.parse_args(argv)
    print(diagnosed(epochs=args.epochs, loaded=args.loaded))


if __name__ == "__main__":
    main()
