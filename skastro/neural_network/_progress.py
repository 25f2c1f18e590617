"""What lets a user watch a fit: a progress bar, and the callbacks of scikit-learn."""

import math
import threading
from contextlib import contextmanager, suppress
from datetime import timedelta

from rich import get_console
from rich.errors import LiveError
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.text import Text
from skorch.callbacks import Callback

try:
    from sklearn.callback import CallbackSupportMixin as CallbackSupport
    from sklearn.callback import with_callbacks
except ImportError:  # scikit-learn < 1.9

    class _Task:
        """Stand-in for a task of scikit-learn that calls nobody."""

        def subcontext(self, task_name):
            return self

        def call_on_fit_task_begin(self, **arguments):
            pass

        def call_on_fit_task_end(self, **arguments):
            return False

    class CallbackSupport:  # type: ignore[no-redef]
        """Stand-in for scikit-learn's mixin, without `set_callbacks`."""

        def _init_callback_context(self, max_subtasks):
            return _Task()

    def with_callbacks(method):
        """Leave a method as it is."""
        return method


_tear_down = with_callbacks(lambda estimator: None)


@contextmanager
def fit_task(estimator, run, X, y, sample_weight=None):
    """Tell scikit-learn's callbacks of a fit and of its epochs, which are tasks within it.

    Where there is an error the tasks do not end, as in scikit-learn; the callbacks are torn down
    in any case. A callback that asks for a fitted estimator gets a copy, made by way of
    ``__getstate__``, so later epochs do not change it.

    Parameters
    ----------
    estimator : NetEstimator
        What is fitted.
    run : Run
        What trains its net.
    X : ndarray or LazyMaps of shape (n_samples, [n_channels,] *spatial)
        Maps that were given to fit.
    y : ndarray of shape (n_samples,) or (n_samples, n_targets)
        Targets that were given to fit.
    sample_weight : ndarray of shape (n_samples,), default=None
        Weights that were given to fit.

    Yields
    ------
    callable
        To be called after each epoch; returns whether a callback asks to stop.
    """

    def reconstruction_attributes():
        estimator._keep_history()
        return {}

    def begin_epoch():
        epoch = task.subcontext("epoch")
        epoch.call_on_fit_task_begin(**arguments)
        return epoch

    def on_epoch():
        nonlocal epoch
        stop = epoch.call_on_fit_task_end(**arguments)
        if not (stop or run.finished):
            epoch = begin_epoch()
        return stop

    metadata = None if sample_weight is None else {"sample_weight": sample_weight}
    arguments = {"estimator": estimator, "X": X, "y": y, "metadata": metadata}
    arguments["reconstruction_attributes"] = reconstruction_attributes
    n_epochs = 0 if run.finished else run.max_epochs - len(run.net.history)
    try:
        task = estimator._init_callback_context(max_subtasks=n_epochs)
        task.call_on_fit_task_begin(**arguments)
        epoch = begin_epoch() if n_epochs else None
        yield on_epoch
        task.call_on_fit_task_end(**arguments)
    finally:
        _tear_down(estimator)


class _Bars:
    """Bars of the fits that run now, one below the other in one live display."""

    def __init__(self):
        self._lock = threading.Lock()
        self._progress = None

    def add(self, description, n_epochs, n_done):
        """Show a bar where it can be shown, and return its number."""
        with self._lock:
            if self._progress is None:
                self._progress = _start_display()
            bar = self._progress.add_task(description, total=n_epochs, completed=n_done, scores="")
            self._progress.advance(bar, 0)  # notes the time, so that one epoch has a speed
            return bar

    def update(self, bar, n_done, scores):
        """Move a bar on."""
        with self._lock:
            self._progress.update(bar, completed=n_done, scores=scores)

    def remove(self, bar):
        """Put a line of plain text in the place of a bar."""
        with self._lock:
            progress = self._progress
            task = next(task for task in progress.tasks if task.id == bar)
            if len(progress.tasks) == 1:
                self._progress = None
                progress.live.stop()
            progress.remove_task(bar)
            line = (
                f"{task.description} {task.completed}/{task.total} epochs in "
                f"{timedelta(seconds=round(task.elapsed))}"
            )
            scores = task.fields["scores"]
            progress.console.print(Text(f"{line}: {scores}" if scores else line), soft_wrap=True)


_BARS = _Bars()


def _start_display():
    """A live display on rich's console, which is where others show theirs as well."""
    progress = Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=16),
        MofNCompleteColumn(),
        TextColumn("epochs"),
        TimeRemainingColumn(),
        TextColumn("{task.fields[scores]}"),
        console=get_console(),
        refresh_per_second=4,
        speed_estimate_period=math.inf,
        transient=True,
    )
    if progress.console.is_terminal or progress.console.is_jupyter:
        with suppress(LiveError):  # rich < 14.1 shows one display at a time
            progress.live.start(refresh=True)
    return progress


class EpochProgress(Callback):
    """Progress bar of a fit, which leaves a line of text when it ends.

    Where the console is no terminal, there is only that line.

    Parameters
    ----------
    description : str
        Text before the bar.
    n_epochs : int
        Epochs of the whole run.
    """

    def __init__(self, description, n_epochs):
        self.description = description
        self.n_epochs = n_epochs
        self._bar = None

    def on_train_begin(self, net, **kwargs):
        """Show the bar, with the epochs that were run already."""
        self._bar = _BARS.add(self.description, self.n_epochs, len(net.history))

    def on_epoch_end(self, net, **kwargs):
        """Move the bar on."""
        epoch = net.history[-1]
        names = [name for name in ("train_loss", "valid_loss", "lr") if name in epoch]
        scores = ", ".join(f"{name.replace('_', ' ')} {epoch[name]:.4g}" for name in names)
        _BARS.update(self._bar, len(net.history), scores)

    def on_train_end(self, net, **kwargs):
        """Take the bar away."""
        if self._bar is not None:
            _BARS.remove(self._bar)
