"""`equimodal data get` from the command line; the servers themselves are in tests/unit."""

import pytest

from cli.conftest import contents
from equimodal.cli.main import main


def test_for_a_set_that_is_not_fetched_the_terms_are_printed(folder, capsys):
    assert main(["data", "get", "cremad"]) == 0

    said = capsys.readouterr().out
    assert "terms:  Open Database License" in said
    assert "then:   equimodal data convert cremad --data-root DIR --out cremad.csv" in said
    assert contents(folder) == {}


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("data get", ["required: NAME", "equimodal data get --help"]),
        ("data get mnst", ["no data set 'mnst'", "Did you mean 'mnist'?"]),
        ("data get avdigits", ["avdigits needs a folder for its files", "--data-root DIR"]),
        ("data get mnist --data-root . --mirror x", ["unknown argument '--mirror'"]),
        (
            "data get mnist --data-root .file",
            ["'.file/mnist' cannot be used (Not a directory)", "--data-root"],
        ),
    ],
)
def test_a_line_that_cannot_be_honoured_is_refused(line, words, folder, refused):
    (folder / ".file").write_text("")

    refused(line, *words)


def test_without_a_network_the_error_is_one_line(folder, capsys, monkeypatch):
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    for name in ("http_proxy", "HTTP_PROXY"):
        monkeypatch.delenv(name, raising=False)

    line = "data get mnist --data-root files --from http://127.0.0.1:1/"  # nobody listens there
    assert main(line.split()) == 2

    said = capsys.readouterr().err
    assert said.startswith("equimodal: error: 127.0.0.1:1 cannot be reached (")
    assert said.count("\n") == 1
    assert contents(folder / "files" / "mnist") == {}


def test_an_interrupted_download_says_how_to_go_on(folder, capsys, monkeypatch):
    def interrupt(*arguments, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr("equimodal.data.download.fetch", interrupt)

    assert main(["data", "get", "mnist", "--data-root", "files"]) == 130
    assert "What is finished is kept; repeat the command" in capsys.readouterr().err
