"""The shape of results.json."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import jsonschema
import pytest

from equimodal.comparison.outcome.summary import summarise
from equimodal.errors import BalanceError
from equimodal.report.read.schema import _SAID, check, schema, violations

SILENT = {"$schema", "$ref", "$defs", "title", "description", "properties", "items"}


def rules(node: Any) -> Iterator[dict[str, Any]]:
    """Every rule of the schema, without the names of properties between them."""
    yield node
    for key in ("properties", "$defs"):
        for child in node.get(key, {}).values():
            yield from rules(child)
    for key in ("items", "additionalProperties"):
        if isinstance(node.get(key), dict):
            yield from rules(node[key])


def put(results: dict[str, Any], path: tuple[Any, ...], value: Any) -> dict[str, Any]:
    """A copy of results with one place changed; ``value`` None removes it."""
    changed = copy.deepcopy(results)
    place = changed
    for step in path[:-1]:
        place = place[step]
    if value is None:
        del place[path[-1]]
    else:
        place[path[-1]] = value
    return changed


DAMAGE: list[tuple[tuple[Any, ...], Any, str]] = [
    (("schema",), "equimodal.results/3", "found schema 'equimodal.results/3'"),
    (("runs",), None, "runs is missing"),
    (("runs",), {}, "runs is dict, not array"),
    (("runs", 3, "seed"), "zero", "runs[3].seed is str, not integer"),
    (("runs", 0, "seed"), True, "runs[0].seed is bool, not integer"),
    (("runs", 1, "status"), "lost", "runs[1].status is 'lost', not one of finished"),
    (("runs", 1, "test", "accuracy"), "0.9", "runs[1].test.accuracy is str"),
    (("runs", 0, "samples_per_second"), 0, "runs[0].samples_per_second is 0, not above 0"),
    (("runs", 0, "waiting_share"), 1.5, "runs[0].waiting_share is 1.5, not at most 1"),
    (("runs", 0, "waiting_share"), -0.5, "runs[0].waiting_share is -0.5, not at least 0"),
    (("config", "seeds"), [], "config.seeds is empty"),
    (("config", "objective"), "both", "config.objective is 'both'"),
    (("data", "modalities"), ["sound"], "data.modalities is list, not object"),
    (("summary", "joint"), 0.9, "summary.joint is float, not object"),
    (("summary", "joint", "accuracy", "mean"), None, "summary.joint.accuracy.mean is missing"),
    (("summary", "joint", "probe_accuracy", "sound"), 0.5, "probe_accuracy.sound is float"),
    (("runs", 12, "converged_epoch"), 4.5, "runs[12].converged_epoch is float, not integer"),
    (("runs", 12, "converged_epoch"), -1, "runs[12].converged_epoch is -1, not at least 0"),
    (("summary", "joint", "converged_epoch", "n"), None, "converged_epoch.n is missing"),
    (("summary", "dus", "controls"), ["dus-uniform"], "summary.dus.controls is list"),
    (("summary", "dus", "controls", "dus-uniform"), 0.1, "controls.dus-uniform is float"),
]


def test_results_as_documented_pass(results):
    check(results)
    jsonschema.validate(results, schema())


def test_the_schema_is_itself_valid():
    jsonschema.Draft202012Validator.check_schema(schema())


def test_there_are_words_for_every_keyword_that_can_be_broken():
    used = {key for rule in rules(schema()) for key in rule}
    assert used - SILENT - {"additionalProperties", "required"} == _SAID.keys()


def test_what_compare_summarises_passes(results):
    check(results | summarise(results["config"]["methods"], results["runs"], lambda run: None))


@pytest.mark.parametrize(("path", "value", "message"), DAMAGE)
def test_damage_is_named_with_its_place(results, path, value, message):
    with pytest.raises(BalanceError) as raised:
        check(put(results, path, value), "out/results.json")
    assert message in str(raised.value)
    assert str(raised.value).startswith("out/results.json")
    assert "equimodal" in str(raised.value).rsplit(".", 1)[-1] or "--out" in str(raised.value)


def test_tuples_count_as_arrays_and_fractions_not_as_whole_numbers(results):
    check(put(results, ("config", "seeds"), (0, 1, 2)))
    with pytest.raises(BalanceError, match=r"seeds\[1\] is float, not integer"):
        check(put(results, ("config", "seeds"), [0, 1.0]))


def test_every_missing_entry_is_named_once(results):
    del results["runs"][2]["seed"], results["runs"][2]["status"]
    assert violations(results) == ["runs[2].seed is missing", "runs[2].status is missing"]


def test_entries_that_do_not_apply_may_be_null_or_absent(results):
    results["summary"]["amss"] = {"n": 0, "accuracy": None, "difference_to_joint": None}
    results["runs"][0] |= {"status": "failed", "test": None, "validation": None, "lr": None}
    check(results)
    jsonschema.validate(results, schema())


@pytest.mark.parametrize("found", [[], None, "text", 3, {}])
def test_what_is_no_results_is_refused(found):
    with pytest.raises(BalanceError, match=r"equimodal\.results/2"):
        check(found)


def test_results_of_the_first_schema_are_read_with_their_folder_alone(results):
    with pytest.raises(BalanceError, match=r"Read its folder: equimodal.report.read_results"):
        check(results | {"schema": "equimodal.results/1"})


def test_many_faults_are_counted_not_listed(results):
    for run in results["runs"]:
        del run["seed"]
    with pytest.raises(BalanceError, match=r"and 33 more"):
        check(results)
