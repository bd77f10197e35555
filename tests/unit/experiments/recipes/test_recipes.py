"""What recipes state can be run as it stands, and every value says where it is from."""

import math

import pytest

from equimodal import methods
from equimodal.checks import require_settings
from equimodal.comparison.rows import expand_rows
from equimodal.comparison.settings import check_method_settings
from equimodal.data import converters
from equimodal.data.dataset import Modality
from equimodal.data.table.reading.settings import KINDS, checked_settings
from equimodal.data.table.reading.survey import form, is_declared
from equimodal.data.variation import Variation
from equimodal.errors import BalanceError
from equimodal.experiments import recipes
from equimodal.experiments.recipes.recipe import OURS, plain
from equimodal.experiments.recipes.run import changed
from equimodal.models.encoders.named import check_encoder
from equimodal.models.fusions import check_fusion
from equimodal.training.optimizers import changed_settings
from equimodal.training.schedules import check_schedule

EVERY = [recipes.load(name) for name in recipes.names()]
# All that is known of published numbers: (data, row) -> {source: (accuracy, macro-F1)}, percent.
KNOWN = {
    ("cremad", "joint"): {
        "AUG": (65.07, None), "InfoReg": (66.61, None), "BalanceBenchmark": (65.50, 65.07),
    },
    ("cremad", "joint+unimodal"): {"InfoReg": (70.81, None)},
    ("cremad", "relearn"): {"quoted by CLCR": (73.52, None), "BalanceBenchmark": (71.02, 71.46)},
    ("kinetics-sounds", "joint"): {"InfoReg": (65.67, None), "BalanceBenchmark": (65.63, 65.28)},
    ("kinetics-sounds", "joint+unimodal"): {"InfoReg": (68.71, None)},
    ("kinetics-sounds", "relearn"): {
        "quoted by CLCR": (69.10, None), "BalanceBenchmark": (65.92, 65.48),
    },
    ("ucf101", "joint"): {"BalanceBenchmark": (81.80, 81.21)},
    ("ucf101", "relearn"): {"quoted by CLCR": (82.11, None), "BalanceBenchmark": (82.87, 82.15)},
    ("cmu-mosi", "joint"): {"InfoReg": (61.09, None)},
    ("cmu-mosei", "joint"): {"BalanceBenchmark": (78.99, 69.40)},
    ("cmu-mosei", "relearn"): {"BalanceBenchmark": (78.65, 70.02)},
    ("ave", "relearn"): {"quoted by CLCR": (69.62, None)},
    ("vggsound", "joint"): {"BalanceBenchmark": (48.08, 46.98)},
    ("vggsound", "relearn"): {"BalanceBenchmark": (48.12, 47.04)},
    ("food101", "joint"): {"BalanceBenchmark": (91.65, 91.60)},
    ("food101", "relearn"): {"BalanceBenchmark": (91.68, 91.63)},
}  # fmt: skip

each = pytest.mark.parametrize("recipe", EVERY, ids=lambda recipe: recipe.name)


def kinds(recipe):
    """The kind of each modality, by a setting that no other kind has."""
    telling = {"seconds": "sound", "frames": "video", "tokens": "text", "channels": "image"}
    return {
        modality: next((telling[s] for s in settings if s in telling), "sequence")
        for modality, settings in recipe.columns.items()
    }


def declared(recipe, modality):
    """The settings of a modality as its table's YAML gives them."""
    return checked_settings(modality, kinds(recipe)[modality], plain(recipe.columns[modality]))


@each
def test_every_value_is_one_that_its_owner_takes(recipe):
    require_settings(recipe.data, recipe.converter, converters.describe(recipe.data).settings)
    assert all(declared(recipe, modality) for modality in recipe.columns)
    rows = expand_rows(recipe.rows, recipe.columns)
    by_owner = {}
    for name, value in plain(recipe.settings).items():
        owner, _, key = name.rpartition(".")
        by_owner.setdefault(owner, {})[key] = value
    optimizer = by_owner.pop(recipe.optimizer.value)
    assert changed_settings(recipe.optimizer.value, optimizer) is not None
    assert set(by_owner) <= set(rows)
    for row, given in by_owner.items():
        check_method_settings(row, given)
    check_schedule(recipe.schedule.value)
    check_fusion(recipe.fusion.value)


@each
def test_its_encoders_read_its_inputs(recipe):
    assert set(recipe.encoders) == set(recipe.columns)
    for modality, kind in kinds(recipe).items():
        spec, settings = recipe.encoders[modality].value, declared(recipe, modality)
        if spec.startswith("hf:"):
            assert settings.get("tokens", spec) == spec
            continue
        facts = [{"shapes": {"": [9, 4]}}] if kind == "sequence" else []
        found = form(kind, settings, facts)
        crop = found.variation.get("crop")
        shape = Variation(crop=tuple(crop) if crop else None).shape(found.shape)
        check_encoder(spec, Modality(KINDS[kind].model, shape))


@pytest.mark.parametrize(
    ("name", "modality", "shape"),
    [
        ("amss/cremad", "sound", (1, 257, 188)),
        ("amss/kinetics_sounds", "sound", (1, 257, 1003)),
        ("relearn/cremad", "sound", (1, 128, 1024)),
        ("relearn/cremad", "video", (2, 3, 224, 224)),
        ("amss/nvgesture", "flow", (64, 3, 256, 256)),
    ],
)
def test_inputs_have_the_shapes_of_the_released_code(name, modality, shape):
    recipe = recipes.load(name)
    settings = declared(recipe, modality)
    assert is_declared(kinds(recipe)[modality], settings)
    assert form(kinds(recipe)[modality], settings, []).shape == shape


