"""Weights of modules are drawn from torch's global generator, which tests leave as it was."""

import pytest
import torch


@pytest.fixture(autouse=True)
def _seeded_weights():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        yield


@pytest.fixture
def build():
    """What builds a module in float64 and evaluation mode, with none of its weights zero."""

    def make(net, map_shape, n_outputs=1, **parameters):
        torch.manual_seed(0)
        net = type(net)(**net.get_params() | parameters)
        module = net.build(map_shape, n_outputs).double().eval()
        for weights in module.parameters():
            if not weights.any():
                torch.nn.init.normal_(weights, std=0.3)
        return module

    return make
