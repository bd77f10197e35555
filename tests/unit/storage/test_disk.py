import errno
import re

import pytest

from equimodal.storage.disk import DATA_ROOT, OUT, disk_error

REFUSED = r"'some/place' cannot be written \(why\); make the folder writable .* one with {}\.$"
USELESS = r"'some/place' cannot be used \(why\); check {}\.$"


@pytest.mark.parametrize("option", [OUT, DATA_ROOT])
@pytest.mark.parametrize(("number", "said"), [(errno.EACCES, REFUSED), (errno.ENOTDIR, USELESS)])
def test_an_error_names_the_place_the_reason_and_what_to_change(number, said, option):
    found = disk_error(OSError(number, "why"), "some/place", option)

    assert re.search(said.format(option), str(found))


@pytest.mark.parametrize(
    ("option", "again"),
    [(OUT, "command with --resume: what is finished is kept"), (DATA_ROOT, "what came so far")],
)
def test_a_full_disk_says_how_to_go_on(option, again):
    found = str(disk_error(OSError(errno.ENOSPC, "why"), "some/place", option))

    assert found.startswith("There is no space left to write 'some/place' (why); ")
    assert again in found
