"""Real tables of CAMELS are read, and their columns brought to the same six parameters."""

import re

import numpy as np
import pytest

from skastro.datasets import load_cmd
from skastro.datasets._cmd_format import PARAMETER_NAMES
from skastro.datasets._cmd_tables import _CODE_UNITS, read_table, six_parameters
from skastro.exceptions import DatasetFormatError

FIDUCIAL = [0.3, 0.8, 1, 1, 1, 1]
CMD_TABLES = [
    ("1P", "IllustrisTNG", "", 66),
    ("BE", "IllustrisTNG", "", 27),
    ("CV", "IllustrisTNG", "", 27),
    ("EX", "IllustrisTNG", "", 4),
    ("LH", "IllustrisTNG", "", 1000),
    ("LH", "IllustrisTNG", ".with_header", 1000),
    ("LH", "SIMBA", ".with_header", 1000),
    ("1P", "Nbody_IllustrisTNG", "", 66),
    ("CV", "Nbody_IllustrisTNG", "", 27),
    ("EX", "Nbody_IllustrisTNG", "", 4),
    ("LH", "Nbody_IllustrisTNG", "", 1000),
]
SEED_TABLES = {
    "Astrid": {"1P": 35, "BE": 27, "CV": 27, "EX": 4, "LH": 1000, "SB7": 1024},
    "CROCODILE": {"1P": 126, "CV": 27, "SB26": 1024},
    "IllustrisTNG": {"1P": 140, "BE": 27, "CV": 27, "EX": 4, "LH": 1000, "SB28": 2048},
    "Magneticum": {"CV": 27, "LH": 50},
    "Obsidian": {"CV": 27},
    "Ramses": {"1P": 15, "CV": 27, "SB5": 256},
    "SIMBA": {"1P": 140, "BE": 27, "CV": 27, "EX": 4, "LH": 1000},
    "SwiftEAGLE": {"1P": 30, "CV": 27, "LH": 1000},
}


@pytest.fixture
def camels(data_dir):
    folder = data_dir / "camels"
    if not folder.is_dir():
        pytest.skip(f"No tables of CAMELS in {str(data_dir)!r}.")
    return folder


def copy(path, folder, name=None):
    (folder / (name or path.name)).write_bytes(path.read_bytes())


def write_maps(folder, field, suite, set_name, n_simulations):
    values = np.arange(15 * n_simulations * 4, dtype=np.float32).reshape(-1, 2, 2)
    np.save(folder / f"Maps_{field}_{suite}_{set_name}_z=0.00.npy", values)


@pytest.mark.parametrize(("set_name", "suite", "ending", "n_simulations"), CMD_TABLES)
def test_tables_of_cmd(camels, tmp_path, set_name, suite, ending, n_simulations):
    path = camels / "CMD_params" / f"params_{set_name}_{suite}{ending}.txt"
    copy(path, tmp_path, f"params_{set_name}_{suite}.txt")
    write_maps(tmp_path, "Mtot", suite, set_name, n_simulations)
    data = load_cmd(tmp_path, "Mtot", suite, set_name)
    expected = np.loadtxt(path)[:, : 2 if "Nbody" in suite else 6]
    np.testing.assert_array_equal(data.target, np.repeat(expected, 15, axis=0))
    assert data.maps.shape == (15 * n_simulations, 1, 2, 2)


@pytest.mark.parametrize(
    ("suite", "set_name"), [(suite, name) for suite, sets in SEED_TABLES.items() for name in sets]
)
def test_tables_with_seeds(camels, tmp_path, suite, set_name):
    path = camels / "CosmoAstroSeed" / f"CosmoAstroSeed_{suite}_L25n256_{set_name}.txt"
    copy(path, tmp_path)
    n_simulations = SEED_TABLES[suite][set_name]
    write_maps(tmp_path, "Mtot", suite, set_name, n_simulations)
    data = load_cmd(tmp_path, "Mtot", suite, set_name)
    lines = [line.split() for line in path.read_text().splitlines() if not line.startswith("#")]
    assert data.initial_conditions[::15].tolist() == [int(line[-1]) for line in lines]
    n_phases = 1 if set_name in ("1P", "BE", "EX") else n_simulations
    assert len(np.unique(data.initial_conditions)) == n_phases
    assert len(data.all_parameter_names) == data.all_parameters.shape[1] == len(lines[0]) - 2
    np.testing.assert_array_equal(data.all_parameters[::15, 1], [float(ln[2]) for ln in lines])
    if set_name in ("CV", "BE"):
        np.testing.assert_allclose(data.target, [FIDUCIAL] * 15 * n_simulations)


