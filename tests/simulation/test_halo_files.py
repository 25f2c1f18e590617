import io
import os
import pickle
import re
import shutil
import struct
import zipfile

import numpy as np
import pytest

from skastro.exceptions import DatasetFormatError, DatasetNotFoundError
from skastro.simulation import HaloCatalog, HaloCosmology

COSMOLOGY = {"Omega_M": 0.3, "Omega_B": 0.05, "Omega_L": 0.7, "h": 0.7, "ns": 0.96, "sigma8": 0.8}
NAMES = ("M", "x", "y", "z", "vx", "vy", "vz", "zhalo", "zform")
# An array of 10^15 objects, from a list of none.
ENDLESS_ARRAY = (
    b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(I0\ntS'b'\ntR"
    b"(I1\n(I1000000000000000\ntcnumpy\ndtype\n(S'O8'\nI0\nI1\ntRI00\n(ltb."
)


def content(n_haloes=5, dtype="f4"):
    rng = np.random.default_rng(0)
    arrays = {name: rng.uniform(1, 2, n_haloes).astype(dtype) for name in NAMES}
    return arrays | {"cosmo_header": np.array(COSMOLOGY, dtype=object)}


@pytest.fixture
def path(tmp_path):
    return tmp_path / "seed_12.npz"


def save(path, **others):
    np.savez(path, **(content() | others))


def replace_entry(path, name, data):
    """Write the archive anew with other bytes for one entry."""
    with zipfile.ZipFile(path) as archive:
        entries = {item: archive.read(item) for item in archive.namelist()}
    entries[f"{name}.npy"] = data
    with zipfile.ZipFile(path, "w") as archive:
        for item, value in entries.items():
            archive.writestr(item, value)


def npy_header(descr, shape):
    stream = io.BytesIO()
    header = {"descr": descr, "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(stream, header)
    return stream.getvalue()


def with_pickle(path, data):
    save(path)
    replace_entry(path, "cosmo_header", npy_header("|O", ()) + data)


def refused(path):
    with pytest.raises(DatasetFormatError, match=r"HaloCatalog.read cannot use '.*npz'") as caught:
        HaloCatalog.read(path)
    return str(caught.value)


@pytest.mark.parametrize("dtype", ["f4", "f8", ">f4"])
@pytest.mark.parametrize("compressed", [False, True])
def test_read(path, dtype, compressed):
    arrays = content(dtype=dtype)
    (np.savez_compressed if compressed else np.savez)(path, **arrays)
    catalog = HaloCatalog.read(path)
    np.testing.assert_array_equal(catalog.M, arrays["M"])
    for axis, name in enumerate("xyz"):
        np.testing.assert_array_equal(catalog.position[:, axis], arrays[name])
        np.testing.assert_array_equal(catalog.velocity[:, axis], arrays[f"v{name}"])
    np.testing.assert_array_equal(catalog.zhalo, arrays["zhalo"])
    np.testing.assert_array_equal(catalog.zcos, arrays["zform"])
    assert catalog.M.dtype == catalog.position.dtype == np.dtype(dtype).newbyteorder("=")
    expected = HaloCosmology(omega_m=0.3, omega_b=0.05, omega_l=0.7, h=0.7, ns=0.96, sigma8=0.8)
    assert catalog.cosmology == expected
    assert catalog.center == (0, 0)
    assert catalog.group == "seed_12"
    assert HaloCatalog.read(str(path), group=3).group == 3


@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize("group", [None, 12, -3, "a b"])
def test_round_trip(path, dtype, group):
    arrays = content(dtype=dtype)
    header = COSMOLOGY | {"cen_x_fov": 0.5, "cen_y_fov": -0.1}
    first = path.with_name("first.npz")
    np.savez(first, **(arrays | {"cosmo_header": np.array(header, dtype=object)}))
    catalog = HaloCatalog.read(first, group=group)
    assert catalog.center == (0.5, -0.1)
    catalog.write(path)
    with np.load(path, allow_pickle=True) as data:
        assert set(data.files) == {*arrays, "group"}
        for name in NAMES:
            assert data[name].tobytes() == arrays[name].tobytes()
            assert data[name].dtype == arrays[name].dtype
        # As limlam_mocker reads it.
        found = data["cosmo_header"][()]
        assert found == header
        assert {type(value) for value in found.values()} == {float}
    again = HaloCatalog.read(path)
    expected = "first" if group is None else group
    assert again.group == expected
    assert type(again.group) is type(expected)
    assert again.center == catalog.center
    assert again.cosmology == catalog.cosmology


def test_header_is_for_all_versions_of_numpy(path):
    save(path)
    HaloCatalog.read(path).write(path)
    with zipfile.ZipFile(path) as archive:
        entry = archive.read("cosmo_header.npy")
    assert b"cnumpy.core.multiarray\n_reconstruct" in entry
    assert b"_core" not in entry


def test_catalogue_without_a_group_takes_the_name(path):
    catalog = HaloCatalog([1], [[1, 2, 3]], [[0, 0, 0]], [2], [2])
    catalog.write(path)
    with np.load(path, allow_pickle=True) as data:
        assert "group" not in data.files
    assert HaloCatalog.read(path).group == "seed_12"


def test_writing_is_all_or_nothing(path, monkeypatch):
    save(path)
    before = path.read_bytes()
    catalog = HaloCatalog.read(path).rotate()

    def fails(file, **arrays):
        file.write(b"half")
        raise OSError("disk full")

    with monkeypatch.context() as context:
        context.setattr(np, "savez", fails)
        with pytest.raises(OSError, match="disk full"):
            catalog.write(path)
    assert path.read_bytes() == before
    assert [item.name for item in path.parent.iterdir()] == [path.name]
    with path.open("rb") as reader:
        catalog.write(path)
        assert reader.read() == before
    assert [item.name for item in path.parent.iterdir()] == [path.name]
    np.testing.assert_array_equal(HaloCatalog.read(path).position, catalog.position)


def test_name_is_kept_as_it_is(path):
    save(path)
    HaloCatalog.read(path).write(path.with_suffix(".cat"))
    assert len(HaloCatalog.read(path.with_suffix(".cat"))) == 5


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("convert", [float, np.float64, np.float32])
def test_header_of_any_protocol_and_number(path, protocol, convert):
    header = {name: convert(value) for name, value in COSMOLOGY.items()}
    with_pickle(path, pickle.dumps(np.array(header, dtype=object), protocol=protocol))
    assert HaloCatalog.read(path).cosmology.ns == float(convert(0.96))
    assert type(HaloCatalog.read(path).cosmology.ns) is float


@pytest.mark.parametrize("module", ["numpy.core.multiarray", "numpy._core.multiarray"])
def test_header_of_old_and_new_numpy(path, module):
    header = COSMOLOGY | {"h": np.float64(0.6)}
    data = pickle.dumps(np.array(header, dtype=object), protocol=2)
    for name in (b"numpy._core.multiarray", b"numpy.core.multiarray"):
        data = data.replace(b"c" + name + b"\n", b"c" + module.encode() + b"\n")
    assert module.encode() in data
    with_pickle(path, data)
    assert HaloCatalog.read(path).cosmology.h == 0.6


def test_other_keys_of_the_header_are_passed_over(path):
    header = COSMOLOGY | {"name": "run 3", "seed": 12, "list": [1, 2]}
    save(path, cosmo_header=np.array(header, dtype=object))
    assert HaloCatalog.read(path).cosmology.omega_m == 0.3


class Payload:
    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


def test_payload_is_refused_and_not_run(path, tmp_path):
    victim = tmp_path / "ran"
    for item in (
        Payload(os.system, f"touch {victim}"),
        Payload(eval, f"open({str(victim)!r}, 'w')"),
        Payload(np.save, str(victim), np.zeros(1)),
    ):
        header = COSMOLOGY | {"ns": item}
        with_pickle(path, pickle.dumps(np.array(header, dtype=object)))
        assert "which no header needs" in refused(path)
        assert not victim.exists()
        with_pickle(path, pickle.dumps(item))
        assert "which no header needs" in refused(path)
        assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (pickle.dumps([1]), "not of an object array"),
        (pickle.dumps(np.array([COSMOLOGY], dtype=object)), r"an array of shape \(1,\)"),
        (pickle.dumps(np.array("text", dtype=object)), "not of an object array"),
        (pickle.dumps(np.array({"h": np.zeros(3)}, dtype=object), protocol=2), "array of shape"),
        (pickle.dumps(np.array(COSMOLOGY, dtype=object))[:-20], "cannot be read"),
        (b"", "cannot be read"),
        (b"\x80\x04garbage", "cannot be read"),
        (b"\x80\x04N" + b"r" + struct.pack("<I", 2**31 - 1) + b".", "place 2147483647 of the memo"),
        (b"N" * 70000 + b".", "65536 bytes at most"),
        (ENDLESS_ARRAY, "array of shape"),
        (b"cnumpy\nndarray\n(I100000000000\ntR.", "not of an object array"),
        (b"c_codecs\nencode\n(S'a'\nS'bz2'\ntR.", "encodes by 'bz2'"),
        # Changing the function that is called.
        (b"c_codecs\nencode\n(dS'__defaults__'\n(tsb.", "sets the state of a function"),
        (b"cnumpy.core.multiarray\nscalar\n(cnumpy\ndtype\n(S'O8'\ntRS'aaaaaaaa'\ntR.", "'O8'"),
    ],
)
def test_other_pickles_are_refused(path, data, words):
    with_pickle(path, data)
    assert re.search(words, refused(path))


