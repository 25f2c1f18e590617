"""Luminosity functions."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from skastro.simulation import LUMINOSITY_EDGES, luminosity_function

NAMES = ["a_li", "a_li_alt", "a_li_noscatter", "a_padmanabhan", "c_subfield_li_noscatter"]


@pytest.mark.parametrize("name", NAMES)
def test_counts_agree_with_limlam_mocker(limlam, name):
    found, _, _ = limlam(name)
    volume = float(found.volume_Mpc3)
    assert_allclose(LUMINOSITY_EDGES, found.L_edges, rtol=1e-14)
    assert_array_equal(luminosity_function(found.halo_L), found.dN)
    assert_array_equal(luminosity_function(found.halo_L, kind="cumulative"), found.N_gt_L)
    density = luminosity_function(found.halo_L, kind="dn_dlogl", volume=volume)
    assert_allclose(density, found.dn_dlog10L, rtol=1e-12)


def test_bins_by_hand():
    edges = np.array([1.0, 10.0, 100.0, 1e4])
    L = [0.5, 1.0, 9.9, 10.0, 99.0, 100.0, 1e4, 2e4]
    assert_array_equal(luminosity_function(L, edges), [2, 2, 2])
    assert_array_equal(luminosity_function(L, edges, "cumulative"), [6, 4, 2])
    assert_allclose(luminosity_function(L, edges, "dn_dlogl", volume=4.0), [0.5, 0.5, 0.25])
    expected = [2 / 36, 2 / 360, 2 / 39600]
    assert_allclose(luminosity_function(L, edges, "phi", volume=4.0), expected)
    assert luminosity_function(L, edges).dtype == np.int64


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"kind": "dN"}, "'kind'"),
        ({"L": [1.0, np.nan]}, "'L'"),
        ({"L": [[1.0]]}, "'L'"),
        ({"edges": [1.0]}, "'edges'"),
        ({"edges": [1.0, 1.0]}, "'edges'"),
        ({"edges": [0.0, 1.0], "kind": "dn_dlogl", "volume": 1.0}, "'edges'"),
        ({"kind": "phi"}, "'volume'.*Mpc"),
        ({"kind": "dn_dlogl", "volume": 0.0}, "'volume'"),
    ],
)
def test_wrong_parameters(change, match):
    with pytest.raises(ValueError, match=match):
        luminosity_function(**({"L": [1e4], "edges": [1e3, 1e5]} | change))
