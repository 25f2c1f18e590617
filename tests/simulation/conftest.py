import json
from types import SimpleNamespace

import numpy as np
import pytest

from skastro.simulation import HaloCatalog, IntensityMapper
from skastro.simulation._grid import PeriodicGrid


@pytest.fixture(scope="package")
def grid():
    return PeriodicGrid(16, 25.0)


@pytest.fixture(scope="session")
def haloes():
    """Make haloes with just what models and mappers read."""

    def make(M, zhalo=None, ra=None, dec=None, chi=None):
        M = np.asarray(M)
        values = {"zhalo": (zhalo, 3.0), "ra": (ra, 0.0), "dec": (dec, 0.0), "chi": (chi, 6000.0)}
        columns = {
            name: np.full(M.shape, usual) if given is None else np.asarray(given, dtype=float)
            for name, (given, usual) in values.items()
        }
        return SimpleNamespace(M=M, **columns)

    return make


@pytest.fixture
def colossus():
    """A cosmology of colossus of the default parameters, made apart from that of the library."""
    from colossus.cosmology import cosmology

    before = cosmology.current_cosmo
    parameters = {"H0": 70, "Om0": 0.286, "Ob0": 0.047, "sigma8": 0.82, "ns": 0.96}
    yield cosmology.setCosmology("check", flat=True, relspecies=False, persistence="", **parameters)
    cosmology.setCurrent(before)


@pytest.fixture
def limlam(data_dir):
    """Read a map of limlam_mocker: what it holds, the mapper of its shape, and its haloes."""
    folder = data_dir / "lim"
    if not folder.is_dir():
        pytest.skip(f"There are no maps of limlam_mocker in {str(folder)!r}; see SKASTRO_DATA.")
    catalogues = {"a": "cat_a.npz", "b": "cat_b.npz", "c": "cat_c_subfield.npz"}

    def read(name):
        with np.load(folder / f"map_{name}.npz") as file:
            found = dict(file)
        asked = json.loads(str(found["parameters_json"]))
        mapper = IntensityMapper(
            (asked["fov_x"], asked["fov_y"]),
            (asked["npix_x"], asked["npix_y"]),
            found["nu_binedges"],
            line=asked["nu_rest"],
            units=asked["units"],
        )
        catalog = HaloCatalog.read(folder / catalogues[name[0]])
        heavy = asked["min_mass"] < catalog.M
        catalog = catalog.select(mapper.contains(catalog) & heavy)
        catalog = catalog.select(np.argsort(catalog.M)[::-1])
        assert len(catalog) == asked["n_halo"]
        return SimpleNamespace(**found), mapper, catalog

    return read