@pytest.mark.parametrize(
    ("others", "words"),
    [
        ({"h": None}, "holds None for 'h' in place of a number"),
        ({"h": "0.7"}, "holds '0.7' for 'h' in place of a number"),
        ({"h": True}, "holds a bool for 'h' in place of a number"),
        ({"h": 10**400}, "holds a int for 'h' in place of a number"),
        ({"sigma8": np.nan}, "'sigma8' parameter of HaloCosmology must be a finite number"),
        ({"Omega_M": -1}, "'omega_m' parameter of HaloCosmology"),
        ({"cen_x_fov": np.inf}, "'center' parameter of HaloCatalog must be two finite numbers"),
    ],
)
def test_header_with_other_values(path, others, words):
    save(path, cosmo_header=np.array(COSMOLOGY | others, dtype=object))
    assert words in refused(path)


def test_header_of_lists_within_lists(path):
    nested = []
    for _ in range(60):
        nested = [nested, nested]
    save(path, cosmo_header=np.array(COSMOLOGY | {"ns": nested}, dtype=object))
    assert "holds a list for 'ns'" in refused(path)


def test_header_without_a_number(path):
    header = {name: value for name, value in COSMOLOGY.items() if name != "Omega_L"}
    save(path, cosmo_header=np.array(header, dtype=object))
    assert "header 'cosmo_header' lacks ['Omega_L']" in refused(path)