@each
def test_every_value_has_a_source_and_what_a_paper_never_said_is_ours(recipe):
    for _, name, value in recipe.values():
        assert value.source.strip(), name
    if recipe.name.startswith("dus/"):
        assert OURS in recipe.settings["dus.rule"].source
        assert any("our design" in text for text in recipe.differences)


def test_dus_names_the_released_code_that_it_follows_as_that_of_amss():
    sources = [v.source for r in EVERY if r.name.startswith("dus/") for _, _, v in r.values()]
    of_code = [source for source in sources if "released code" in source]
    assert of_code
    assert all("released code of AMSS, same group" in source for source in of_code)


@each
def test_a_method_stands_beside_its_control_and_the_baselines(recipe):
    assert {"joint", "joint+unimodal", "ensemble", "untrained", "alone:*"} <= set(recipe.rows)
    for row in filter(methods.known, recipe.rows):
        assert set(methods.entry(row).controls) <= set(recipe.rows)


@each
def test_an_adaptive_control_differs_from_its_method_by_its_preset_alone(recipe):
    settings = plain(recipe.settings)
    for row in filter(methods.known, recipe.rows):
        for control in methods.entry(row).controls:
            preset = methods.entry(control).preset
            if "fraction" in preset or not row.startswith("amss"):
                continue
            names = {key.rpartition(".")[2] for key in settings if key.startswith(f"{row}.")}
            for name in names - set(preset):
                assert settings.get(f"{control}.{name}") == settings[f"{row}.{name}"], (row, name)


@each
def test_no_number_is_published_here_that_nobody_printed(recipe):
    for number in recipe.published:
        known = KNOWN[recipe.data, number.row]
        (source,) = [name for name in known if number.source.startswith(name)]
        assert (number.accuracy, number.macro_f1) == known[source]
        assert number.row in recipe.rows
        assert not number.row.startswith(("amss", "dus"))


def test_the_released_schedules_and_rates_are_those_of_the_scripts():
    found = {
        r.name: (
            r.optimizer.value,
            r.lr.value,
            r.schedule.value,
            r.epochs.value,
            r.batch_size.value,
        )
        for r in EVERY
        if r.name.startswith("amss/") or r.name == "relearn/cremad"
    }
    assert found == {
        "amss/cremad": ("sgd", 0.01, "step:60:0.1", 80, 64),
        "amss/kinetics_sounds": ("sgd", 0.01, "step:60:0.1", 80, 64),
        "amss/sarcasm": ("adam", 2e-6, "constant", 50, 32),
        "amss/twitter15": ("adamw", 2e-6, "constant", 50, 16),
        "amss/nvgesture": ("sgd", 0.01, "multistep:80,90:0.1", 100, 4),
        "relearn/cremad": ("sgd", 0.002, "constant", 90, 64),
    }
    assert [r.settings["amss.tau"].value for r in EVERY[:5]] == [0.2, 0.2, 0.5, 0.5, 0.2]
    assert [r.settings["amss+.bias"].value for r in EVERY[:5]] == [0.0, 0.0, 0.2, 0.2, 0.0]
    rows = ("amss-fixed", "amss", "amss+-fixed", "amss+")
    assert {r.settings[f"{row}.smoothing"].value for r in EVERY[:5] for row in rows} == {0.0}
    assert recipes.load("amss/sarcasm").settings["adam.betas"].value == [0.9, 0.99]


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("nvgesture", ["outside the loop", "no encoder is masked there (read, not run)"]),
        ("sarcasm", ["query, key and value separately", "by 12 blocks of columns", "pooler alone"]),
        ("twitter15", ["query, key and value separately", "feed-forward layers"]),
    ],
)
def test_where_the_released_masks_are_not_ours_the_recipe_says_so(name, parts):
    said = recipes.load(f"amss/{name}").differences
    assert any(all(part in text for part in parts) for text in said)


def test_relearning_happens_after_20_40_and_60_of_90_epochs_for_the_control_too():
    settings = plain(recipes.load("relearn/cremad").settings)
    assert settings["relearn.every"] == settings["relearn-fixed.every"] == 20
    assert settings["relearn.times"] == settings["relearn-fixed.times"] == 3
    assert settings["relearn.lam"] == 3.0


def test_a_user_replaces_values_of_converter_methods_and_encoders():
    given = {
        "settings": {"cremad.split": "relearn", "amss.tau": 0.5},
        "encoders": {"video": "resnet50"},
        "epochs": 3,
    }
    found = changed(recipes.load("amss/cremad"), given)
    assert found.converter["split"].value == "relearn"
    assert math.isclose(found.settings["amss.tau"].value, 0.5)
    assert found.encoders["video"].value == "resnet50"
    assert (found.epochs.value, found.lr.value) == (3, 0.01)
    with pytest.raises(BalanceError, match=r"'face', which is no modality of amss/cremad; .*sound"):
        changed(recipes.load("amss/cremad"), {"encoders": {"face": "resnet18"}})


def test_an_unknown_recipe_is_answered_with_the_known_ones():
    with pytest.raises(BalanceError, match=r"no recipe 'amss/crema'.*Did you mean 'amss/cremad'"):
        recipes.load("amss/crema")
    assert recipes.load("amss/kinetics-sounds").name == "amss/kinetics_sounds"
