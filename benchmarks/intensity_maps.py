"""Intensity maps of halo catalogues: limlam_mocker and IntensityMapper, in turn, on one thread.

Both go from the catalogue's file by the cut in mass and field and the luminosities of Li et al.
(2016) with scatter to a cube of temperatures in memory. Each has read the table of star-formation
rates that limlam_mocker comes with before the clock starts. Then both make further maps of the
catalogue that they hold, cut and in the order of falling mass, as for a training set: new
luminosities, scatter of the rates included, and a new cube.
"""

import argparse
import statistics
import sys
import tempfile
import time
import types
from functools import partial
from pathlib import Path

import numpy as np

from skastro.simulation import HaloCatalog, IntensityMapper, Li16, SFRTable
from skastro.utils import keep_freed_memory

REST, BAND, CHANNELS, FOV, PIXELS, MINIMUM = 115.27, (34.0, 26.0), 100, 1.4, 256, 2.5e10


def arguments():
    """Options of the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("catalogues", nargs="+", type=Path, help="files of the peak-patch layout")
    parser.add_argument("--limlam", type=Path, required=True, help="folder of limlam_mocker")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--haloes", type=int, help="draw as many haloes from the first catalogue")
    parser.add_argument("--keep-memory", action="store_true", help="keep freed memory, for both")
    return parser.parse_args()


def import_peer(folder):
    """Import limlam_mocker, with what it misses in today's NumPy put in its place."""
    import matplotlib as mpl

    mpl.use("Agg")
    np.load = partial(np.load, allow_pickle=True)
    sys.path.insert(0, str(folder))
    import limlam_mocker
    from limlam_mocker import load_halos

    def cull(halos, min_mass, mapinst):
        original = load_halos.empty_table()
        for name, values in vars(halos).items():
            setattr(original, name, Tolerant(values) if np.ndim(values) else values)
        return original_cull(original, min_mass, mapinst)

    original_cull = limlam_mocker.cull_peakpatch_catalogue
    limlam_mocker.cull_peakpatch_catalogue = cull
    return limlam_mocker


class Tolerant(np.ndarray):
    """Array that takes a list of one index array for that array, as NumPy did before 1.23."""

    def __new__(cls, values):
        return np.asarray(values).view(cls)

    def __getitem__(self, rows):
        if isinstance(rows, list) and len(rows) == 1:
            rows = np.asarray(rows[0])
        return np.asarray(self)[rows].view(type(self))


def peer(limlam, path, laps):
    """Cube of limlam_mocker, shape (n_ra, n_dec, n_frequencies), and how to make another."""
    params = types.SimpleNamespace(
        map_output_file="",
        nmaps=CHANNELS,
        fov_x=FOV,
        fov_y=FOV,
        npix_x=PIXELS,
        npix_y=PIXELS,
        nu_i=BAND[0],
        nu_f=BAND[1],
        nu_rest=REST,
    )
    instance = limlam.params_to_mapinst(params)
    laps("setup")
    haloes, _ = limlam.load_peakpatch_catalogue(path)
    laps("read")
    haloes = limlam.cull_peakpatch_catalogue(haloes, MINIMUM, instance)
    laps("cut")

    def another(laps):
        vars(haloes).pop("sfr", None)
        haloes.Lco = limlam.Mhalo_to_Lco(haloes, "Li", None)
        laps("luminosities")
        cube = limlam.Lco_to_map(haloes, instance)
        laps("cube")
        return cube

    return another(laps).transpose(2, 0, 1), another