def test_header_that_is_no_dict(path):
    save(path, cosmo_header=np.zeros(3))
    assert "expected a pickled dict, found float64 of shape (3,)" in refused(path)


@pytest.mark.parametrize("name", ["M", "vz", "zform", "cosmo_header"])
def test_missing_entry(path, name):
    arrays = content()
    del arrays[name]
    np.savez(path, **arrays)
    assert f"it lacks ['{name}'] and holds" in refused(path)


@pytest.mark.parametrize(
    ("others", "words"),
    [
        ({"vx": np.ones(4)}, "its arrays differ in length: {'M': 5,"),
        ({"zhalo": np.array([1, 2, np.nan, 4, 5])}, "'zhalo' parameter of HaloCatalog"),
        ({"x": np.array([1, 2, np.inf, 4, 5])}, "'position' parameter of HaloCatalog"),
        ({"M": np.array([1, 2, -3, 4, 5.0])}, "Got -3.0 at [2]"),
        ({"M": np.ones((5, 1))}, "expected numbers along one axis, found float64 of shape (5, 1)"),
        ({"M": np.ones(5, complex)}, "expected numbers along one axis, found complex128"),
        ({"M": np.array(["a"] * 5)}, "expected numbers along one axis, found <U1"),
        ({"M": np.array([COSMOLOGY] * 5, dtype=object)}, "found object of shape (5,)"),
        ({"group": np.array([1, 2])}, "'group' cannot be read"),
        ({"group": np.array(1.5)}, "expected an integer or a text"),
        ({"group": np.array({}, dtype=object)}, "expected an integer or a text"),
    ],
)
def test_damaged_arrays(path, others, words):
    save(path, **others)
    assert words in refused(path)


