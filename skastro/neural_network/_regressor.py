"""Regression from maps with a network."""

from collections import OrderedDict
from typing import Literal, Self, overload

import numpy as np
from sklearn.base import RegressorMixin
from sklearn.utils.validation import check_array, check_is_fitted
from torch import nn

from ..utils._params import StrOptions
from ..utils._typing import ArrayLike, MapsLike, PathLike, RandomState
from ._base import NetEstimator
from ._losses import REGRESSION_LOSSES
from ._outputs import OUTPUTS, OrderedOutputs, check_order, in_order, typical_outputs
from ._streaming import Streaming
from ._symmetries import Symmetries
from ._targets import check_range, link_targets, make_scaler, read_outputs, regression_loss
from ._types import Callbacks, Devices, NetLike, OptimizerLike, Precision, RegressionLoss, Schedule
from ._warm_start import check_warm_start


class CNNRegressor(RegressorMixin, NetEstimator):
    """Numbers from maps, by a network that is trained through skorch.

    Parameters
    ----------
    net : Net or callable, default=None
        Architecture; None is ``ConvNet()``. A callable takes ``(map_shape, n_outputs)`` and
        returns a torch module.
    loss : {"squared_error", "absolute_error", "huber", "squared_log_error", "poisson", \
            "gaussian_nll", "moments"} or callable, default="squared_error"
        What is minimized, as a mean over samples and targets; r is prediction minus target:

        - "squared_error": ``r**2``; "absolute_error": ``abs(r)``; "huber": ``r**2 / 2`` where
          ``abs(r) < 1``, and ``abs(r) - 1 / 2`` elsewhere;
        - "squared_log_error": ``(log(1 + prediction) - log(1 + y))**2``, for y above -1;
        - "poisson": ``prediction - y * log(prediction)``, for counts and rates, 0 or greater;
          the net makes the logarithm of the prediction;
        - "gaussian_nll": ``log(s**2) / 2 + r**2 / (2 * s**2)``, where the net makes a standard
          deviation s beside each prediction [4]_;
        - "moments": ``log(mean(r**2)) + log(mean((r**2 - s**2)**2))``, means over the samples of
          a batch, whatever the distribution of r [5]_ [6]_. It wants batches of many samples;
        - a function of outputs of the net and targets as the net learns them, both of shape
          ``(n, n_targets)``, that returns one loss for each sample, or for each target of each.

        "gaussian_nll" and "moments" let `predict` return s.
    optimizer : {"adam", "adamw", "sgd"} or callable, default="adamw"
        Optimizer [1]_, or a class of ``torch.optim``. "sgd" has Nesterov momentum 0.9.
    lr : float, default=1e-3
        Learning rate; with a schedule, the greatest one.
    weight_decay : float, default=0.01
        Decay of the weights, as the optimizer defines it, where it does.
    max_grad_norm : float, default=None
        Greatest norm of the gradient of all weights together; a longer one is shortened to it
        [3]_. None leaves gradients as they are.
    batch_size : int, default=32
        Samples in a batch.
    max_epochs : int, default=50
        Number of epochs in all, also where `warm_start` continues a run.
    schedule : {"one_cycle", "cosine", "plateau"} or None, default="one_cycle"
        How the learning rate changes over the run: up and down again from batch to batch
        [2]_, where the momentum of a named optimizer goes down and up; down along a cosine;
        to a tenth after ``patience // 2`` epochs in which the loss did not fall, that on the
        validation samples where there are any; or not at all.
    warmup_epochs : int, default=None
        Epochs over which the learning rate rises to `lr`. None is three tenths of the run for
        "one_cycle", and no rise for the others.
    early_stopping : bool, default=False
        Whether a part of the training samples is set aside, training stops when the loss on
        it no longer falls, and the weights of the best epoch are kept. With a schedule that
        ends at `max_epochs`, the best epoch is often one of the last.
    validation_fraction : float, default=0.1
        Share of the samples, or of the groups where `groups` are given to fit, set aside: those
        for which a hash of the group (else of the position in X) and the seed is less. So the
        share is met on average, and what is added later leaves the others on their side.
    patience : int, default=10
        Epochs without a lower validation loss after which training stops.
    augmentation : Symmetries or None, default=None
        Random symmetries of the training maps, drawn anew for each sample and epoch.
    average_symmetries : bool, default=False
        Whether a prediction is the mean over all turns and mirrors of the map that
        `augmentation` has, at as many times the cost.
    precision : {"auto", "float32", "tf32", "bfloat16"}, default="auto"
        How products are computed in training. "auto" is "tf32" on GPUs that have it, else
        "float32"; what was chosen is in ``precision_``. Weights, losses and predictions are
        float32 in any case. "bfloat16" is automatic mixed precision.
    compile : bool, default=False
        Whether training runs through ``torch.compile``, which takes up to a minute at first
        and a C++ compiler.
    device : str, default="auto"
        Where to train: "auto" is the GPU where there is one, else the processor; or a name
        that torch knows, such as "cpu" or "cuda:1".
    devices : int or "all", default=None
        Processes that share each batch of one fit, on GPUs one for each; "all" takes all GPUs
        that are there, or the processes that ``torchrun`` has started. None trains in this
        process. Steps are those of one process but for rounding; dropout differs. Callbacks run
        in the first process, those of skorch that steer the training, and those with an attribute
        ``every_process = True``, in each.
    n_threads : int, default=None
        Threads that torch may use; None leaves them as they are set.
    streaming : Streaming, default=None
        How lazy maps are shuffled and read ahead; None is ``Streaming()``.
    checkpoint : path-like, default=None
        Folder in which each fit keeps a file of its state, named by a fingerprint of data,
        rows, parameters and the code of what the user wrote. A fit that was killed goes on
        from there, with the bits of one that was not; one that was finished is restored at
        once. With ``random_state=None`` the seed is that of the file. Maps in files are told
        apart by name, size, time of change and a few of their rows.
    checkpoint_interval : float, default=None
        Seconds after which the file is written again, also within an epoch. None writes it
        after each epoch.
    callbacks : list of skorch.callbacks.Callback or callable, default=None
        Callbacks, copied before use; or functions without arguments that return one, for what
        cannot be copied or sent to another process. Those of the last fit are in
        ``net_.callbacks``. Attributes that end with an underscore are kept in a checkpoint.
        Callbacks of scikit-learn 1.9 are set by ``set_callbacks``.
    warm_start : bool, default=False
        Whether a further fit goes on from the weights that are there, in the same net whatever
        `net` has become, with a new optimizer and a schedule over the epochs that are left.
    random_state : int, numpy.random.RandomState or None, default=None
        Covers weights, order of samples, augmentation, dropout, noise and what is set aside.
        An int gives equal results on equal numbers of threads. Global states are left alone.
    verbose : {0, 1, 2}, default=0
        0 is silent, 1 shows a progress bar, 2 prints a line for each epoch.
    normalize_y : bool, default=True
        Whether each target is brought to mean 0 and standard deviation 1 over the training
        samples, those that early stopping sets aside not among them; with "squared_log_error"
        after the logarithm, with "poisson" divided by its mean instead. Predictions are in the
        user's units in any case; the loss is not.
    output : {"free", "increasing", "decreasing"}, default="free"
        Whether the targets of a sample are predicted in an order: each at least, or at most, the
        one before it, as numbers of sources above rising luminosities are. The outputs of the
        net are sorted [7]_, in training as well; with "gaussian_nll" and "moments" the means are,
        not the standard deviations. All targets are then normalized by one mean and one
        standard deviation, so that the loss weighs them by how much they vary. One target is
        left as it is.

    Attributes
    ----------
    net_ : skorch.NeuralNet
        The trained net; ``net_.module_`` is the torch module, whose parts are ``net`` and
        ``order`` where predictions are in an order.
    history_ : list of dict
        Number, losses, learning rate and duration in seconds of each epoch: a table for
        ``pandas.DataFrame(model.history_)``.
    n_iter_ : int
        Epochs that were run.
    precision_ : str
        How products were computed in training.
    sample_shape_ : tuple of int
        Shape of a training sample.
    n_features_in_ : int
        Length of the first axis of a sample.
    target_scaler_ : TargetScaler or None
        What normalizes the targets.

    See Also
    --------
    CNNClassifier : Classes from maps.
    skastro.ensemble.SliceRegressor : Numbers from cubes by way of their slices.

    References
    ----------
    .. [1] D. P. Kingma, J. Ba, "Adam: a method for stochastic optimization", ICLR (2015);
       I. Loshchilov, F. Hutter, "Decoupled weight decay regularization", ICLR (2019).
    .. [2] L. N. Smith, N. Topin, "Super-convergence", arXiv:1708.07120 (2017).
    .. [3] R. Pascanu, T. Mikolov, Y. Bengio, "On the difficulty of training recurrent neural
       networks", ICML (2013).
    .. [4] D. A. Nix, A. S. Weigend, "Estimating the mean and variance of the target probability
       distribution", ICNN (1994).
    .. [5] N. Jeffrey, B. D. Wandelt, "Solving high-dimensional parameter inference: marginal
       posterior densities & Moment Networks", arXiv:2011.05991 (2020).
    .. [6] F. Villaescusa-Navarro et al., "The CAMELS Multifield Data Set: learning the
       Universe's fundamental parameters with artificial intelligence", ApJS 259, 61 (2022),
       arXiv:2109.10915.
    .. [7] V. Chernozhukov, I. Fernandez-Val, A. Galichon, "Improving point and interval
       estimators of monotone functions by rearrangement", Biometrika 96, 559 (2009).

    Examples
    --------
    >>> import numpy as np
    >>> from skastro.nets import ConvNet
    >>> from skastro.neural_network import CNNRegressor
    >>> rng = np.random.default_rng(0)
    >>> amplitude = rng.uniform(1, 3, size=200)
    >>> maps = amplitude[:, None, None] * rng.normal(size=(200, 8, 8))
    >>> net = ConvNet(n_layers=1, readout="mean")
    >>> model = CNNRegressor(net, lr=0.02, max_epochs=40, n_threads=1, random_state=0)
    >>> model.fit(maps[:150], amplitude[:150]).score(maps[150:], amplitude[150:]) > 0.8
    True
    """

    _losses = REGRESSION_LOSSES

    _parameter_constraints = NetEstimator._parameter_constraints | {
        "loss": [StrOptions(set(REGRESSION_LOSSES)), callable],
        "normalize_y": ["boolean"],
        "output": [StrOptions(set(OUTPUTS))],
    }
    _fitted_output = "free"
    _typical = None

    def __init__(
        self,
        net: NetLike | None = None,
        *,
        loss: RegressionLoss = "squared_error",
        optimizer: OptimizerLike = "adamw",
        lr: float = 1e-3,
        weight_decay: float = 0.01,
        max_grad_norm: float | None = None,
        batch_size: int = 32,
        max_epochs: int = 50,
        schedule: Schedule | None = "one_cycle",
        warmup_epochs: int | None = None,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        patience: int = 10,
        augmentation: Symmetries | None = None,
        average_symmetries: bool = False,
        precision: Precision = "auto",
        compile: bool = False,
        device: str = "auto",
        devices: Devices | None = None,
        n_threads: int | None = None,
        streaming: Streaming | None = None,
        checkpoint: PathLike | None = None,
        checkpoint_interval: float | None = None,
        callbacks: Callbacks | None = None,
        warm_start: bool = False,
        random_state: RandomState = None,
        verbose: int = 0,
        normalize_y: bool = True,
        output: Literal["free", "increasing", "decreasing"] = "free",
    ) -> None:
        self.net = net
        self.loss = loss
        self.optimizer = optimizer
        self.lr = lr
        self.weight_decay = weight_decay
        self.max_grad_norm = max_grad_norm
        self.batch_size = batch_size
        self.max_epochs = max_epochs
        self.schedule = schedule
        self.warmup_epochs = warmup_epochs
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.patience = patience
        self.augmentation = augmentation
        self.average_symmetries = average_symmetries
        self.precision = precision
        self.compile = compile
        self.device = device
        self.devices = devices
        self.n_threads = n_threads
        self.streaming = streaming
        self.checkpoint = checkpoint
        self.checkpoint_interval = checkpoint_interval
        self.callbacks = callbacks
        self.warm_start = warm_start
        self.random_state = random_state
        self.verbose = verbose
        self.normalize_y = normalize_y
        self.output = output

    def fit(
        self,
        X: MapsLike,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        groups: ArrayLike | None = None,
    ) -> Self:
        """Train the net.

        Parameters
        ----------
        X : array-like or LazyMaps of shape (n_samples, [n_channels,] *spatial)
            Maps. Two axes are signals; how more axes are read depends on ``net.dim``.
        y : array-like of shape (n_samples,) or (n_samples, n_targets)
            Targets.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the samples in the loss, of which only ratios matter. Samples of weight
            zero are left out.
        groups : array-like of shape (n_samples,), default=None
            Which simulation a sample is from. Early stopping then validates on whole groups.

        Returns
        -------
        self
            The fitted estimator.

        Raises
        ------
        MapShapeError
            If the maps do not fit the net.
        ValueError
            If a value is not finite, a parameter is out of its range, the device is absent,
            targets are not in the range of the loss or go against `output`, or a warm start is
            to go on with another number or order of targets, or with a loss for which the net's
            outputs mean something else.
        TypeError
            If `net` builds no module, or `callbacks` holds no callbacks.
        OSError
            If the folder of the checkpoint cannot be written to.
        DivergenceError
            If a loss or a weight becomes NaN or infinite; the estimator is then not fitted.

        Warns
        -----
        CheckpointWarning
            If a checkpoint cannot be read or written. Training goes on.
        ConvergenceWarning
            If a warm start finds nothing left to train.
        PerformanceWarning
            If chunks of a file are decompressed many times in an epoch, see `Streaming`.
        """
        X, sample_weight, groups = self._check_fit(X, y, sample_weight, groups)
        given = check_array(y, ensure_2d=False, input_name="y", dtype=np.float64, estimator=self)
        self._single_target = given.ndim == 1
        targets = given.reshape(len(given), -1)
        check_range(targets, self.loss, self._name)
        check_order(targets, self.output, self._name)
        n_targets = targets.shape[1]
        output = "free" if n_targets == 1 else self.output
        if self._continues:
            check_warm_start(self, n_targets, output)
        self._fitted_loss, self._fitted_output = self.loss, output
        shape = (n_targets * regression_loss(self.loss).outputs_per_target,)
        self._fit_net(X, targets, shape, sample_weight, groups, (given, sample_weight))
        return self

    def _encode(self, y, train):
        loss, fresh = regression_loss(self.loss), not self._continues
        ordered = self._fitted_output != "free"
        y = link_targets(y, loss)
        if fresh:
            scaler = make_scaler(loss, joint=ordered)
            self.target_scaler_ = scaler.fit(y[train]) if self.normalize_y else None
        if self.target_scaler_ is not None:
            y = self.target_scaler_.transform(y)
        if fresh:
            self._typical = typical_outputs(y[train], loss.link) if ordered else None
        return super()._encode(y.astype(np.float32), train)

    def _finish_module(self, module):
        if self._typical is None:
            return module
        order = OrderedOutputs(OUTPUTS[self._fitted_output], self._typical)
        return nn.Sequential(OrderedDict(net=module, order=order))

    @overload
    def predict(self, X: MapsLike, return_std: Literal[False] = False) -> np.ndarray: ...

    @overload
    def predict(self, X: MapsLike, return_std: Literal[True]) -> tuple[np.ndarray, np.ndarray]: ...

    @overload
    def predict(
        self, X: MapsLike, return_std: bool
    ) -> np.ndarray | tuple[np.ndarray, np.ndarray]: ...

    def predict(
        self, X: MapsLike, return_std: bool = False
    ) -> np.ndarray | tuple[np.ndarray, np.ndarray]:
        """Predict targets.

        Parameters
        ----------
        X : array-like or LazyMaps of shape (n_samples, [n_channels,] *spatial)
            Maps of the shape that was fitted.
        return_std : bool, default=False
            Whether to return standard deviations as well, after a fit with the loss
            "gaussian_nll" or "moments".

        Returns
        -------
        y_mean : ndarray of shape (n_samples,) or (n_samples, n_targets)
            Targets in the user's units.
        y_std : ndarray of the same shape
            Standard deviation (one sigma) of each target given its map, in the same units; only
            with ``return_std=True``. With ``average_symmetries=True`` it is that of the mixture
            of all views: the spread of their means is part of it.

        Raises
        ------
        MapShapeError
            If samples have not the shape that was fitted.
        ValueError
            If standard deviations are asked of a net that was trained without them.
        DivergenceError
            If the net makes NaN or infinity of the maps.
        """
        check_is_fitted(self)
        loss = regression_loss(self._fitted_loss)
        if return_std and loss.outputs_per_target == 1:
            raise ValueError(
                f"{self._name} was fitted with loss={self._fitted_loss!r}, which learns no "
                f"standard deviations. Fit with loss='gaussian_nll' or loss='moments', or set "
                f"return_std=False."
            )
        mean, std = read_outputs(self._forward(X), loss, self.target_scaler_)
        mean = in_order(mean, self._fitted_output)
        if self._single_target:
            mean = mean[:, 0]
        if not return_std:
            return mean
        return mean, std[:, 0] if self._single_target else std

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags
