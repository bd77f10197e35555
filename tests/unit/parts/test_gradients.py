import torch

from equimodal.parts.gradients import Room

CPU = torch.device("cpu")


def test_room_is_given_again_and_grows_and_changes_its_type():
    room = Room()
    first, second = room.vectors(2, 3, dtype=torch.float32, device=CPU)
    first.fill_(1)
    second.fill_(2)
    assert first.tolist() == [1, 1, 1]  # they do not overlap

    (again,) = room.vectors(1, 4, dtype=torch.float32, device=CPU)
    assert again.data_ptr() == first.data_ptr()
    (longer,) = room.vectors(1, 7, dtype=torch.float32, device=CPU)
    assert len(longer) == 7
    (double,) = room.vectors(1, 7, dtype=torch.float64, device=CPU)
    assert double.dtype == torch.float64
