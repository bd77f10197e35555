"""What the page on models shows runs, and it names every encoder and fusion."""

import json
import re
from pathlib import Path

import pytest
import torch

import equimodal
from cli.conftest import without_workers
from equimodal.cli.main import main
from equimodal.models import ENCODERS, FUSIONS, ResNet18
from places import ROOT
from unit.data.table import media
from unit.data.table.items.text.test_pretrained_tokens import bert

__all__ = ["bert", "without_workers"]

PAGE = (ROOT / "docs" / "models.md").read_text()
PYTHON = re.findall(r"```python\n(.*?)```", PAGE, flags=re.DOTALL)


def test_every_encoder_and_every_fusion_has_its_row():
    rows = re.findall(r"^\| `([^`]+)`", PAGE, flags=re.MULTILINE)
    assert rows == [*ENCODERS, "hf:<folder or name>", *FUSIONS]


def test_the_model_of_ones_own_loop_is_built_and_bound():
    given = {}
    exec(PYTHON[1], given)
    assert isinstance(given["model"].encoders["video"].frames, ResNet18)
    assert "signal: " in str(given["balancer"])
    inputs = {"video": torch.zeros(2, 2, 3, 32, 32), "signal": torch.zeros(2, 50, 7)}
    assert given["model"](inputs).logits.shape == (2, 10)


def test_the_comparison_of_another_model_runs_and_names_it(
    tmp_path, monkeypatch, without_workers, capsys
):
    monkeypatch.chdir(tmp_path)
    line, _ = re.findall(r"^equimodal (.*)$", PAGE, flags=re.MULTILINE)
    short = ["--methods", "joint", "--seeds", "0,", "--epochs", "1"]

    assert main([*line.split(), *short]) == 0

    shown = capsys.readouterr().out
    assert "image by mlp; fusion film" in shown
    results = json.loads(Path("results/film/results.json").read_text())
    assert results["config"]["encoders"] == {"image": "mlp"}
    again = {}
    monkeypatch.setattr(equimodal, "compare", lambda **options: again.update(options))
    exec(PYTHON[0], {"equimodal": equimodal})
    assert again == {"encoders": {"image": "mlp"}, "fusion": "film", "out": "results/film"}


def test_a_table_trains_with_a_frozen_bert_of_a_folder_beside_it(
    tmp_path, monkeypatch, without_workers, capsys, bert
):
    pytest.importorskip("transformers")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("EQUIMODAL_CACHE", str(tmp_path / "cache"))
    (text,) = re.findall(r"```yaml\n(.*?)```", PAGE, flags=re.DOTALL)
    Path("my.yaml").write_text(text + "allow: [leakage]\n")
    Path("models").mkdir()
    Path("models/bert").symlink_to(bert)
    says = ("good film !", "bad films")
    rows = [
        (split, "ab"[i % 2], says[i // 2 % 2], i, i % 3)
        for split, count in (("train", 8), ("validation", 4), ("test", 4))
        for i in range(count)
    ]
    media.table(Path("my.csv"), rows, ("split", "label", "say", "height", "weight"))

    assert main(["train", "--data", "my.csv", "--method", "amss", "--epochs", "1"]) == 0

    assert "say by hf:models/bert,frozen" in capsys.readouterr().out
    config = json.loads(Path("results/my/runs/amss/seed-0/config.json").read_text())
    assert config["encoders"] == {"say": "hf:models/bert,frozen"}
    assert str(tmp_path) not in json.dumps(config)
