"""Star-formation rates that are computed once for a catalogue, and the same as ever."""

import gc

import numpy as np
import pytest
from sklearn.base import clone

from skastro.simulation import HaloCatalog, Li16, SFRTable, Silva15
from skastro.simulation._luminosity_star_formation import _LOG_RATES
from skastro.simulation._star_formation import RateGrid


def make_catalog(n=500, seed=0):
    """Haloes at random, all of them on the line of sight."""
    rng = np.random.default_rng(seed)
    z = rng.uniform(2.4, 3.4, size=n)
    position = np.stack([np.zeros(n), np.zeros(n), 6000 * np.ones(n)], axis=1)
    return HaloCatalog(10 ** rng.uniform(10.5, 13, n), position, np.zeros((n, 3)), z, z)


@pytest.fixture
def calls(monkeypatch):
    """Owners for which rates were interpolated."""
    seen = []
    interpolate = RateGrid.__call__

    def counted(self, owner, M, z):
        seen.append(owner)
        return interpolate(self, owner, M, z)

    monkeypatch.setattr(RateGrid, "__call__", counted)
    return seen


@pytest.fixture
def table(tmp_path):
    """A table of rates that rise with mass and redshift."""
    path = tmp_path / "rates.dat"
    lines = [
        f"{1 + z} {m} {m - 11 + 0.1 * z}" for m in np.linspace(10, 14, 5) for z in (2.0, 3.0, 4.0)
    ]
    path.write_text("\n".join(lines))
    return SFRTable(path)


@pytest.mark.parametrize("kind", [Li16, Silva15])
@pytest.mark.parametrize("with_table", [False, True])
def test_rates_are_kept(kind, with_table, table, calls):
    """Many draws interpolate once, and have the bits of a catalogue that is new each time."""
    model = kind(sfr=table if with_table else None)
    catalog = make_catalog()
    for seed in range(3):
        drawn = clone(model).set_params(sigma_sfr=0.1 * seed)
        kept = drawn.luminosity(catalog, random_state=seed)
        assert len(calls) == 1 + seed
        np.testing.assert_array_equal(kept, drawn.luminosity(make_catalog(), random_state=seed))
    assert len(calls) == 4


def test_catalogues_and_relations_are_apart(table, calls):
    """Another catalogue, a part of it, and another relation have rates of their own."""
    catalog = make_catalog()
    Li16().luminosity(catalog)
    Li16(sfr=table).luminosity(catalog)
    part = catalog.select(np.arange(7))
    assert len(Li16(sigma_sfr=0, sigma_lco=0).luminosity(part)) == 7
    assert len(calls) == 3


def test_functions_of_the_user_are_called_each_time():
    """What may change is not kept."""
    factor = [1.0]
    model = Li16(0, 1, 0, 0, 0, sfr=lambda M, z: factor[0] * M / 1e10)
    catalog = make_catalog()
    before = model.luminosity(catalog)
    factor[0] = 2.0
    np.testing.assert_allclose(model.luminosity(catalog), 2 * before, rtol=1e-12)


def test_rates_go_with_the_catalogue():
    """Nothing stays of a catalogue that is gone."""
    gc.collect()
    before = len(_LOG_RATES)
    catalog = make_catalog()
    Li16().luminosity(catalog)
    assert len(_LOG_RATES) == before + 1
    del catalog
    gc.collect()
    assert len(_LOG_RATES) == before
