"""Leading eigenvectors of the covariance of rows that come in blocks."""

from itertools import chain
from typing import NamedTuple

import numpy as np
from scipy.linalg import eigh, qr, svd
from scipy.linalg.blas import dsymv, dsyr, ssyrk
from scipy.sparse.linalg import ArpackError, LinearOperator, eigsh

_BLOCK_BYTES = 1 << 25
_MOST_ROWS = 8192
_MOST_COLUMNS = 1024
_FEW = 20  # one eigenvector in so many is worth the iterations of ARPACK


class Components(NamedTuple):
    """Principal components of the rows of a matrix.

    Attributes
    ----------
    vectors : ndarray of shape (n_components, n_features)
        Components, float64, the largest variance first; their value of largest modulus is
        positive.
    variance : ndarray of shape (n_components,)
        Variance along each.
    mean : ndarray of shape (n_features,)
        Mean of the rows.
    total_variance : float
        Variance of all features together.
    """

    vectors: np.ndarray
    variance: np.ndarray
    mean: np.ndarray
    total_variance: float


def row_blocks(parts, n_rows, n_features, at_least):
    """Put rows together into blocks of one size, whatever parts they come in.

    Parameters
    ----------
    parts : iterable of ndarray of shape (n, n_features)
        All the rows in turn.
    n_rows : int
        How many there are.
    n_features : int
        Values of a row.
    at_least : int
        The least number of rows of a block, but the last, where memory would have fewer.

    Yields
    ------
    ndarray of shape (n, n_features)
        A block, float32, valid until the next; it may be written to.
    """
    size = min(n_rows, max(at_least, min(_MOST_ROWS, _BLOCK_BYTES // (4 * n_features))))
    block, filled = np.empty((size, n_features), dtype=np.float32), 0
    for part in parts:
        start = 0
        while start < len(part):
            n = min(len(part) - start, size - filled)
            block[filled : filled + n] = part[start : start + n]
            start, filled = start + n, filled + n
            if filled == size:
                yield block
                filled = 0
    if filled:
        yield block[:filled]


def components_of_covariance(blocks, n_components):
    """Exact components, from the covariance of all features.

    Each block is centred on its own mean and multiplied in float32; the products and means are
    joined in float64, after Chan, Golub and LeVeque (1983).

    Parameters
    ----------
    blocks : iterable of ndarray of shape (n, n_features)
        Rows, float32, which are overwritten; they are gone through once.
    n_components : int or float
        Number of components, or the fraction of the variance that they are to exceed.

    Returns
    -------
    Components
        The components.
    """
    blocks, unit = _of_order_one(blocks)
    n_rows, mean = 0, 0.0
    for block in blocks:
        if not n_rows:
            scatter = np.zeros((block.shape[1],) * 2, order="F")
            product = np.zeros(scatter.shape, dtype=np.float32, order="F")
        block_mean = block.mean(axis=0, dtype=np.float64)
        np.subtract(block, block_mean.astype(np.float32), out=block)
        product = ssyrk(1.0, block.T, c=product, lower=1, overwrite_c=1)
        np.add(scatter, product, out=scatter)
        n, step = len(block), block_mean - mean
        dsyr(n_rows * n / (n_rows + n), step, a=scatter, lower=1, overwrite_a=1)
        mean, n_rows = mean + step * (n / (n_rows + n)), n_rows + n
    del product
    np.divide(scatter, n_rows - 1, out=scatter)
    total = float(np.trace(scatter))
    if isinstance(n_components, float):
        variance, vectors = _explaining(scatter, n_components, total, min(n_rows, len(mean)))
    else:
        variance, vectors = _leading(scatter, n_components, total)
    return _sorted_components(vectors, variance, mean, total, unit)


def components_of_products(blocks, n_rows, n_components):
    """Exact components of fewer rows than features, from the products of the rows.

    The matrix of these has the eigenvalues of the covariance that are not zero, and its
    eigenvectors say how much of each row is in a component (Sirovich 1987). Products are taken
    in float32 of a few features at a time and summed in float64.

    Parameters
    ----------
    blocks : iterable of ndarray of shape (n, n_features)
        Rows, float32; they are gone through once and kept.
    n_rows : int
        How many there are.
    n_components : int or float
        Number of components, or the fraction of the variance that they are to exceed.

    Returns
    -------
    Components
        The components.
    """
    blocks, unit = _of_order_one(blocks)
    start = 0
    for block in blocks:
        if not start:
            rows = np.empty((n_rows, block.shape[1]), dtype=np.float32)
        rows[start : start + len(block)] = block
        start += len(block)
    mean = rows.mean(axis=0, dtype=np.float64)
    rows -= mean.astype(np.float32)
    parts = [slice(i, i + _MOST_COLUMNS) for i in range(0, len(mean), _MOST_COLUMNS)]
    products = np.zeros((n_rows, n_rows), order="F")
    for part in parts:
        products += ssyrk(1.0, rows[:, part].T, trans=1, lower=1)
    np.divide(products, n_rows - 1, out=products)
    total = float(np.trace(products))
    if isinstance(n_components, float):
        variance, weights = _explaining(products, n_components, total, n_rows)
    else:
        variance, weights = _leading(products, n_components, total)
    weights = np.ascontiguousarray(weights[:, ::-1])
    vectors = np.concatenate([rows[:, part].T.astype(np.float64) @ weights for part in parts])
    # Directions without variance, of which the last is one, are made orthogonal to the others.
    vectors = qr(vectors, mode="economic")[0]
    return _sorted_components(vectors[:, ::-1], variance, mean, total, unit)


def _explaining(covariance, fraction, total, most):
    """The least number of eigenvalues that exceed a fraction of their sum, and eigenvectors."""
    values, vectors = eigh(covariance, lower=True, overwrite_a=True)
    explained = np.cumsum(np.maximum(values[::-1], 0)) / (total or 1.0)
    keep = min(np.searchsorted(explained, fraction, side="right") + 1, most)
    return values[-keep:], vectors[:, -keep:]


def _leading(covariance, n_components, total):
    """Largest eigenvalues and eigenvectors of a matrix of which the lower triangle is given."""
    n_features = len(covariance)
    if total and n_components * _FEW <= n_features:
        # Drawn, since ones may be an eigenvector; always the same, so that fits are equal.
        start = np.random.default_rng(0).normal(size=n_features)
        operator = LinearOperator(
            covariance.shape,
            matvec=lambda vector: dsymv(1.0, covariance, vector, lower=1),
            dtype=np.float64,
        )
        try:
            return eigsh(operator, n_components, v0=start)
        except ArpackError:  # many eigenvalues are equal; what follows does not mind
            pass
    first = n_features - n_components
    return eigh(covariance, lower=True, overwrite_a=True, subset_by_index=(first, n_features - 1))


def components_by_iteration(make_blocks, n_components, n_oversamples, n_iter, generator):
    """Approximate components by subspace iteration, without the covariance.

    Parameters
    ----------
    make_blocks : callable
        Returns an iterable of blocks as `row_blocks` yields them; called ``n_iter + 1`` times.
    n_components : int
        Number of components.
    n_oversamples : int
        Further dimensions of the subspace.
    n_iter : int
        Number of iterations after the first product.
    generator : numpy.random.RandomState
        Draws the first subspace.

    Returns
    -------
    Components
        The components.
    """
    blocks, unit = _of_order_one(make_blocks())
    block = next(blocks)
    n_features = block.shape[1]
    n_vectors = min(n_components + n_oversamples, n_features)
    basis = qr(generator.normal(size=(n_features, n_vectors)), mode="economic")[0]
    origin = block.mean(axis=0, dtype=np.float64).astype(np.float32)
    n_rows, sums, squares, image = 0, 0.0, 0.0, np.zeros_like(basis)
    while block is not None:
        block -= origin
        n_rows, sums = n_rows + len(block), sums + block.sum(axis=0, dtype=np.float64)
        squares += np.einsum("ij,ij->i", block, block).sum(dtype=np.float64)
        image += _times_gram(block, basis)
        block = next(blocks, None)
    rest = sums / n_rows
    image -= n_rows * np.outer(rest, rest @ basis)
    total = max(0.0, float(squares - n_rows * (rest @ rest)) / (n_rows - 1))
    mean = origin + rest
    shift = 0.0
    for i in range(n_iter + 1):
        if i:
            image = -shift * basis
            for block in make_blocks():
                np.divide(block, unit, out=block)
                np.subtract(block, mean.astype(np.float32), out=block)
                image += _times_gram(block, basis)
        basis, values, _ = svd(image, full_matrices=False)
        values += shift
        # Half of the least eigenvalue that is kept: what is smaller falls behind faster.
        shift = max(shift, values[-1] / 2)
    variance = values[:n_components][::-1] / (n_rows - 1)
    vectors = basis[:, :n_components][:, ::-1]
    return _sorted_components(vectors, variance, mean, total, unit)


def _of_order_one(blocks):
    """Blocks in a unit, a power of two, in which squares stay in the range of float32."""
    blocks = iter(blocks)
    first = next(blocks)
    exponent = np.frexp(max(first.max(), -first.min()))[1] - 1
    unit = np.ldexp(np.float32(1), exponent)
    return (np.divide(block, unit, out=block) for block in chain([first], blocks)), unit


def _times_gram(block, basis):
    """``block.T @ block @ basis`` in float32."""
    return block.T @ (block @ basis.astype(np.float32))


def _sorted_components(vectors, variance, mean, total, unit):
    """Turn ascending eigenvectors, as columns, into components, fix their signs and the unit."""
    vectors = np.ascontiguousarray(vectors.T[::-1])
    largest = np.argmax(np.abs(vectors), axis=1)
    vectors *= np.sign(vectors[np.arange(len(vectors)), largest])[:, None]
    unit = float(unit)
    variance = np.maximum(variance[::-1], 0.0) * unit**2
    return Components(vectors, variance, mean * unit, total * unit**2)