def ours(model, dtype, path, laps):
    """Cube of IntensityMapper, shape (n_frequencies, n_ra, n_dec), and how to make another."""
    edges = np.linspace(*BAND, CHANNELS + 1)
    mapper = IntensityMapper(FOV, PIXELS, edges, line=REST)
    laps("setup")
    haloes = HaloCatalog.read(path)
    laps("read")
    haloes = haloes.select(mapper.contains(haloes) & (haloes.M > MINIMUM))
    laps("cut")

    def another(haloes, laps):
        luminosities = model.luminosity(haloes, random_state=0)
        laps("luminosities")
        cube = mapper.make_cube(haloes, luminosities, dtype=dtype)
        laps("cube")
        return cube

    cube = another(haloes, laps)
    # As for the second of many maps: sorted, with the mean star-formation rates kept.
    haloes = haloes.select(np.argsort(haloes.M)[::-1])
    model.luminosity(haloes, random_state=0)
    return cube, partial(another, haloes)


class Laps:
    """Processor time of each part of a run."""

    def __init__(self):
        self.seconds, self._last = {}, time.process_time()

    def __call__(self, part):
        now = time.process_time()
        self.seconds[part] = now - self._last
        self._last = now


def enlarged(path, n_haloes, folder):
    """File of as many haloes, drawn from a catalogue and moved by about a megaparsec."""
    haloes = HaloCatalog.read(path)
    generator = np.random.default_rng(0)
    rows = generator.integers(len(haloes), size=n_haloes)
    more = haloes.select(rows)
    position = more.position + generator.normal(size=(n_haloes, 3)).astype(more.position.dtype)
    mass = more.M * np.exp(0.1 * generator.normal(size=n_haloes)).astype(more.M.dtype)
    target = folder / f"{n_haloes}.npz"
    HaloCatalog(
        mass, position, more.velocity, more.zhalo, more.zcos, more.cosmology, more.center
    ).write(target)
    return target


def compare(path, limlam, model, n_rounds):
    """Time all arms on one catalogue, and print a table of whole runs and one of further maps."""
    arms = {
        "limlam_mocker": partial(peer, limlam),
        "skastro": partial(ours, model, np.float64),
        "skastro, float32": partial(ours, model, np.float32),
    }
    runs, maps = ({name: [] for name in arms} for _ in range(2))
    occupied = {}
    for _ in range(n_rounds + 1):
        for name, arm in arms.items():
            lap = Laps()
            cube, another = arm(path, lap)
            runs[name].append(lap.seconds)
            occupied[name] = int((cube > 0).sum())
            del cube
            another(Laps())
            lap = Laps()
            another(lap)
            maps[name].append(lap.seconds)
    print(f"\n{path.name}: {len(HaloCatalog.read(path))} haloes; voxels with haloes: {occupied}")
    print("\nFrom the file to a cube:\n")
    show(runs)
    print("\nAnother map of the catalogue in memory:\n")
    show(maps)


def show(laps):
    """Print the medians of all rounds but the first."""
    laps = {name: rounds[1:] for name, rounds in laps.items()}
    parts = list(laps["skastro"][0])
    print("| |", " | ".join(parts), "| all, ms | ratio | times as fast |")
    print("|---" * (len(parts) + 4) + "|")
    whole = {
        name: statistics.median(sum(one.values()) for one in found) for name, found in laps.items()
    }
    for name, found in laps.items():
        medians = [1e3 * statistics.median(one[part] for one in found) for part in parts]
        cells = " | ".join(f"{value:.1f}" for value in medians)
        ratio = whole[name] / whole["limlam_mocker"]
        print(f"| {name} | {cells} | {1e3 * whole[name]:.1f} | {ratio:.2f} | {1 / ratio:.1f} |")


def main():
    """Time all the catalogues."""
    options = arguments()
    if options.keep_memory:
        keep_freed_memory()
    limlam = import_peer(options.limlam)
    model = Li16(sfr=SFRTable(options.limlam / "tables" / "sfr_behroozi_release.dat"))
    with tempfile.TemporaryDirectory() as folder:
        paths = list(options.catalogues)
        if options.haloes:
            paths.append(enlarged(paths[0], options.haloes, Path(folder)))
        for path in paths:
            compare(path, limlam, model, options.rounds)


if __name__ == "__main__":
    main()
