"""The examples as a gallery: short runs, pictures from the files that scripts write, notebooks.

The environment variable ``SKASTRO_DOCS`` says how the examples run: "fast" (the default) in a short
form, "full" with their own defaults and, where ``SKASTRO_DATA`` names a folder, on real data,
"none" not at all.
"""

import json
import os
import re
import shutil
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile

import matplotlib.pyplot as plt
from sklearn.experimental import enable_halving_search_cv  # noqa: F401 - examples name it
from sphinx_gallery.scrapers import figure_rst, matplotlib_scraper

MODES = ("fast", "full", "none")
# Real data below SKASTRO_DATA, by the option that takes them.
SLICES, CUBES = "reionization/slices", "reionization/cubes"
MAPS, HISTORIES = "lim/lim_train_64x64x10.npz", "camels/SFRH"
DATA = {
    "plot_reionization_slices": {"--data-home": SLICES},
    "plot_reionization_redshift": {"--data-home": SLICES},
    "plot_reionization_escape_fraction": {"--data-home": SLICES},
    "plot_ionized_boxes": {"--data-home": SLICES},
    "plot_ionized_fraction": {"--data": CUBES},
    "plot_luminosity_function": {"--data": MAPS},
    "plot_noise_matrix": {"--data": MAPS},
    "plot_comparison": {"--reionization": SLICES, "--intensity": MAPS, "--ionized": CUBES},
    "plot_star_formation_transfer": {"--data": HISTORIES},
    "plot_error_bars": {"--data": HISTORIES},
}
NEEDS_DATA = {"plot_star_formation_transfer"}
FAST = {
    "plot_reionization_slices": "--dense-epochs 6 --cnn-epochs 15 --folds 2",
    "plot_reionization_redshift": (
        "--folds 2 --epochs 5 --code-epochs 3 --trees 50 --redshifts 6.5 7 7.5 8 9 11"
    ),
    "plot_reionization_escape_fraction": (
        "--folds 2 --epochs 4 --mocks 3 --mock-epochs 2 --tune-epochs 2 --trees 50 "
        "--redshifts 7 8 10"
    ),
    "plot_camels_parameters": (
        "--cells 16 --simulations 40 --fields Mtot Mgas HI --filters 8 --epochs 15 "
        "--published-epochs 6 --leak-simulations 20 --leak-epochs 10 --splits 1 --members 2"
    ),
    "plot_luminosity_function": (
        "--fields 6 --draws 2 --folds 2 --more-draws 4 --sizes 6 12 --min-mass 5e11 --epochs 20 "
        "--histogram-epochs 40 --filters 4 --longest 1"
    ),
    "plot_architecture_search": (
        "--fields 6 --draws 2 --folds 2 --min-mass 5e11 --epochs 16 --seeds 1 --test-fields 4 "
        "--kinds 3D histogram"
    ),
    "plot_noise_matrix": (
        "--fields 6 --draws 4 --folds 2 --min-mass 5e11 --epochs 30 --histogram-epochs 60 "
        "--filters 4"
    ),
    "plot_ionized_fraction": (
        "--cells 16 --redshifts 7 9 --voxels 4000 --filters 4 --epochs 15 --unet-epochs 6 "
        "--search-epochs 1"
    ),
    "plot_density_to_brightness": "--redshifts 8 10 --epochs 25 --filters 6",
    "plot_comparison": (
        "--folds 3 --simulations 30 --camels-cells 16 --camels-epochs 6 --fields Mstar Mtot "
        "--light-cones 9 --min-mass 5e11 --intensity-epochs 15 --slice-epochs 2 --box-cells 16 "
        "--cube-epochs 8 --voxels 3000 --resamples 200 --trees 50"
    ),
    "plot_error_bars": "--splits 3 --epochs 20 --members 3 --maps 1000",
    "plot_star_formation_transfer": "--folds 3 --epochs 10 --trees 20 --filters 4 --members 2",
}
# A notebook has no command line.
NO_OPTIONS = """\
import sys

sys.argv = sys.argv[:1]  # add options of the script here: [*sys.argv[:1], "--folds", "2"]"""
STARTED = {}  # by script: its folder and the files that it has been shown


