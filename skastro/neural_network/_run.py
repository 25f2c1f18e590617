"""One run of training: epochs, early stopping, and the state that a checkpoint keeps."""

import copy
import time
from math import isfinite

import numpy as np
import torch
from skorch.history import History
from torch.nn.parameter import is_lazy

from ..exceptions import DivergenceError
from ..utils import fingerprint
from ._callbacks import callback_states, restore_callbacks


class Run:
    """Trains a net for a number of epochs, or goes on with a run that was interrupted.

    Parameters
    ----------
    net : MapNet
        The net, with its optimizer; its history holds the epochs before this run.
    max_epochs : int
        Epochs in all.
    patience : int, default=None
        Epochs without a lower validation loss after which training stops; None does not stop.
    of_epochs : list of torch.optim.lr_scheduler.ReduceLROnPlateau, default=()
        Schedules that are stepped after each epoch.
    file : CheckpointFile, default=None
        Where the state is kept.
    interval : float, default=None
        Seconds between two writes of the file; None writes it after each epoch.
    resumable : bool, default=True
        Whether a run of more epochs may go on from the end of this one.
    advice : str, default=""
        What to try where training diverges.
    owner : str, default="Run"
        Estimator that is named in errors.
    """

    def __init__(
        self,
        net,
        max_epochs,
        *,
        patience=None,
        of_epochs=(),
        file=None,
        interval=None,
        resumable=True,
        advice="",
        owner="Run",
    ):
        self.net = net
        self.max_epochs = max_epochs
        self.patience = patience
        self.of_epochs = of_epochs
        self.file = file
        self.interval = interval
        self.resumable = resumable
        self.advice = advice
        self.owner = owner
        self.stopped = False
        self._resumed = None
        self._best_loss, self._best_epoch, self._best_weights = np.inf, len(net.history), None
        self._written = time.monotonic()
        self._finite_at_first = {name for name, total in self._sums().items() if isfinite(total)}

    @property
    def finished(self):
        """Whether there is nothing left to train."""
        return self.stopped or len(self.net.history) >= self.max_epochs

    def train(self, dataset, on_epoch=None):
        """Train until the run is finished.

        Parameters
        ----------
        dataset : MapDataset
            What is trained on; what is validated on is up to the ``train_split`` of the net.
        on_epoch : callable, default=None
            Called after each epoch. Training stops where it returns True, and a later run may
            go on from there.

        Raises
        ------
        DivergenceError
            If a loss or a weight is not a number any more, or infinite.
        """
        if self.file is not None and self.interval is not None:
            self.net.after_batch_ = self._write_in_time
        try:
            while not self.finished:
                self.net.fit_loop(dataset, epochs=1)
                self._check_finite()
                self._after_epoch()
                asked_to_stop = on_epoch is not None and on_epoch()
                if self.file is not None and (
                    self.interval is None or self.finished or asked_to_stop
                ):
                    self._write()
                if asked_to_stop:
                    break
        finally:
            self.net.after_batch_ = self.net.partial_ = None
            self._keep_best()

    def _check_finite(self):
        """Raise an error where training has diverged."""
        last = self.net.history[-1]
        for what, value in (
            ("training loss", last["train_loss"]),
            ("validation loss", last.get("valid_loss", 0.0)),
            ("sum of the weights", sum(self._sums(self._finite_at_first).values())),
        ):
            if not isfinite(value):
                raise DivergenceError(
                    f"{self.owner}: the {what} became {value} in epoch {len(self.net.history)}. "
                    f"{self.advice}"
                )

    def _sums(self, names=None):
        """Sum of each floating weight and buffer, by name."""
        module = self.net.module_
        return {
            name: value.detach().sum().item()
            for name, value in (*module.named_parameters(), *module.named_buffers())
            if not is_lazy(value) and value.is_floating_point() and (names is None or name in names)
        }

    def _after_epoch(self):
        """Step schedules, and decide about stopping."""
        history = self.net.history
        loss = history[-1].get("valid_loss", history[-1]["train_loss"])
        for schedule in self.of_epochs:
            schedule.step(loss)
        self.stopped = self.net.stop_
        if self.patience is None:
            return
        if loss < self._best_loss:
            self._best_loss, self._best_epoch = loss, len(history)
            self._best_weights = copy.deepcopy(self.net.module_.state_dict())
        self.stopped |= len(history) - self._best_epoch >= self.patience

    def _keep_best(self):
        """Put the weights of the best epoch into the net."""
        if self._best_weights is not None:
            self.net.module_.load_state_dict(self._best_weights)

    def _write_in_time(self):
        if time.monotonic() - self._written >= self.interval:
            self._write()

    def _write(self):
        """Write the file; what a finished run does not need is left out."""
        self.file.save(self.state())
        self._written = time.monotonic()

    def state(self):
        """State of the run.

        Returns
        -------
        dict
            What `restore` takes.
        """
        net, partial = self.net, self.net.partial_state()
        history = list(net.history)[: len(net.history) - (partial is not None)]
        at_end = partial is None and (self.stopped or (self.finished and not self.resumable))
        weights = net.module_.state_dict()
        state = {
            "seed": net.seed,
            "history": [plain_epoch(epoch) for epoch in history],
            "partial": partial,
            "stopped": self.stopped,
            "best_loss": float(self._best_loss),
            "best_epoch": self._best_epoch,
            "frozen": [k for k, w in net.module_.named_parameters() if not w.requires_grad],
        }
        if at_end:
            return state | {"weights": self._best_weights or weights}
        return state | {
            "weights": weights,
            "callbacks": callback_states(net.callbacks_),
            "best_weights": self._best_weights,
            "optimizer": net.optimizer_.state_dict(),
            "schedules": [s.state_dict() for s in (*net.schedules_, *self.of_epochs)],
        }

    def restore(self, state):
        """Take up the state of a run.

        Parameters
        ----------
        state : dict
            What `state` returned.
        """
        net = self.net
        net.history = History({**epoch, "batches": []} for epoch in state["history"])
        net.partial_ = state["partial"]
        net.module_.load_state_dict(state["weights"])
        self.freeze(state["frozen"])
        self.stopped = state["stopped"]
        self._best_loss, self._best_epoch = state["best_loss"], state["best_epoch"]
        self._best_weights = state.get("best_weights")
        if "optimizer" in state:
            schedules = (*net.schedules_, *self.of_epochs)
            for schedule, saved in zip(schedules, state["schedules"], strict=True):
                schedule.load_state_dict(saved)
            self._resumed = state
            self._restore_optimizer()
        if self.finished:
            self._keep_best()
            if "final_weights" in state:
                net.module_.load_state_dict(state["final_weights"])

    def freeze(self, names):
        """Train all weights but those of some names.

        Parameters
        ----------
        names : list of str
            Their names.
        """
        for name, weight in self.net.module_.named_parameters():
            weight.requires_grad_(name not in names)

    def _restore_optimizer(self):
        self.net.optimizer_.load_state_dict(self._resumed["optimizer"])
        _lay_out_like_weights(self.net.optimizer_)

    def begin(self, dataset):
        """Tell callbacks of the begin, and what they did in the run that is taken up.

        Parameters
        ----------
        dataset : MapDataset
            What is trained on.
        """
        self.net.notify("on_train_begin", X=dataset)
        if self._resumed is not None:
            restore_callbacks(self.net.callbacks_, self._resumed["callbacks"])
            self.freeze(self._resumed["frozen"])
            self._restore_optimizer()  # whose rates a scheduler may have set to the first ones
            self._resumed = None

    def end(self, dataset):
        """Tell callbacks of the end, and write the weights again where one has changed them.

        Parameters
        ----------
        dataset : MapDataset
            What was trained on.
        """
        watched = self.file is not None and self.finished
        before = fingerprint(self.net.module_.state_dict()) if watched else None
        self.net.notify("on_train_end", X=dataset)
        if watched and fingerprint(self.net.module_.state_dict()) != before:
            self.file.save(self.state() | {"final_weights": self.net.module_.state_dict()})


def plain_epoch(epoch):
    """Records of an epoch, those of batches left out; what a callback put there as text."""
    return {
        key: value if isinstance(value, (bool, int, float, str, np.generic)) else repr(value)
        for key, value in epoch.items()
        if key != "batches"
    }


def _lay_out_like_weights(optimizer):
    """Store what an optimizer remembers in the order of the weights, as fused steps demand."""
    for weight, memory in optimizer.state.items():
        for name, value in memory.items():
            if isinstance(value, torch.Tensor) and value.shape == weight.shape:
                memory[name] = torch.empty_like(weight).copy_(value)
