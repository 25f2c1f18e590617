"""
Finding an architecture with a third of the epochs
==================================================

Which net reads a luminosity function out of a line-intensity map best: of two or three dimensions,
how deep, how wide, or one on the histogram of voxels? A grid trains each candidate to the end, and
most of them are poor after a few epochs already. Here a full grid stands beside searches that get a
third of its epochs:

- a third of the candidates, drawn at random;
- successive halving, scikit-learn's ``HalvingGridSearchCV``, whose resource is ``max_epochs``;
- Optuna, which suggests candidates and prunes them.

Each fit keeps its state in a folder, and its learning rate does not depend on where it ends. So a
candidate that survives a round goes on from where it stopped, and halving takes 31 % of the epochs
of the grid. With the schedule "one_cycle", which is laid out for a number of epochs, survivors have
to start anew, and it takes half of them.

Epochs are counted, not estimated: each one that is trained adds a line to a file. Searches see maps
of their own simulations alone, with folds of whole ones. What they found is trained on all of
these, with several seeds, and scored on simulations that no search has seen. All of it is repeated
with other simulations.

Run it with ``python examples/plot_architecture_search.py``; it needs Optuna. The picture goes to
``architecture_search_output``. A run that was killed goes on when it is started again.
"""

import matplotlib.pyplot as plt
import numpy as np
import optuna
from joblib import Memory
from luminosity_function_study import (
    convolutional,
    make_parser,
    mean_predictor,
    mock_fields,
    network,
    ridge,
)
from matplotlib.ticker import LogLocator
from rich.progress import track
from scipy.stats import spearmanr
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.metrics import make_scorer
from sklearn.model_selection import (
    GridSearchCV,
    GroupKFold,
    HalvingGridSearchCV,
    ParameterGrid,
    RandomizedSearchCV,
    cross_val_score,
)
from sklearn.utils import Bunch
from skorch.callbacks import Callback
from study_tables import CONSOLE, print_table, spread

from skastro.metrics import mean_squared_log10_error
from skastro.nets import ConvNet, HistogramNet

NET, EPOCHS = "regressor__net__net", "regressor__net__max_epochs"
SCHEDULES = (None, "one_cycle")
LOG = "epochs.log"
SCORER = make_scorer(mean_squared_log10_error, greater_is_better=False)
SHARE = 3  # the other searches get one part in so many of the epochs of the grid
N_ROUNDS = 4  # of halving, so that the first has an eighth of the epochs
CONVOLUTIONS = {
    "n_layers": [2, 3],
    "n_filters": [8, 16],
    "kernel_size": [3, 5],
    "readout": ["mean", "flatten"],
}
SPACE = {
    "2D": CONVOLUTIONS,
    "3D": CONVOLUTIONS | {"n_filters": [8], "kernel_size": [3]},
    "histogram": {"n_bins": [32, 64], "n_units": [64, 256]},
}


SIZES = ("n_filters", "n_bins", "n_units")


# %%
# Data, candidates and pictures
# -----------------------------


class EpochLog(Callback):
    """Adds a line to a file for each epoch that is trained, in whichever process."""

    def __init__(self, path):
        self.path = path

    def on_epoch_end(self, net, **kwargs):
        """Add a line."""
        with open(self.path, "a") as file:
            file.write(f"{len(net.history)}\n")


