"""Small made-up files of the data sets, with axes of unequal lengths where they can be."""

import h5py
import numpy as np
import pytest

FIELD_UNITS = {"density": "dimensionless", "xHI": "dimensionless", "brightness_temp": "mK"}


def write_slices(path, seed):
    """Write a file of 2 f_esc, 3 redshifts and 4 slices of 5 x 5 cells."""
    rng = np.random.default_rng(seed)
    with h5py.File(path, "w") as file:
        for name, unit in FIELD_UNITS.items():
            shape = (3, 4, 5, 5) if name == "density" else (2, 3, 4, 5, 5)
            values = rng.random(shape).astype(np.float16)
            file.create_dataset(name, data=values).attrs["units"] = unit
        file["redshift"] = [7.0, 8.0, 9.0]
        file["f_esc"] = [0.1, 0.3]
        file["slice_index"] = [0, 2, 4, 6]
        file["mean_xHI"] = rng.random((2, 3))
        file.attrs.update(random_seed=seed, n_cells=5, box_len_Mpc=10.0, cell_Mpc=2.0)


@pytest.fixture
def fake_folder(tmp_path):
    """Folder with two good files, of the seeds 7 and 12."""
    for seed in (7, 12):
        write_slices(tmp_path / f"reion_slices_seed{seed:04d}.h5", seed)
    return tmp_path


@pytest.fixture
def write_cmd(tmp_path):
    """Write files of CMD as small as wanted; returns the arrays by field, and the table."""

    def write(fields=("Mgas", "HI"), n=8, n_simulations=6, suite="IllustrisTNG", set_name="LH"):
        rng = np.random.default_rng(n_simulations)
        arrays = {}
        for field in fields:
            arrays[field] = rng.random((15 * n_simulations, n, n), dtype=np.float32)
            np.save(tmp_path / f"Maps_{field}_{suite}_{set_name}_z=0.00.npy", arrays[field])
        low, high = [0.1, 0.6, 0.25, 0.25, 0.5, 0.5], [0.5, 1.0, 4.0, 4.0, 2.0, 2.0]
        table = rng.uniform(low, high, (n_simulations, 6)).round(5)
        np.savetxt(tmp_path / f"params_{set_name}_{suite}.txt", table, fmt="%.5f")
        return arrays, table

    return write


@pytest.fixture
def write_raw():
    """Write a raw box of 21cmFAST 1 or 2 by its name; returns its values."""

    def write(folder, name, n=6, seed=0):
        folder.mkdir(parents=True, exist_ok=True)
        values = np.random.default_rng([seed, len(name)]).random((n, n, n), dtype=np.float32)
        values.astype("<f4").tofile(folder / name)
        return values

    return write


ASTRO = {"F_ESC10": -1.0, "F_STAR10": -1.3, "X_RAY_Tvir_MIN": "none"}
SIZE = {"HII_DIM": 6, "BOX_LEN": 9.0, "NON_CUBIC_FACTOR": 1.0, "N_THREADS": 1}
STRUCTS = {
    "PerturbedField": {"density": "density", "velocity_z": "velocity_z"},
    "IonizedBox": {"xHI": "xH_box"},
    "BrightnessTemp": {"brightness_temp": "brightness_temp"},
}


def _groups(parent, groups):
    for name, attributes in groups.items():
        parent.create_group(name).attrs.update(attributes)


def _random(rng, size):
    n = size["HII_DIM"]
    return rng.random((n, n, int(n * size.get("NON_CUBIC_FACTOR", 1))), dtype=np.float32)


@pytest.fixture
def write_v3():
    """Write structs of 21cmFAST 3 into one file; returns the values by field."""

    def write(path, structs=tuple(STRUCTS), z=7.5, seed=77, astro=(), size=(), flags=(), more=()):
        path.parent.mkdir(parents=True, exist_ok=True)
        size = SIZE | dict(size)
        rng = np.random.default_rng([*path.name.encode(), int(10 * z), seed])
        values = {}
        with h5py.File(path, "w") as file:
            file.attrs.update(redshift=z, random_seed=seed, version="3.4.0")
            _groups(file, {"user_params": size, "cosmo_params": {"OMm": 0.3}} | dict(more))
            if structs != ("PerturbedField",):
                astro_params, flag_options = ASTRO | dict(astro), {"APPLY_RSDS": True} | dict(flags)
                _groups(file, {"astro_params": astro_params, "flag_options": flag_options})
            for struct in structs:
                for field, name in STRUCTS[struct].items():
                    values[field] = _random(rng, size)
                    file[f"{struct}/{name}"] = values[field]
        return values

    return write


@pytest.fixture
def write_v4():
    """Write structs of 21cmFAST 4 into one file; returns the values by field."""

    def write(path, structs=tuple(STRUCTS), z=7.5, seed=77, astro=(), size=(), matter=()):
        path.parent.mkdir(parents=True, exist_ok=True)
        size = SIZE | dict(size)
        rng = np.random.default_rng([*path.name.encode(), int(10 * z), seed])
        astro = {"F_ESC10_ACG": -1.0, "F_STAR10_ACG": -1.3} | dict(astro)
        matter = {"SOURCE_MODEL": "E-INTEGRAL", "USE_FFTW_WISDOM": False} | dict(matter)
        values = {}
        with h5py.File(path, "w") as file:
            file.attrs["21cmFAST-version"] = "4.3.1"
            for struct in structs:
                group = file.create_group(struct)
                group.attrs["redshift"] = z
                inputs = group.create_group("InputParameters")
                inputs.attrs["random_seed"] = seed
                parameters = {"simulation_options": size, "matter_options": matter}
                parameters |= {"cosmo_params": {"OMm": 0.3}, "astro_params": astro}
                _groups(inputs, parameters | {"astro_options": {"USE_TS_FLUCT": False}})
                for field, old_name in STRUCTS[struct].items():
                    name = "neutral_fraction" if field == "xHI" else old_name
                    values[field] = _random(rng, size)
                    group[f"OutputFields/{name}"] = values[field]
        return values

    return write
