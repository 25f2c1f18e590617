import pytest

from skastro.simulation._grid import PeriodicGrid


@pytest.fixture(scope="package")
def grid():
    return PeriodicGrid(16, 25.0)
