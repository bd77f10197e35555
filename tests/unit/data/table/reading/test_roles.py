import json

import pytest

from equimodal.data.table.reading.roles import read_manifest
from equimodal.errors import DataError


def table(folder, name):
    rows = [{"label": "ab"[k % 2], "text": f"word {k}", name: [float(k), 1.0]} for k in range(4)]
    path = folder / "my.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


@pytest.mark.parametrize("name", ["a.b", "forward", "..", "x" * 300, "n\0m", "a/b", "-x", "keys"])
def test_a_column_whose_name_no_modality_can_have_is_refused_with_a_way_out(tmp_path, name):
    path = table(tmp_path, name)
    with pytest.raises(
        DataError, match=r"cannot name a modality: .* declare it in my\.yaml"
    ) as told:
        read_manifest(path)
    assert str(told.value).isprintable()
    (tmp_path / "my.yaml").write_text(
        json.dumps({"modalities": {"text": {"kind": "text"}, "numbers": {"column": name}}})
    )
    assert set(read_manifest(path).columns) == {"text", "numbers"}
