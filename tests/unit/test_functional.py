import inspect

import pytest

from equimodal import functional


def test_every_pure_function_of_the_issue_is_public():
    assert set(functional.__all__) >= {
        "modality_significance", "update_fractions", "unit_importance", "inclusion_probabilities",
        "sample_units", "cumulative_score", "sample_counts", "cluster_purity", "relearn_strength",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("modality_significance", ["unimodal_logits", "features", "target"]),
        ("update_fractions", ["significance", "tau", "clamp"]),
        ("unit_importance", ["grad"]),
        ("inclusion_probabilities", ["probabilities", "count"]),
        ("sample_units", ["importance", "fraction", "generator", "unbiased"]),
        ("cumulative_score", ["previous", "score", "t"]),
        ("sample_counts", ["scores", "budget", "minimum"]),
        ("cluster_purity", ["labels", "clusters"]),
        ("relearn_strength", ["train_purity", "validation_purity", "lam"]),
    ],
)
def test_they_take_the_arguments_that_were_agreed(name, arguments):
    function = getattr(functional, name)
    assert list(inspect.signature(function).parameters)[: len(arguments)] == arguments


@pytest.mark.parametrize("name", functional.__all__)
def test_their_first_lines_give_the_shapes(name):
    documentation = inspect.getdoc(getattr(functional, name))
    assert "->" in documentation or name == "relearn_strength"