@pytest.mark.parametrize("set_name", ["1P", "LH", "SB7"])
def test_range_of_astrid(camels, set_name):
    path = camels / "CosmoAstroSeed" / f"CosmoAstroSeed_Astrid_L25n256_{set_name}.txt"
    target = six_parameters(read_table(path, "Astrid", set_name), "Astrid", set_name)
    assert target[:, 5].max() == pytest.approx(4, rel=2e-3)
    with pytest.raises(DatasetFormatError, match=r"A_AGN2 = .*expected 0\.5 to 2 .*another suite"):
        six_parameters(
            read_table(path, "IllustrisTNG", set_name)
            if set_name != "SB7"
            else read_table(path, "Astrid", set_name),
            "IllustrisTNG",
            set_name,
        )


def test_old_and_present_1P_are_the_same_variations(camels):
    old = camels / "CMD_params" / "params_1P_IllustrisTNG.txt"
    new = camels / "CosmoAstroSeed" / "CosmoAstroSeed_IllustrisTNG_L25n256_1P.txt"
    old, new = (
        six_parameters(read_table(path, "IllustrisTNG", "1P"), "IllustrisTNG", "1P")
        for path in (old, new)
    )
    assert (len(old), len(new)) == (66, 140)
    for column in range(6):
        spread = [
            t[(t != FIDUCIAL).any(axis=1) & (t[:, column] != FIDUCIAL[column])] for t in (old, new)
        ]
        assert [len(t) for t in spread] == [10, 4]
        for t in spread:
            others = np.delete(t, column, axis=1)
            np.testing.assert_allclose(others, [np.delete(FIDUCIAL, column)] * len(t))
        for end in (np.min, np.max):
            np.testing.assert_allclose(*[end(t[:, column]) for t in spread], rtol=1e-6)
    assert (new == FIDUCIAL).all(axis=1).sum() == 140 - 4 * 6


def test_present_1P_keeps_its_28_columns(camels, tmp_path):
    path = camels / "CosmoAstroSeed" / "CosmoAstroSeed_IllustrisTNG_L25n256_1P.txt"
    header, *rows = path.read_text().splitlines()
    values = np.array([[float(token) for token in row.split()[1:-1]] for row in rows])
    np.savetxt(tmp_path / "params_1P_IllustrisTNG.txt", values, fmt="%.10g")
    write_maps(tmp_path, "HI", "IllustrisTNG", "1P", 140)
    data = load_cmd(tmp_path, "HI", set="1P")
    np.testing.assert_allclose(data.all_parameters, np.repeat(values, 15, axis=0))
    assert data.target.shape == (2100, 6)
    np.testing.assert_allclose(data.target[:, 5], data.all_parameters[:, 5] / 20)
    np.testing.assert_allclose(data.target[:, 2], data.all_parameters[:, 2] / 3.6)
    named = [name.replace("Reior", "Reor") for name in header.split()[1:-1]]
    assert data.all_parameter_names == named
    assert set(data.initial_conditions) == {0}


@pytest.mark.parametrize(("n_maps", "table"), [(66, "new"), (140, "old")])
def test_old_maps_are_not_mixed_with_the_present_table(camels, tmp_path, n_maps, table):
    if table == "old":
        copy(camels / "CMD_params" / "params_1P_IllustrisTNG.txt", tmp_path)
    else:
        name = "CosmoAstroSeed_IllustrisTNG_L25n256_1P.txt"
        copy(camels / "CosmoAstroSeed" / name, tmp_path)
    write_maps(tmp_path, "HI", "IllustrisTNG", "1P", n_maps)
    message = r"holds \d+ maps; expected \d+.*66 simulations and six columns.*140 and 28"
    with pytest.raises(DatasetFormatError, match=message):
        load_cmd(tmp_path, "HI", set="1P")


def test_columns_without_header_are_those_of_the_documented_ones(camels):
    for suite, set_name, headed in (
        ("IllustrisTNG", "SB28", "1P"),
        ("CROCODILE", "SB26", "1P"),
        ("SIMBA", "1P", "1P"),
    ):
        folder = camels / "CosmoAstroSeed"
        path = folder / f"CosmoAstroSeed_{suite}_L25n256_{headed}.txt"
        named = path.read_text().splitlines()[0].lstrip("# ").split()[1:-1]
        path = folder / f"CosmoAstroSeed_{suite}_L25n256_{set_name}.txt"
        found = read_table(path, suite, set_name).names
        assert [name.replace("Reior", "Reor") for name in named] == [
            name.replace("Reior", "Reor") for name in found
        ]


