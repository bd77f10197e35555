"""What the pages on Trainer and Accelerate show runs, and what they link to exists."""

import re
from pathlib import Path

import pytest
import torch
from torch import nn

from loops.plain import data, gap, plain, start, weights

transformers = pytest.importorskip("transformers")

LOOPS = Path(__file__).parents[2] / "docs" / "loops"
PAGES = ("huggingface.md", "accelerate.md")
SMALL = {
    "hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 8,
}  # fmt: skip


def snippets(page):
    return re.findall(r"```python\n(.*?)```", (LOOPS / page).read_text(), flags=re.DOTALL)


class TextImage(nn.Module):
    """A user's model for the Trainer."""

    def __init__(self):
        super().__init__()
        words = transformers.BertConfig(vocab_size=9, max_position_embeddings=4, **SMALL)
        pictures = transformers.ViTConfig(image_size=4, patch_size=2, num_channels=1, **SMALL)
        self.text_model = transformers.BertModel(words)
        self.vision_model = transformers.ViTModel(pictures)
        self.classifier = nn.Linear(16, 3)

    def forward(self, input_ids, pixel_values, labels=None):
        text = self.text_model(input_ids).pooler_output
        image = self.vision_model(pixel_values).pooler_output
        return {"logits": self.classifier(torch.cat([text, image], 1))}


@pytest.mark.filterwarnings("ignore:.*pin_memory.*no accelerator is found:UserWarning")
def test_the_lines_for_the_trainer_train_log_and_save(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rows = [
        {
            "input_ids": torch.tensor([1, k, 2]),
            "pixel_values": torch.randn(1, 4, 4),
            "labels": k % 3,
        }
        for k in range(8)
    ]
    given = {"model": TextImage(), "train_set": rows}

    exec(snippets("huggingface.md")[0], given)

    assert (given["balancer"].step_index, given["balancer"].epoch_index) == (3, 3)
    assert given["balancer"].decisions.log is not None
    assert (tmp_path / "out" / "checkpoint-3" / "equimodal.pt").exists()


def test_the_trainer_of_the_page_reads_the_batches_of_a_method_bit_for_bit(tmp_path):
    from loops.huggingface_loop import trainer

    made = start("dus-rl")
    given = {"Trainer": transformers.Trainer, "balancer": made.balancer}
    exec(snippets("huggingface.md")[1], given)
    built, _ = trainer(made, tmp_path, kind=given["UnpairedTrainer"])
    built.train_dataset = data()
    built.train()

    assert gap(weights(made.model), plain("dus-rl", unpaired=True)) == 0


class AudioVideo(nn.Module):
    """A user's model for Accelerate."""

    def __init__(self):
        super().__init__()
        self.audio_net, self.video_net = nn.Linear(3, 4), nn.Linear(5, 4)
        self.fc = nn.Linear(8, 2)

    def forward(self, audio, video):
        return self.fc(torch.cat([self.audio_net(audio), self.video_net(video)], 1))


def test_the_lines_for_accelerate_train_and_save(tmp_path, monkeypatch):
    from loops.accelerate_loop import fresh

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("accelerate.Accelerator", fresh)
    model = AudioVideo()
    rows = [(torch.randn(3), torch.randn(5), k % 2) for k in range(6)]
    given = {
        "model": model,
        "optimizer": torch.optim.SGD(model.parameters(), lr=0.1),
        "batches": torch.utils.data.DataLoader(rows, batch_size=2),
        "epochs": 2,
    }

    (lines,) = snippets("accelerate.md")
    exec(lines, given)

    assert (given["balancer"].step_index, given["balancer"].epoch_index) == (4, 2)
    given["balancer"].step_index = -1
    given["accelerator"].load_state("state")
    assert given["balancer"].step_index == 4


@pytest.mark.parametrize("page", PAGES)
def test_every_link_leads_to_a_file(page):
    links = re.findall(r"\]\((?!https?:)([^)#]+)", (LOOPS / page).read_text())

    assert [link for link in links if not (LOOPS / link).exists()] == []
