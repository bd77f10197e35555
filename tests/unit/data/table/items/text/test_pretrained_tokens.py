"""Texts by the tokenizer of a Hugging Face model, and encoders that a table asks for."""

import json

import pytest
import torch

from equimodal import data
from equimodal.data.table.items.decoders import reader
from equimodal.data.table.reading.findings import Unfit
from equimodal.data.table.reading.settings import checked_settings
from equimodal.data.table.reading.survey import form
from equimodal.errors import BalanceError, DataError
from equimodal.models import build_model
from unit.comparison.conftest import plan_of
from unit.data.table import media

transformers = pytest.importorskip("transformers")

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "good", "bad", "film", "##s", "!", "[MASK]"]
SMALL = {
    "hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 8,
}  # fmt: skip


@pytest.fixture(scope="module")
def bert(tmp_path_factory):
    """A folder with a tokenizer and a model, as save_pretrained writes them."""
    folder = tmp_path_factory.mktemp("bert")
    vocabulary = {word: number for number, word in enumerate(WORDS)}
    tokenizer = transformers.BertTokenizer(vocab=vocabulary)
    tokenizer.save_pretrained(folder)
    config = transformers.BertConfig(vocab_size=len(WORDS), max_position_embeddings=16, **SMALL)
    transformers.utils.logging.disable_progress_bar()
    with torch.random.fork_rng():
        transformers.BertModel(config).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def settings(bert):
    return form("text", {"tokens": f"hf:{bert}", "length": 5}, []).settings


def test_a_text_has_the_numbers_of_the_tokenizer_plus_one_between_its_special_tokens(settings):
    item = reader("text").decode("Good films !", {**settings, "length": 8})
    assert item.array.tolist() == [3, 5, 7, 8, 9, 4, 0, 0]
    assert (item.shape, item.warnings) == ((6,), [])


def test_a_longer_text_keeps_the_token_that_ends_it(settings):
    item = reader("text").decode("good bad good bad !", settings)
    assert item.array.tolist() == [3, 5, 6, 5, 4]
    assert item.warnings == [("cut", "has 7 tokens of 5")]


def test_an_empty_text_is_empty_whatever_its_special_tokens(settings):
    with pytest.raises(Unfit, match="holds no word"):
        reader("text").decode("  ", settings)


def test_settings_name_the_folder_without_its_path_and_hold_the_tokenizer(bert):
    found = form("text", {"tokens": f"hf:{bert}"}, [{"words": {}, "length": 2, "bytes": 9}])
    assert found.settings["tokens"] == f"hf:{bert.name}"
    assert (found.settings["length"], found.shape) == (11, (11,))
    assert str(bert.parent) not in json.dumps(found.settings)


def test_what_cannot_be_a_tokenizer_is_refused(tmp_path, bert):
    with pytest.raises(
        DataError, match=r"must be words, signs, pieces, bytes, or hf:<folder or name>.*'letters'"
    ):
        checked_settings("modalities.say", "text", {"tokens": "letters"})
    with pytest.raises(DataError, match=r"brings its own vocabulary, found vocabulary: 9"):
        form("text", {"tokens": f"hf:{bert}", "vocabulary": 9}, [])
    with pytest.raises(DataError, match=r"There is no tokenizer in .*hf:FOLDER, a folder beside"):
        form("text", {"tokens": f"hf:{tmp_path}"}, [])


def test_without_transformers_the_extra_is_named(monkeypatch, bert):
    monkeypatch.setitem(__import__("sys").modules, "transformers", None)
    with pytest.raises(DataError, match=r"pip install 'equimodal\[huggingface\]'"):
        form("text", {"tokens": f"hf:{bert}"}, [])


@pytest.fixture
def table(tmp_path, bert):
    """A table of texts and numbers beside a folder of a model, and its declaration."""
    folder = tmp_path / "my data"
    folder.mkdir()
    (folder / "bert").symlink_to(bert)
    says = ("good film !", "bad film")
    rows = [
        (split, "ab"[i % 2], says[i % 2], i, i % 3)
        for split, count in (("train", 8), ("val", 4), ("test", 4))
        for i in range(count)
    ]
    (folder / "my.yaml").write_text(
        "allow: [leakage, tells-label]\n"
        "modalities:\n"
        "  say: {kind: text, tokens: 'hf:bert', encoder: 'hf:bert,frozen'}\n"
        "  numbers: {columns: [x, y], encoder: mlp, kind: numbers}\n"
    )
    header = ("split", "label", "say", "x", "y")
    return media.table(folder / "my.csv", rows, header)


def test_a_table_trains_by_the_tokenizer_and_the_encoders_that_it_asks_for(table, monkeypatch):
    monkeypatch.chdir(table.parent)
    source = data.load(str(table))
    say = source.modalities["say"]
    assert (say.shape, say.vocabulary, say.tokens) == ((13,), len(WORDS) + 1, "hf")
    assert source.train.inputs["say"][0].tolist() == [3, 5, 7, 9, 4] + 8 * [0]

    plan = plan_of(str(table), methods=["joint"], seeds=1)

    assert plan.config["encoders"] == {"say": "hf:bert,frozen", "numbers": "mlp"}
    assert str(table.parent) not in json.dumps([plan.config, plan.data]).replace(str(table), "")
    settings = plan.config["data_settings"]["modalities"]["say"]
    assert (settings["tokens"], settings["vocabulary"]) == ("hf:bert", len(WORDS))
    assert len(settings["tokenizer"]) == 32
    model = build_model(source.modalities, 2, seed=0, encoders=plan.config["encoders"])
    inputs, _ = source.train.take(torch.arange(3))
    assert model(inputs).logits.shape == (3, 2)
    assert plan_of(str(table), methods=["joint"], seeds=1, encoders={"numbers": "small"}).config[
        "encoders"
    ] == {"say": "hf:bert,frozen"}


def test_a_tokenizer_that_changed_is_read_again(table, bert):
    (table.parent / "bert").unlink()
    folder = table.parent / "bert"
    folder.mkdir()
    for path in bert.iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    before = data.load(str(table)).train.inputs["say"][0].tolist()
    changed = json.loads((folder / "tokenizer.json").read_text())
    vocabulary = changed["model"]["vocab"]
    vocabulary["good"], vocabulary["bad"] = vocabulary["bad"], vocabulary["good"]
    (folder / "tokenizer.json").write_text(json.dumps(changed))
    after = data.load(str(table)).train.inputs["say"][0].tolist()
    assert before[:3] == [3, 5, 7] and after[:3] == [3, 6, 7]


def test_an_encoder_that_a_table_asks_for_is_checked(table):
    yaml = table.with_suffix(".yaml")
    yaml.write_text(yaml.read_text().replace("encoder: mlp", "encoder: mpl"))
    with pytest.raises(BalanceError, match=r"encoder of numbers: There is no encoder 'mpl'"):
        plan_of(str(table), methods=["joint"], seeds=1)
    yaml.write_text(yaml.read_text().replace("encoder: mpl", "encoder: 3"))
    with pytest.raises(DataError, match=r"modalities.numbers.encoder must be a name; found 3"):
        data.load(str(table))