def setup(app):
    """Connect to the build, after sphinx-gallery has written its files."""
    app.connect("builder-inited", complete_downloads, priority=900)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def mode():
    """How the examples run."""
    chosen = os.environ.get("SKASTRO_DOCS", "fast")
    if chosen not in MODES:
        raise ValueError(f"SKASTRO_DOCS must be one of {', '.join(MODES)}, got {chosen!r}.")
    return chosen


def options(script):
    """Options that say how short a script runs."""
    return FAST.get(Path(script).stem, "").split() if mode() == "fast" else []


def data_options(script):
    """Options that give a script its real data, as far as they are there."""
    name = Path(script).stem
    if "SKASTRO_DATA" not in os.environ or (mode() == "fast" and name not in NEEDS_DATA):
        return []
    paths = {
        key: Path(os.environ["SKASTRO_DATA"], path) for key, path in DATA.get(name, {}).items()
    }
    return [word for key, path in paths.items() if path.exists() for word in (key, str(path))]


def reset_argv(gallery_conf, script_vars):
    """Command line of a script; its pictures go to a folder of its own."""
    script = Path(script_vars["src_file"])
    folder = Path(gallery_conf["src_dir"]) / "_build" / "examples" / script.stem
    if mode() == "fast":
        shutil.rmtree(folder, ignore_errors=True)
    STARTED[script] = folder, pictures(folder)
    text = script.read_text(encoding="utf-8")
    takes_output = "--output" in text or "make_parser" in text
    output = ["--output", str(folder)] if takes_output else []
    return [*options(script), *data_options(script), *output]


def pictures(folder):
    """Pictures of a folder and when they were written."""
    return {path: path.stat().st_mtime_ns for path in folder.glob("*.png")}


def scrape(block, block_vars, gallery_conf, **kwargs):
    """Take the pictures that a block of a script has written, and say how it was run."""
    script = Path(block_vars["src_file"])
    folder, seen = STARTED.get(script, (None, {}))
    found = pictures(folder) if folder else {}
    new = [path for path, time in found.items() if seen.get(path) != time]
    names = []
    for path in sorted(new, key=found.get):
        target = Path(next(block_vars["image_path_iterator"])).with_suffix(".png")
        shutil.copyfile(path, target)
        names.append(str(target))
    STARTED[script] = folder, found
    if not names:  # drawn and left open
        return matplotlib_scraper(block, block_vars, gallery_conf, **kwargs)
    plt.close("all")
    short = " ".join(options(script))
    note = f"\n.. note:: Run here in short, with ``{short}``.\n\n" if short else ""
    return note + figure_rst(names, gallery_conf["src_dir"])


def complete_downloads(app):
    """Give notebooks and zip files the modules beside the examples that they import."""
    examples = Path(app.srcdir).parent / "examples"
    for path in sorted((Path(app.srcdir) / "auto_examples").glob("*.ipynb")):
        script = path.with_suffix(".py")
        siblings = needed(script.read_text(encoding="utf-8"), examples)
        notebook = json.loads(path.read_text(encoding="utf-8"))
        cells = [f"%%writefile {name}.py\n{text}" for name, text in siblings.items()]
        cells = [code_cell(source) for source in [*cells, NO_OPTIONS]]
        title, *others = notebook["cells"]
        if others[: len(cells)] != cells:  # a former build has put them there
            notebook["cells"] = [title, *cells, *others]
        path.write_text(json.dumps(notebook, indent=1) + "\n", encoding="utf-8")
        with ZipFile(path.with_suffix(".zip"), "w", ZIP_DEFLATED) as file:
            file.write(script, script.name)
            file.write(path, path.name)
            for name, text in siblings.items():
                file.writestr(f"{name}.py", text)


def code_cell(source):
    """A cell of a notebook."""
    return {
        "cell_type": "code",
        "execution_count": None,
        "metadata": {},
        "outputs": [],
        "source": [source],
    }


def needed(source, folder, found=None):
    """Texts of the modules beside an example that it imports, and of those that they import."""
    found = {} if found is None else found
    for name in re.findall(r"^(?:from|import) (\w+)", source, flags=re.MULTILINE):
        path = folder / f"{name}.py"
        if path.exists() and name not in found:
            found[name] = path.read_text(encoding="utf-8")
            needed(found[name], folder, found)
    return found