SHORT_NAMES = {"ASN1": "A_SN1", "AAGN1": "A_AGN1", "AGN1": "A_AGN1", "ASN2": "A_SN2"}
SHORT_NAMES |= {"AAGN2": "A_AGN2", "AGN2": "A_AGN2"}


@pytest.mark.parametrize(
    ("suite", "name"),
    [
        ("IllustrisTNG", "Info_IllustrisTNG_L25n256_28params.txt"),
        ("SIMBA", "Info_SIMBA_L25n256_28params.csv"),
        ("CROCODILE", "Info_crocodile_L25n256_26params.csv"),
        ("Ramses", "Info_Ramses_L25n256_5params.csv"),
    ],
)
def test_names_and_fiducial_values_are_those_of_the_info_tables(camels, suite, name):
    header, *lines = (camels / "CosmoAstroSeed" / name).read_text().splitlines()
    titles = [title.strip() for title in header.split(",")]
    column = titles.index("Fid" if "Fid" in titles else "FiducialVal")
    expected = {}
    for row in (re.split(r"\s*,\s*", line) for line in lines):
        short = re.findall("A?(?:SN|AGN)[12]", f"{row[0]} {row[-1]}")
        if short:
            expected[row[0]] = (SHORT_NAMES[short[0]], float(row[column]))
    assert {parameter for parameter, _ in expected.values()} == set(PARAMETER_NAMES[2:])
    found = {title.replace("Reior", "Reor"): value for title, value in _CODE_UNITS[suite].items()}
    assert found == expected


@pytest.mark.parametrize("suite", ["SIMBA", "CROCODILE"])
def test_columns_in_units_of_the_code_by_hand(camels, suite):
    path = camels / "CosmoAstroSeed" / f"CosmoAstroSeed_{suite}_L25n256_1P.txt"
    rows = [line.split() for line in path.read_text().splitlines() if not line.startswith("#")]
    values = np.array([[float(token) for token in row[1:7]] for row in rows])
    order, fiducial = {
        "SIMBA": ([0, 1, 2, 3, 4, 5], [1, 1, 1, 20, 1.6, 7000]),
        "CROCODILE": ([0, 1, 2, 4, 3, 5], [1, 1, 1, 1, 1, 3.16e8]),
    }[suite]
    target = six_parameters(read_table(path, suite, "1P"), suite, "1P")
    np.testing.assert_allclose(target, values[:, order] / fiducial)


def test_all_parameters_of_chosen_simulations(camels, tmp_path):
    path = camels / "CosmoAstroSeed" / "CosmoAstroSeed_IllustrisTNG_L25n256_SB28.txt"
    lines = [line.split() for line in path.read_text().splitlines() if not line.startswith("#")]
    write_maps(tmp_path, "HI", "IllustrisTNG", "SB28", 2048)
    data = load_cmd(tmp_path, "HI", set="SB28", simulations=[2047, 3], params_file=path)
    rows = [[float(token) for token in lines[i][1:-1]] for i in (2047, 3)]
    np.testing.assert_array_equal(data.all_parameters, np.repeat(rows, 15, axis=0))
    assert data.all_parameters.shape == (30, 28)
    assert data.initial_conditions[::15].tolist() == [int(lines[i][-1]) for i in (2047, 3)]


def test_sets_share_seeds_as_the_description_says(camels):
    seeds = {
        name: read_table(
            camels / "CosmoAstroSeed" / f"CosmoAstroSeed_IllustrisTNG_L25n256_{name}.txt",
            "IllustrisTNG",
            name,
        ).seeds
        for name in ("CV", "LH", "1P", "BE")
    }
    assert np.isin(seeds["CV"], seeds["LH"]).sum() == 24
    for name in ("1P", "BE"):
        assert np.isin(seeds[name], seeds["LH"]).all()


def test_relative_values_in_a_table_of_code_units_are_refused(tmp_path, write_cmd):
    write_cmd(n_simulations=1, set_name="SB28")
    np.savetxt(tmp_path / "params_SB28_IllustrisTNG.txt", [[0.3, 0.8, *[1.0] * 26]])
    with pytest.raises(DatasetFormatError, match=r"A_SN2 = 0\.135135 .*another order or unit"):
        load_cmd(tmp_path, "HI", set="SB28")
