"""Fixtures shared by all tests."""

import copy
import os
from pathlib import Path

import pytest

_STATES = {}


def pytest_collection_modifyitems(items):
    """Note the state of the generator RNG of each module of tests."""
    for item in items:
        rng = getattr(getattr(item, "module", None), "RNG", None)
        if rng is not None:
            _STATES.setdefault(item.module.__name__, copy.deepcopy(rng.bit_generator.state))


@pytest.fixture(autouse=True)
def equal_draws(request):
    """Give each test the same draws from RNG, whichever tests ran before it."""
    module = getattr(request, "module", None)
    state = _STATES.get(getattr(module, "__name__", None))
    if state is not None:
        module.RNG.bit_generator.state = copy.deepcopy(state)


@pytest.fixture(scope="session")
def data_dir():
    """Folder with the full data sets, which the repository does not ship."""
    beside_the_repository = Path(__file__).parents[2] / "shared" / "data"
    folder = Path(os.environ.get("SKASTRO_DATA") or beside_the_repository)
    if not folder.is_dir():
        pytest.skip(
            f"The full data sets are not at {str(folder)!r}. Set the environment variable "
            "SKASTRO_DATA to the folder that holds them."
        )
    return folder


@pytest.fixture
def interrupt(monkeypatch):
    """Break off training in a step of some number, counted from now on."""
    from skastro.neural_network._skorch import MapNet

    left = []
    step = MapNet.train_step

    def broken(self, batch, **fit_params):
        if left:
            left[0] -= 1
            if not left[0]:
                left.clear()
                raise KeyboardInterrupt
        return step(self, batch, **fit_params)

    monkeypatch.setattr(MapNet, "train_step", broken)
    return left.append
