"""A Gaussian process over categorical decisions.

Exact, in numpy and LAPACK. scikit-learn's `GaussianProcessRegressor` is the reference of the
tests but not the engine: a weight for each choice, tied between decisions, is no kernel of its,
its likelihood has a gradient array of n x n x (parameters), and a posterior that counts running
trials would be fitted again for them. Here a fit to 200 trials takes some hundredths of a second.
"""

from __future__ import annotations

import contextlib
import functools

import numpy as np

from cell_search.space.encoding import Encoding

#: Added to the diagonal, so that equal rows leave a matrix positive definite.
_JITTER = 1e-8

#: Steps of a fit; the prior leaves nothing to gain from more.
_STEPS = 25

#: Deviations of the prior beyond which a line search does not look: exponentials overflow there.
_FAR = 30.0


def one_thread() -> contextlib.AbstractContextManager:
    """Linear algebra on one thread, within a `with` statement.

    For matrices of this size more are no help, and a great hindrance where children train on the
    other cores; and sums do not depend on the number of cores.
    """
    return _libraries().limit(limits=1, user_api="blas")


@functools.cache
def _libraries():
    # Those that are loaded when it is made are the ones that it controls.
    import scipy.linalg  # noqa: F401
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()


class CategoricalProcess:
    """Values of categorical points as a Gaussian process with mean 0.

    Two points with the vectors x and x' (see `Encoding`; of flat decisions they are one-hot) are
    correlated by

        k(x, x') = s exp(-1/2 sum_c w_c (x_c - x'_c)^2),

    a squared-exponential kernel with a weight w_c = u_p v_q for each column c: the relevance u of
    its place p, times how far what is there, q, lies from all else. The factors v are shared by
    places: that `none` is unlike all other operations is learned once for all edges of a cell.
    Long lengths make it a sum of effects of single columns, shorter ones let them interact.

    Relevances, factors, s and the variance of the noise maximise the likelihood times log-normal
    priors (MAP; Rasmussen & Williams 2006, section 5.4). They start at the prior's middle, so a
    fit depends on the data alone.

    Args:
        encoding: of the points.
    """

    def __init__(self, encoding: Encoding):
        places: dict[object, int] = {}
        things: dict[object, int] = {}
        #: Of each column: its relevance, and its shared factor.
        self._place = np.array([places.setdefault(c.place, len(places)) for c in encoding.columns])
        self._what = np.array([things.setdefault(c.what, len(things)) for c in encoding.columns])
        self._relevances, self._factors = len(places), len(things)
        # Logarithms of: relevances, factors, scale, noise. With these relevances, two random
        # points are about two lengths apart, however much is counted.
        relevance = np.log(2.0 / encoding.total)
        self._middle = np.concatenate(
            [np.full(len(places), relevance), np.zeros(len(things)), [0.0, -5.0]]
        )
        self._width = np.concatenate(
            [np.full(len(places), 1.0), np.full(len(things), 0.5), [1.0, 1.5]]
        )
        self.parameters = self._middle

    def weights(self) -> np.ndarray:
        """w of all columns, float64."""
        return self._unpack(self.parameters)[0]

    def covariance(self, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        """k of the rows of two arrays of vectors, without noise, in Fortran's order."""
        weights, scale, _ = self._unpack(self.parameters)
        return _kernel(a, b, weights, scale)

    def _unpack(self, parameters: np.ndarray) -> tuple[np.ndarray, float, float]:
        relevances = parameters[: self._relevances]
        factors = parameters[self._relevances : -2]
        weights = np.exp(relevances[self._place] + factors[self._what])
        scale, noise = np.exp(parameters[-2:])
        return weights, float(scale), float(noise)

    def fit(self, vectors: np.ndarray, values: np.ndarray) -> None:
        """Sets the parameters from data: float64 `(n, columns)` and `(n,)`."""
        from scipy.optimize import minimize

        found = minimize(
            self.loss,
            self._middle,
            args=(vectors, values),
            jac=True,
            method="L-BFGS-B",
            options={"maxiter": _STEPS},
        )
        self.parameters = found.x

    def loss(
        self, parameters: np.ndarray, vectors: np.ndarray, values: np.ndarray
    ) -> tuple[float, np.ndarray]:
        """Minus the logarithm of likelihood times prior, up to a constant, and its gradient."""
        from scipy.linalg import lapack

        off = (parameters - self._middle) / self._width
        if np.abs(off).max() > _FAR:
            return 1e10, np.zeros_like(parameters)
        weights, scale, noise = self._unpack(parameters)
        kernel = _kernel(vectors, vectors, weights, scale)
        matrix = kernel.copy(order="F")
        np.fill_diagonal(matrix, kernel.diagonal() + noise + _JITTER)
        factor, failed = lapack.dpotrf(matrix, lower=1, overwrite_a=1)
        if failed:
            return 1e10, np.zeros_like(parameters)
        alpha, _ = lapack.dpotrs(factor, values, lower=1)
        half = 0.5 * values @ alpha + np.log(factor.diagonal()).sum()
        inverse, _ = lapack.dpotri(factor, lower=1)
        inverse = np.tril(inverse) + np.tril(inverse, -1).T
        # d loss / d matrix, then by the chain rule through the kernel.
        slope = 0.5 * (inverse - np.outer(alpha, alpha))
        through = slope * kernel
        by_weight = (vectors * (through @ vectors)).sum(axis=0)
        by_weight -= (vectors**2).T @ through.sum(axis=1)
        by_weight *= weights
        gradient = np.concatenate(
            [
                np.bincount(self._place, by_weight, self._relevances),
                np.bincount(self._what, by_weight, self._factors),
                [through.sum(), noise * slope.trace()],
            ]
        )
        return float(half + 0.5 * off @ off), gradient + off / self._width

    def posterior(
        self, vectors: np.ndarray, values: np.ndarray, running: np.ndarray | None = None
    ) -> Posterior:
        """What is known after some observations; see `Posterior`."""
        return Posterior(self, vectors, values, running)


class Posterior:
    """The process, given values of some points.

    Points that are being evaluated are taken for observed at the mean that is expected of them
    ("kriging believer", Ginsbourger et al. 2010): no mean moves, but what lies near them is no
    longer uncertain.

    Args:
        process: with its parameters.
        vectors: float64 `(n, columns)`, observed.
        values: float64 `(n,)`.
        running: float64 `(m, columns)`.
    """

    def __init__(
        self,
        process: CategoricalProcess,
        vectors: np.ndarray,
        values: np.ndarray,
        running: np.ndarray | None = None,
    ):
        from scipy.linalg import lapack, solve_triangular

        self._process = process
        observed = len(values)
        self._vectors = vectors if running is None else np.concatenate([vectors, running])
        _, self._scale, noise = process._unpack(process.parameters)
        matrix = process.covariance(self._vectors, self._vectors)
        np.fill_diagonal(matrix, matrix.diagonal() + noise + _JITTER)
        self._factor, failed = lapack.dpotrf(matrix, lower=1, overwrite_a=1)
        if failed:
            raise np.linalg.LinAlgError("the covariance is not positive definite")
        # The observed come first, so their factor is a corner of the whole one.
        corner = self._factor[:observed, :observed]
        self._whitened = solve_triangular(corner, values, lower=True, check_finite=False)
        residual = solve_triangular(corner, self._whitened, trans=1, lower=True, check_finite=False)
        #: float64 `(n,)`: the mean at the observed points, which noise pulls from the values.
        self.fitted = values - (noise + _JITTER) * residual

    def predict(self, vectors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Mean and standard deviation, without noise, of each row: two float64 `(k,)`."""
        from scipy.linalg import blas

        covariance = self._process.covariance(self._vectors, vectors)
        whitened = blas.dtrsm(1.0, self._factor, covariance, lower=1, overwrite_b=1)
        mean = self._whitened @ whitened[: len(self._whitened)]
        variance = self._scale - np.einsum("ij,ij->j", whitened, whitened)
        return mean, np.sqrt(np.maximum(variance, 1e-12))


def _kernel(a: np.ndarray, b: np.ndarray, weights: np.ndarray, scale: float) -> np.ndarray:
    """The transpose of k(b, a), so that it lies in memory as LAPACK wants it.

    The sum over columns of w (a - b)^2 is |a|^2 + |b|^2 - 2 ab, for weighted vectors; the exponent
    takes half of it.
    """
    exponent = (b * weights) @ a.T
    exponent -= 0.5 * (b**2 @ weights)[:, None]
    exponent -= 0.5 * (a**2 @ weights)
    np.exp(exponent, out=exponent)
    exponent *= scale
    return exponent.T
