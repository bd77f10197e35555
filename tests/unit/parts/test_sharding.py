"""Units of sharded parameters, in a group of one process: the layouts, not the division."""

import copy

import pytest
import torch
import torch.distributed as dist
from torch import nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard

from contract.models import Conv1D
from equimodal.balancing.updates.edits import GradientEdits
from equimodal.parts.sharding import local
from equimodal.parts.unit_table import UnitTable
from equimodal.parts.units import find_units


class Attention(nn.Module):
    """Four heads of width 2, in the given projections."""

    def __init__(self, **layers):
        super().__init__()
        self.num_heads, self.head_dim = 4, 2
        for name, layer in layers.items():
            self.add_module(name, layer)


LAYERS = {
    "rows": lambda: nn.Linear(3, 8),
    "columns": lambda: Conv1D(3, 8),
    "transposed convolution": lambda: nn.ConvTranspose2d(3, 8, 2),
    "heads in stacked rows": lambda: Attention(qkv=nn.Linear(3, 24)),
    "heads in stacked columns": lambda: Attention(c_attn=Conv1D(8, 24)),
    "heads in blocks of rows": lambda: Attention(query_key_value=nn.Linear(3, 24)),
    "heads that share": lambda: Attention(
        q_proj=nn.Linear(3, 8), k_proj=nn.Linear(3, 4), v_proj=nn.Linear(3, 4)
    ),
}


@pytest.fixture(scope="module")
def mesh(tmp_path_factory):
    patch = pytest.MonkeyPatch()
    patch.setenv("GLOO_SOCKET_IFNAME", "lo")
    meeting = tmp_path_factory.mktemp("gloo") / "meeting"
    dist.init_process_group("gloo", init_method=f"file://{meeting}", rank=0, world_size=1)
    try:
        yield init_device_mesh("cpu", (1,))
    finally:
        dist.destroy_process_group()
        patch.undo()


def gradients(model):
    for seed, parameter in enumerate(model.parameters()):
        draw = torch.Generator().manual_seed(seed)
        parameter.grad = torch.randn(parameter.shape, generator=draw)


@pytest.mark.parametrize("kind", LAYERS)
def test_importances_and_masked_gradients_are_those_of_the_whole_parameter(kind, mesh):
    plain = LAYERS[kind]()
    sharded = fully_shard(copy.deepcopy(plain), mesh=mesh)
    gradients(plain)
    for mine, theirs in zip(sharded.parameters(), plain.parameters(), strict=True):
        mine.grad = torch.distributed.tensor.distribute_tensor(theirs.grad, mesh, mine.placements)
    tables = [UnitTable({"a": find_units(x)}) for x in (sharded, plain)]

    found, expected = (table.importance() for table in tables)
    assert torch.allclose(found, expected)
    masks = torch.linspace(0, 1, expected.numel()).view_as(expected)
    for table in tables:
        GradientEdits().scale_units(table.factors(masks))
    for mine, theirs in zip(sharded.parameters(), plain.parameters(), strict=True):
        assert torch.equal(local(mine.grad), theirs.grad)
