"""Mean shift as a scikit-learn estimator, for pipelines and as a clusterer."""

from __future__ import annotations

from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from shiftlint.errors import InputError
from shiftrun.clustering.mean_shift.cells import Floats
from shiftrun.clustering.mean_shift.mean_shift import assign, mean_shift

try:
    from sklearn.base import BaseEstimator, ClusterMixin
    from sklearn.cluster import estimate_bandwidth
    from sklearn.utils.validation import check_is_fitted, validate_data
except ImportError as error:
    raise ImportError(
        "scikit-learn is not installed: shiftrun.MeanShift needs 1.6 or newer. Run: pip install "
        '"shiftlint[scikit-learn]".'
    ) from error


class MeanShift(ClusterMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """Cluster points by the modes of their density (`mean_shift`), like scikit-learn's class.

    It takes linear time in the number of points, is deterministic, and depends on the order of the
    points only by rounding. It differs from scikit-learn's in `min_support`, and `predict` gives -1
    where `fit` would.

    Parameters
    ----------
    bandwidth : float, optional
        Radius of the flat kernel, in units of the points. Default: that of
        `sklearn.cluster.estimate_bandwidth`, which takes quadratic time in the number of points.
    min_support : int
        Modes with fewer points within the bandwidth are dropped.
    cluster_all : bool
        Assign every point to its nearest mode; else orphans, farther than the bandwidth from every
        mode, get -1.

    Attributes
    ----------
    labels_ : array (N,) of int32
        The index of each point's nearest mode; -1 for orphans, and for all points if no mode has
        the support.
    cluster_centers_ : array (M, E) of float32 or float64, as the points
        Modes by descending support.
    bandwidth_ : float
        The bandwidth used.
    n_features_in_ : int
        E.
    feature_names_in_ : array (E,) of str
        Only for points with column names.

    References
    ----------
    D. Comaniciu and P. Meer: Mean Shift: A Robust Approach Toward Feature Space Analysis. IEEE PAMI
    24 (2002), sections 2 and 3; the flat kernel after K. Fukunaga and L. Hostetler (1975).

    Examples
    --------
    >>> import numpy as np
    >>> from shiftrun import MeanShift
    >>> points = np.array([[1.0, 1.0], [1.1, 1.0], [1.0, 1.2], [5.0, 5.0], [5.1, 5.0], [9.0, 1.0]])
    >>> found = MeanShift(bandwidth=1.0, min_support=2, cluster_all=False).fit(points)
    >>> found.labels_
    array([ 0,  0,  0,  1,  1, -1], dtype=int32)
    >>> found.cluster_centers_.round(2)
    array([[1.03, 1.07],
           [5.05, 5.  ]])
    >>> found.predict([[4.8, 5.3], [3.0, 3.0]])
    array([ 1, -1], dtype=int32)
    """

    labels_: NDArray[np.int32]
    cluster_centers_: Floats
    bandwidth_: float
    n_features_in_: int

    def __init__(
        self, *, bandwidth: float | None = None, min_support: int = 1, cluster_all: bool = True
    ) -> None:
        self.bandwidth = bandwidth
        self.min_support = min_support
        self.cluster_all = cluster_all

    def fit(self, X: ArrayLike, y: object = None) -> Self:  # noqa: N803  # as scikit-learn calls them
        """Find the modes, and the mode of each point.

        Parameters
        ----------
        X : array-like (N, E) of float32 or float64
            Points; numbers of other types become float64.
        y : ignored

        Raises
        ------
        InputError
            A bandwidth that is not positive. It is a ValueError, like scikit-learn's errors for
            points that are not (N, E) or not finite.
        """
        points: Floats = validate_data(self, X, dtype=(np.float64, np.float32))
        self.bandwidth_ = float(
            estimate_bandwidth(points) if self.bandwidth is None else self.bandwidth
        )
        if not 0 < self.bandwidth_ < np.inf:
            guessed = (
                f", by an estimate from n_samples = {len(points)}" if self.bandwidth is None else ""
            )
            raise InputError(
                "bandwidth (mean shift): expected a positive number, got "
                f"{self.bandwidth_}{guessed}. Choose one."
            )
        # in bandwidths around their middle: float32, used to find modes, has enough digits for that
        middle = points.min(axis=0) / 2 + points.max(axis=0) / 2
        _, modes = mean_shift(
            ((points - middle) / self.bandwidth_).astype(np.float32),
            1.0,
            min_support=self.min_support,
            overwrite_points=True,
        )
        self.cluster_centers_ = (modes.astype(np.float64) * self.bandwidth_ + middle).astype(
            points.dtype
        )
        self.labels_ = self._nearest(points)
        return self

    def predict(self, X: ArrayLike) -> NDArray[np.int32]:  # noqa: N803
        """The index of each point's nearest mode (N,); -1 beyond the bandwidth (see `cluster_all`).

        Parameters
        ----------
        X : array-like (N, E) of float32 or float64

        Raises
        ------
        sklearn.exceptions.NotFittedError
            `fit` was not called.
        ValueError
            Points that are not (N, E), with a different E than in `fit`, or not finite.
        """
        check_is_fitted(self)
        return self._nearest(validate_data(self, X, dtype=(np.float64, np.float32), reset=False))

    def _nearest(self, points: Floats) -> NDArray[np.int32]:
        if len(self.cluster_centers_) == 0:
            return np.full(len(points), -1, dtype=np.int32)
        origin = self.cluster_centers_[0].astype(np.float64)
        scaled, modes = (
            (rows - origin) / self.bandwidth_ for rows in (points, self.cluster_centers_)
        )
        return assign(scaled, modes, np.inf if self.cluster_all else 1.0)
