import pytest

from unit.data.table import media


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """Decoded items go to a folder of the test's own."""
    folder = tmp_path / "the cache"
    monkeypatch.setenv("EQUIMODAL_CACHE", str(folder))
    monkeypatch.delenv("EQUIMODAL_CACHE_LIMIT", raising=False)
    return folder


@pytest.fixture
def my(tmp_path):
    """A sound table of 24 samples."""
    return media.samples(tmp_path / "my data")
