"""What notebooks show of Bunches and lazy maps."""

import base64
import io
import re

import h5py
import numpy as np
import pytest
from astropy import units

from skastro.datasets import load_reionization_slices
from skastro.maps import MapBunch, open_maps
from skastro.preprocessing import SignedLog

RNG = np.random.default_rng(0)


def pictures(html):
    """Pixels of the pictures in a piece of HTML."""
    image = pytest.importorskip("matplotlib.image")
    codes = re.findall(r"base64,([^\"]+)", html)
    return [image.imread(io.BytesIO(base64.b64decode(code))) for code in codes]


def cells(html):
    """Names and texts of the rows of the table."""
    return dict(re.findall(r"<tr><th[^>]*>(.*?)</th><td[^>]*>(.*?)</td></tr>", html))


def test_bunch_shows_shape_units_groups_and_a_picture():
    """The shipped slices, as a newcomer meets them."""
    html = load_reionization_slices()._repr_html_()
    rows = cells(html)
    assert rows["maps"].startswith("612 x 2 x 64 x 64 float32")
    assert rows["groups"].startswith("6 simulations of 102 samples: 1001,")
    assert rows["units"] == "no unit, mK"
    assert rows["target_names"].startswith("z=6.0, z=6.5,")
    assert rows["redshift"] == "612 float64, 6 to 14"
    assert "DESCR" not in rows
    assert [image.shape[:2] for image in pictures(html)] == [(64, 64)] * 2


def test_unequal_groups_are_counted():
    """The numbers of samples of the smallest and of the greatest simulation."""
    data = MapBunch(maps=np.zeros((3, 4, 5)), groups=np.array(["b", "a", "b"]))
    assert cells(data._repr_html_())["groups"] == "2 simulations of 1 to 2 samples: a, b"


def test_quantities_and_dictionaries_keep_their_units():
    """Entries that are neither arrays nor lists."""
    entries = {"low": 1.5, "high": np.arange(3.0)}
    data = MapBunch(maps=np.zeros((1, 4, 4)), noise=3.0 * units.mK, about=entries, name=None)
    rows = cells(data._repr_html_())
    assert rows["noise"] == "3.0 mK"
    assert rows["about"] == "{low: 1.5, high: 0.0, 1.0, 2.0}"
    assert rows["name"] == "None"


def test_html_is_escaped():
    """Names from files are text and nothing else."""
    html = MapBunch(maps=np.zeros((1, 4, 4)), field_names=["<script>alert(1)</script>"])
    assert "<script>" not in html._repr_html_()


def test_bunch_without_maps():
    """What has no maps has no picture."""
    html = MapBunch(target=np.arange(20))._repr_html_()
    assert cells(html) == {"target": "20 int64, 0 to 19"}
    assert "<img" not in html


def test_lazy_maps_show_source_unit_and_transforms(tmp_path):
    """A file, some of its rows, and what is still to be applied."""
    with h5py.File(tmp_path / "maps.h5", "w") as file:
        file["brightness"] = RNG.normal(size=(6, 2, 7, 8)).astype("float32")
        file["brightness"].attrs["units"] = "mK"
    maps = SignedLog(scale=0.5).fit_transform(open_maps(tmp_path / "maps.h5"))[1:4]
    html = maps._repr_html_()
    rows = cells(html)
    assert rows["shape"] == "3 x 2 x 7 x 8"
    assert rows["unit in the file"] == "mK"
    assert "3 of 6 rows" in rows["source"]
    assert rows["then"] == "SignedLog(scale=0.5)"
    assert rows["size"] == "1.34 kB once read"
    assert len(pictures(html)) == 2


def test_picture_has_the_first_axis_to_the_right():
    """A single bright cell is where the displays would draw it."""
    maps = np.zeros((1, 8, 9))
    maps[0, 7, 0] = 1.0
    (image,) = pictures(MapBunch(maps=maps)._repr_html_())
    assert image.shape[:2] == (9, 8)
    assert np.argwhere((image != image[0, 0]).any(axis=-1)).tolist() == [[8, 7]]


def test_large_maps_are_thinned_and_cubes_cut():
    """A picture has at most 96 cells a side."""
    (image,) = pictures(MapBunch(maps=np.zeros((1, 300, 200)))._repr_html_())
    assert image.shape[:2] == (50, 75)
    images = pictures(open_maps(RNG.normal(size=(1, 6, 4, 7, 8)))._repr_html_())
    assert [image.shape[:2] for image in images] == [(8, 7)] * 4


def test_a_file_that_is_gone_breaks_nothing(tmp_path):
    """The table stays, with the reason in place of the picture."""
    np.save(tmp_path / "maps.npy", np.zeros((3, 4, 4), dtype="float32"))
    maps = open_maps(tmp_path / "maps.npy")
    (tmp_path / "maps.npy").unlink()
    html = maps._repr_html_()
    assert cells(html)["shape"] == "3 x 4 x 4"
    assert "no picture" in html


@pytest.mark.parametrize("values", [np.nan, np.inf, 0.0, 1e30])
def test_values_that_cannot_be_scaled(values):
    """Constant, empty or broken maps have a picture all the same."""
    maps = np.full((1, 4, 4), values, dtype="float32")
    assert len(pictures(MapBunch(maps=maps)._repr_html_())) == 1
    assert "<img" not in MapBunch(maps=maps[:0])._repr_html_()