@pytest.mark.parametrize("shape", [(10**15,), (6,), (4,), (-5,), (0,)])
def test_shape_that_the_bytes_do_not_fill(path, shape):
    save(path)
    replace_entry(path, "M", npy_header("<f4", shape) + np.ones(5, "f4").tobytes())
    assert "its entry 'M' cannot be read" in refused(path)


def test_truncated_file(path):
    save(path)
    data = path.read_bytes()
    for n_bytes in (0, 10, len(data) // 2, len(data) - 30):
        path.write_bytes(data[:n_bytes])
        assert "it is no whole .npz file" in refused(path)


def test_damaged_bytes(path):
    save(path)
    data = bytearray(path.read_bytes())
    start = data.index(content()["M"].tobytes())
    data[start] ^= 1
    path.write_bytes(data)
    assert "its entry 'M' cannot be read (BadZipFile: Bad CRC-32" in refused(path)


def test_file_of_another_kind(path):
    with open(path, "wb") as file:
        np.save(file, np.ones(3))
    assert "it is no whole .npz file" in refused(path)


def test_absent_file(tmp_path):
    with pytest.raises(DatasetNotFoundError, match=r"found no file '.*none.npz' \(parameter path"):
        HaloCatalog.read(tmp_path / "none.npz")
    with pytest.raises(DatasetNotFoundError, match="found no file"):
        HaloCatalog.read(tmp_path)


def test_parameters_of_the_wrong_type(path):
    save(path)
    with pytest.raises(TypeError, match=r"'path' parameter of HaloCatalog.read must be a str"):
        HaloCatalog.read(3)
    with pytest.raises(TypeError, match=r"'path' parameter of HaloCatalog.write must be a str"):
        HaloCatalog.read(path).write(None)
    with pytest.raises(TypeError, match="'group' parameter of HaloCatalog must be an integer"):
        HaloCatalog.read(path, group=1.5)


def test_shipped_catalogues_come_back(data_dir, tmp_path):
    source = data_dir / "lim" / "cat_c_subfield.npz"
    if not source.is_file():
        pytest.skip(f"There is no {str(source)!r}.")
    shutil.copy(source, tmp_path / "a.npz")
    HaloCatalog.read(tmp_path / "a.npz").write(tmp_path / "b.npz")
    with (
        np.load(tmp_path / "a.npz", allow_pickle=True) as first,
        np.load(tmp_path / "b.npz", allow_pickle=True) as second,
    ):
        for name in NAMES:
            assert first[name].tobytes() == second[name].tobytes()
        header = {"Omega_M": 0.286, "Omega_B": 0.047, "Omega_L": 0.714, "h": 0.7, "ns": 0.96}
        header |= {"sigma8": 0.82, "cen_x_fov": 0.5, "cen_y_fov": -0.5}
        assert second["cosmo_header"][()] == header
