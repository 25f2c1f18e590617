"""Regression from maps with a network."""

import numpy as np
from sklearn.base import RegressorMixin
from sklearn.utils.validation import check_array

from ..preprocessing import TargetScaler
from ..utils._params import StrOptions
from ._base import NetEstimator
from ._losses import REGRESSION_LOSSES


class CNNRegressor(RegressorMixin, NetEstimator):
    """Numbers from maps, by a network that is trained through skorch.

    Parameters
    ----------
    net : Net or callable, default=None
        Architecture; None is ``ConvNet()``. A callable takes ``(map_shape, n_outputs)`` and
        returns a torch module.
    loss : {"squared_error", "absolute_error", "huber"} or callable, default="squared_error"
        Loss, or a function of predictions and targets of shape ``(n, n_outputs)`` that returns
        one loss for each sample, or for each output of each sample.
    optimizer : {"adam", "adamw", "sgd"} or callable, default="adamw"
        Optimizer [1]_, or a class of ``torch.optim``. "sgd" has Nesterov momentum 0.9.
    lr : float, default=1e-3
        Learning rate; with a schedule, the greatest one.
    weight_decay : float, default=0.01
        Decay of the weights, as the optimizer defines it.
    batch_size : int, default=32
        Samples in a batch.
    max_epochs : int, default=50
        Number of epochs in all, also where `warm_start` continues a run.
    schedule : {"one_cycle", "cosine"} or None, default="one_cycle"
        How the learning rate changes from batch to batch over the run: up and down again
        [2]_, where the momentum of a named optimizer goes down and up, down along a cosine,
        or not at all.
    early_stopping : bool, default=False
        Whether a part of the training samples is set aside, training stops when the loss on
        it no longer falls, and the weights of the best epoch are kept. With a schedule that
        ends at `max_epochs`, the best epoch is often one of the last.
    validation_fraction : float, default=0.1
        Share of the samples, or of the groups where `groups` are given to fit, set aside.
    patience : int, default=10
        Epochs without a lower validation loss after which training stops.
    augmentation : Symmetries or None, default=None
        Random symmetries of the training maps, drawn anew for each sample and epoch.
    device : str, default="auto"
        Where to train: "auto" is the GPU where there is one, else the processor; or a name
        that torch knows, such as "cpu" or "cuda:1".
    n_threads : int, default=None
        Threads that torch may use; None leaves them as they are set.
    callbacks : list of skorch.callbacks.Callback, default=None
        Callbacks, copied before use; the copies are in ``net_.callbacks``. Leave stopping to
        `early_stopping`: that of skorch would end fit with a KeyboardInterrupt.
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
        samples, those that early stopping sets aside not among them. Predictions are in the
        user's units in any case; the loss is not.

    Attributes
    ----------
    net_ : skorch.NeuralNet
        The trained net; ``net_.module_`` is the torch module.
    history_ : list of dict
        Number, losses and duration in seconds of each epoch.
    n_iter_ : int
        Epochs that were run.
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
    }

    def __init__(
        self,
        net=None,
        *,
        loss="squared_error",
        optimizer="adamw",
        lr=1e-3,
        weight_decay=0.01,
        batch_size=32,
        max_epochs=50,
        schedule="one_cycle",
        early_stopping=False,
        validation_fraction=0.1,
        patience=10,
        augmentation=None,
        device="auto",
        n_threads=None,
        callbacks=None,
        warm_start=False,
        random_state=None,
        verbose=0,
        normalize_y=True,
    ):
        self.net = net
        self.loss = loss
        self.optimizer = optimizer
        self.lr = lr
        self.weight_decay = weight_decay
        self.batch_size = batch_size
        self.max_epochs = max_epochs
        self.schedule = schedule
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.patience = patience
        self.augmentation = augmentation
        self.device = device
        self.n_threads = n_threads
        self.callbacks = callbacks
        self.warm_start = warm_start
        self.random_state = random_state
        self.verbose = verbose
        self.normalize_y = normalize_y

    def fit(self, X, y, sample_weight=None, groups=None):
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
            If a value is not finite, a parameter is out of its range or the device is absent.
        DivergenceError
            If the loss becomes NaN or infinite.
        """
        X, sample_weight = self._check_fit(X, y, sample_weight, groups)
        y = check_array(y, ensure_2d=False, input_name="y", dtype=np.float64, estimator=self)
        self._single_target = y.ndim == 1
        y = y.reshape(len(y), -1)
        if self._continues and y.shape[1] != self._architecture[2]:
            raise ValueError(
                f"CNNRegressor(warm_start=True) was fitted on {self._architecture[2]} targets and "
                f"cannot go on with {y.shape[1]}. Set warm_start=False."
            )
        self._fit_net(X, y, y.shape[1], sample_weight, groups)
        return self

    def _encode(self, y, train):
        if not self._continues:
            self.target_scaler_ = TargetScaler().fit(y[train]) if self.normalize_y else None
        if self.target_scaler_ is not None:
            y = self.target_scaler_.transform(y)
        return y.astype(np.float32)

    def predict(self, X):
        """Predict targets.

        Parameters
        ----------
        X : array-like or LazyMaps of shape (n_samples, [n_channels,] *spatial)
            Maps of the shape that was fitted.

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_targets)
            Targets in the user's units.

        Raises
        ------
        MapShapeError
            If samples have not the shape that was fitted.
        DivergenceError
            If the net makes NaN or infinity of the maps.
        """
        y = self._forward(X).astype(np.float64)
        if self.target_scaler_ is not None:
            y = self.target_scaler_.inverse_transform(y)
        return y[:, 0] if self._single_target else y

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags
