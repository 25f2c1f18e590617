"""Weights of modules are drawn from torch's global generator, which tests leave as it was."""

import pytest
import torch


@pytest.fixture(autouse=True)
def _seeded_weights():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        yield