def make_net(kind, **choice):
    """The net that one choice in the space stands for."""
    if kind == "histogram":
        n_units = choice.pop("n_units")
        return HistogramNet(hidden_layer_sizes=(n_units, n_units // 2), **choice)
    n_filters = (choice.pop("n_filters"),) * choice["n_layers"]
    return ConvNet(n_filters=n_filters, dim=int(kind[0]), **choice)


def all_nets(kinds):
    """All candidates."""
    return [make_net(kind, **choice) for kind in kinds for choice in ParameterGrid(SPACE[kind])]


def name_of(net):
    """What is different in a candidate."""
    if isinstance(net, HistogramNet):
        return f"histogram of {net.n_bins} bins, {net.hidden_layer_sizes[0]} units"
    return (
        f"{net.dim}D, {net.n_layers} layers of {net.n_filters[0]} filters, "
        f"kernel {net.kernel_size}, {net.readout}"
    )


def suggest(trial, kinds):
    """One candidate, as Optuna asks for it, with any size between those of the grid."""
    kind = trial.suggest_categorical("kind", kinds)
    choice = {}
    for key, values in SPACE[kind].items():
        name = f"{kind} {key}"
        if key in SIZES:
            choice[key] = trial.suggest_int(name, min(values), max(values), log=True)
        else:
            choice[key] = trial.suggest_categorical(name, values)
    return make_net(kind, **choice)


class Search:
    """The searches on the maps of some simulations, each with fits and a count of its own.

    Parameters
    ----------
    data : Bunch
        Maps, counts and groups.
    folder : Path
        Where the fits are kept.
    args : Namespace
        Options of the script.
    seed : int
        Seed of nets and searches.
    """

    def __init__(self, data, folder, args, seed):
        self.data, self.folder, self.args, self.seed = data, folder, args, seed
        self.nets = all_nets(args.kinds)
        self.rounds = [args.epochs // 2**k for k in reversed(range(N_ROUNDS))]
        self.shared = {"scoring": SCORER, "cv": GroupKFold(args.folds), "error_score": "raise"}

    def model(self, name, net, schedule=None, **training):
        """A model whose fits go on from those in a folder, and are counted there."""
        folder = self.folder / name
        folder.mkdir(parents=True, exist_ok=True)
        training = {"random_state": self.seed, "max_epochs": self.args.epochs} | training
        return network(
            net,
            schedule=schedule,
            checkpoint=folder,
            checkpoint_interval=60.0,
            callbacks=[EpochLog(str(folder / LOG))],
            **training,
        )

    def n_epochs(self, name):
        """Epochs that were trained in a folder, in this run and in those before."""
        return len((self.folder / name / LOG).read_text().splitlines())

    def stock(self, name, search, schedule=None, **options):
        """What a search of scikit-learn found, and its table of results."""
        search = search(
            self.model(name, self.nets[0], schedule),
            {NET: self.nets},
            refit=False,
            n_jobs=self.args.jobs,
            **self.shared,
            **options,
        )
        search.fit(self.data.maps, self.data.counts, groups=self.data.groups)
        return search.best_params_[NET], search.cv_results_

    def grid(self, name):
        """Train all candidates to the end."""
        return self.stock(name, GridSearchCV)

    def random(self, name):
        """Train a third of the candidates to the end."""
        n_iter = len(self.nets) // SHARE
        return self.stock(name, RandomizedSearchCV, n_iter=n_iter, random_state=self.seed)

    def halving(self, name, schedule=None):
        """Train all for an eighth of the epochs, the better half for a fourth, and so on."""
        return self.stock(
            name,
            HalvingGridSearchCV,
            schedule,
            resource=EPOCHS,
            min_resources=self.rounds[0],
            max_resources=self.rounds[-1],
            factor=2,
            random_state=self.seed,
        )

    def halving_anew(self, name):
        """The same with a schedule that is laid out for the epochs of a round."""
        return self.halving(name, "one_cycle")

    def optuna(self, name):
        """Train what Optuna suggests and does not prune, as long as epochs are left."""
        data, args, reached = self.data, self.args, {}
        budget = len(self.nets) * args.epochs // SHARE

        def error(trial):
            net = suggest(trial, args.kinds)
            if name_of(net) in reached:  # lest it be suggested for ever
                raise optuna.TrialPruned
            for n_epochs in self.rounds:
                model = self.model(name, net, max_epochs=n_epochs)
                scores = cross_val_score(
                    model, data.maps, data.counts, groups=data.groups, **self.shared
                )
                reached[name_of(net)] = n_epochs
                trial.report(-scores.mean(), n_epochs)
                if n_epochs < args.epochs and trial.should_prune():
                    raise optuna.TrialPruned
            return -scores.mean()

        def stop(study, trial):
            if sum(reached.values()) + args.epochs > budget:
                study.stop()

        study = optuna.create_study(
            sampler=optuna.samplers.TPESampler(seed=self.seed),
            pruner=optuna.pruners.SuccessiveHalvingPruner(self.rounds[0], 2, 0),
        )
        study.optimize(error, n_trials=4 * len(self.nets), callbacks=[stop])
        return suggest(optuna.trial.FixedTrial(study.best_params), args.kinds), None

    def test(self, net, test, schedule):
        """Errors of a net trained on all maps of the search, with several seeds."""
        errors = []
        for seed in range(self.args.seeds):
            model = self.model("final", net, schedule, random_state=seed)
            model.fit(self.data.maps, self.data.counts)
            errors.append(-SCORER(model, test.maps, test.counts))
        return errors


METHODS = {
    "full grid": Search.grid,
    "third of the grid, at random": Search.random,
    "halving": Search.halving,
    "Optuna": Search.optuna,
    "halving, one cycle": Search.halving_anew,
}
NO_SEARCH, RIDGE = "no search: the plain net", "ridge on the histogram of voxels"
BASELINES = {"mean": mean_predictor, RIDGE: ridge}


def search_and_test(repeat, args):
    """Searches on some simulations and their scores on others, and what they found."""
    folder = (args.checkpoint or args.output / "fits") / str(repeat)
    make = Memory(folder, verbose=0).cache(mock_fields, ignore=["n_jobs"])
    data, test = (
        make(
            n_fields,
            args.draws,
            n_pixels=args.pixels,
            min_mass=args.min_mass,
            seed=2 * repeat + k,
            n_jobs=args.jobs,
        )
        for k, n_fields in enumerate((args.fields, args.test_fields))
    )
    search = Search(data, folder, args, seed=repeat)
    found, n_epochs, tables = {}, {}, {}
    for name, method in METHODS.items():
        found[name], tables[name] = method(search, name)
        n_epochs[name] = search.n_epochs(name)
    plain = convolutional(args.filters).regressor["net"].net
    errors = {
        name: {schedule: search.test(net, test, schedule) for schedule in SCHEDULES}
        for name, net in ({NO_SEARCH: plain} | found).items()
    }
    for name, make_baseline in BASELINES.items():
        model = make_baseline().fit(data.maps, data.counts)
        errors[name] = {None: [-SCORER(model, test.maps, test.counts)]}
    return Bunch(found=found, n_epochs=n_epochs, tables=tables, errors=errors)


def mean_errors(results, name, schedule=None):
    """Errors of the repetitions, means over seeds."""
    return np.array([np.mean(result.errors[name][schedule]) for result in results])


def report(results, args):
    """Print what searches cost and brought."""
    rows = {name: ["", "", spread(mean_errors(results, name), digits=4)] for name in BASELINES}
    for name in (NO_SEARCH, *METHODS):
        epochs = [result.n_epochs.get(name, 0) for result in results]
        shares = [
            n / result.n_epochs["full grid"] for n, result in zip(epochs, results, strict=True)
        ]
        more = mean_errors(results, name) - mean_errors(results, "full grid")
        rows[name] = [
            f"{np.mean(epochs):.0f}",
            spread(shares),
            *(spread(mean_errors(results, name, schedule), digits=4) for schedule in SCHEDULES),
            spread(more, digits=4),
        ]
    print_table(
        f"{len(all_nets(args.kinds))} nets, {args.fields * args.draws} maps of {args.fields} "
        f"fields, {args.folds} folds of fields; error of log10 dN on {args.test_fields} other "
        f"fields, {args.repeats} repetitions",
        "search",
        ["epochs", "of the grid", "error, constant rate", "error, one cycle", "more than grid's"],
        rows,
    )
    deviation = np.mean([np.std(result.errors["full grid"][None]) for result in results])
    print(f"Deviation between {args.seeds} seeds of one net: {deviation:.4f}")
    for name in METHODS:
        print(f"{name}: {'; '.join(name_of(result.found[name]) for result in results)}")
    first, last = zip(*(rank_correlations(result.tables) for result in results), strict=True)
    print(
        f"Rank correlation of errors in cross-validation with those of the grid: "
        f"{spread(first)} after {args.epochs // 2 ** (N_ROUNDS - 1)} epochs, "
        f"{spread(last)} with a shortened cycle of as many"
    )


def rank_correlations(tables):
    """How well the first rounds of halving tell in which order candidates will end."""
    end = tables["full grid"]["mean_test_score"]
    starts = (tables[name] for name in ("halving", "halving, one cycle"))
    return [spearmanr(t["mean_test_score"][t["iter"] == 0], end).statistic for t in starts]


def draw(path, results):
    """Error against epochs, and the course of one halving."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(8.2, 3.4), layout="constrained")
    for name, marker in zip(METHODS, "sv^oD", strict=True):
        errors = mean_errors(results, name)
        epochs = [result.n_epochs[name] for result in results]
        left.errorbar(
            np.mean(epochs),
            np.mean(errors),
            np.std(errors),
            np.std(epochs),
            marker=marker,
            label=name,
        )
    for name, style in ((NO_SEARCH, ":"), (RIDGE, "--")):
        left.axhline(mean_errors(results, name).mean(), color="black", lw=1, ls=style, label=name)
    left.margins(x=0.1)
    left.set(xlabel="epochs of the search", xlim=(0, None), ylim=(0, None))
    left.set_ylabel(r"error on other simulations [dex$^2$]")
    left.legend(fontsize=6.5, loc="lower center", ncols=2)

    table = results[0].tables["halving"]
    nets, epochs, errors = table[f"param_{NET}"], table["n_resources"], -table["mean_test_score"]
    names = np.array([name_of(net) for net in nets])
    for kind, color in zip(SPACE, ("C0", "C1", "C2"), strict=True):
        for name in dict.fromkeys(name for name in names if name.startswith(kind)):
            ours = names == name
            right.plot(epochs[ours], errors[ours], "o-", color=color, ms=3, lw=1)
        right.plot([], [], "o-", color=color, ms=3, lw=1, label=kind)
    right.set(xscale="log", yscale="log", xlabel="epochs of a candidate")
    right.set_xticks(sorted(set(epochs)), labels=sorted(set(epochs)))
    right.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    right.yaxis.set_major_formatter("{x:g}")
    right.minorticks_off()
    right.set_ylabel(r"error in cross-validation [dex$^2$]")
    right.legend(fontsize=7, title="halving", title_fontsize=7)
    figure.savefig(path, dpi=150)


# %%
# The run
# -------


def main():
    """Run the searches."""
    parser = make_parser(__doc__.split("\n\n")[0], "architecture_search_output")
    add = parser.add_argument
    add("--test-fields", type=int, default=24, help="mock fields that no search sees")
    add("--repeats", type=int, default=1, help="repetitions with other simulations")
    add("--seeds", type=int, default=3, help="seeds of the nets that are tested")
    add("--kinds", nargs="*", default=list(SPACE), choices=list(SPACE), help="kinds of nets")
    parser.set_defaults(fields=12, epochs=40)
    args = parser.parse_args()
    if args.epochs % 2 ** (N_ROUNDS - 1):
        parser.error(f"--epochs must be a multiple of {2 ** (N_ROUNDS - 1)}")
    args.output.mkdir(parents=True, exist_ok=True)
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    repeats = track(range(args.repeats), "Searching", console=CONSOLE)
    results = [search_and_test(repeat, args) for repeat in repeats]
    report(results, args)
    draw(args.output / "architecture_search.png", results)


if __name__ == "__main__":
    main()
