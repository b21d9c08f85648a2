"""Setting examples aside, for testing and for choosing between models."""

import numbers

import numpy as np


def train_test_split(*arrays, test_size=0.25, stratify=None, seed=0):
    """Split arrays into a part to train on and a part to test on, at random.

    Parameters
    ----------
    *arrays : array_like (N, ...)
        Split alike. A memory map is read row by row, and only the parts are in memory; to
        leave even these on disk, split ``np.arange(N)`` and index with it later.
    test_size : float or int
        The fraction of the examples, 0 < test_size < 1, rounded to a whole number, or how many.
    stratify : array_like (N,), optional
        Classes. Each part then gets its share of each class, rounded by the method of largest
        remainder (a small part can come out without a rare class, the training part cannot).
    seed : int or numpy.random.Generator
        The same seed gives the same split.

    Returns
    -------
    list of ndarray
        ``train, test`` of the first array, then of the second, and so on; rows are shuffled.

    Raises
    ------
    ValueError
        If the arrays differ in length, a size leaves a part empty, or a class has fewer than
        two members or would have none to train on.

    Notes
    -----
    The order of what is returned is that of scikit-learn's function; which rows go where, and
    how a fraction is rounded (there up), is not.

    Examples
    --------
    >>> x, y = np.arange(10.0), np.array([0, 1] * 5)
    >>> x_train, x_test, y_train, y_test = train_test_split(x, y, test_size=0.4, stratify=y)
    >>> len(x_train), sorted(y_test.tolist())
    (6, [0, 0, 1, 1])
    """
    return _split(arrays, {"test_size": test_size}, stratify, seed)


def train_dev_test_split(x, y, *, dev_size, test_size, stratify=True, seed=0):
    """Split examples into parts to train on, to choose models by, and to test on.

    Parameters
    ----------
    x, y : array_like (N, ...)
        Examples and targets.
    dev_size, test_size : float or int
        As in :func:`train_test_split`; fractions are of all N.
    stratify : bool
        Whether each part gets its share of each class. Not for regression.
    seed : int or numpy.random.Generator
        The same seed gives the same split, and its test part does not depend on dev_size.

    Returns
    -------
    list of ndarray
        ``x_train, x_dev, x_test, y_train, y_dev, y_test``.

    Raises
    ------
    ValueError
        As :func:`train_test_split`; a class needs three members.

    Examples
    --------
    >>> x, y = np.arange(10.0), np.array([0, 1] * 5)
    >>> parts = train_dev_test_split(x, y, dev_size=0.2, test_size=0.2)
    >>> [len(part) for part in parts]
    [6, 2, 2, 6, 2, 2]
    """
    sizes = {"dev_size": dev_size, "test_size": test_size}
    return _split((x, y), sizes, y if stratify else None, seed)


def _split(arrays, sizes, stratify, seed):
    """Each array in 1 + len(sizes) parts, in the order of the sizes after the training part."""
    if not arrays:
        raise TypeError("arrays: expected at least one, got none")
    arrays = [np.asanyarray(values) for values in arrays]  # does not read a memory map
    n = len(arrays[0])
    for position, values in enumerate(arrays):
        if len(values) != n:
            raise ValueError(
                f"arrays[{position}]: expected {n} rows as in the first, got {len(values)}"
            )
    sizes = {name: _count(name, size, n) for name, size in sizes.items()}
    if sum(sizes.values()) >= n:
        raise ValueError(
            f"{' + '.join(sizes)}: expected less than the {n} examples, got {sum(sizes.values())}"
        )
    codes, classes = np.zeros(n, np.intp), None
    if stratify is not None:
        classes, codes = _classes(stratify, n, parts=1 + len(sizes))

    order = np.random.default_rng(seed).permutation(n)
    by_class = order[np.argsort(codes[order], kind="stable")]
    left = np.bincount(codes)
    start = np.cumsum(left) - left
    part = np.zeros(n, np.int8)  # 0 is the training part
    # Backwards, so that the test part is the same whatever is taken for the others.
    for number, size in reversed(list(enumerate(sizes.values(), 1))):
        take = _largest_remainder(left, size)
        for first, count in zip(start, take, strict=True):
            part[by_class[first : first + count]] = number
        start, left = start + take, left - take
    if not left.all():
        raise ValueError(
            f"stratify: expected every class to train on, got none of "
            f"{classes[left.argmin()]!r} beside {sizes}"
        )
    rows = [order[part[order] == number] for number in range(1 + len(sizes))]
    return [values[index] for values in arrays for index in rows]


def _count(name, size, n):
    """A size as a number of examples."""
    if isinstance(size, bool) or not isinstance(size, numbers.Real):
        raise TypeError(f"{name}: expected a fraction or a count, got {size!r}")
    whole = isinstance(size, numbers.Integral)
    count = int(size) if whole else round(size * n) if 0 < size < 1 else 0
    if not 0 < count < n:
        raise ValueError(
            f"{name}: expected between 1 and {n - 1} of {n} examples, or such a fraction, "
            f"got {size}"
        )
    return count


def _classes(labels, n, parts):
    labels = np.asarray(labels)
    if labels.shape != (n,):
        raise ValueError(f"stratify: expected shape {(n,)}, got {labels.shape}")
    if labels.dtype.kind == "f":
        raise TypeError(f"stratify: expected classes, not numbers to predict, got {labels.dtype}")
    classes, codes, counts = np.unique(labels, return_inverse=True, return_counts=True)
    if counts.min() < parts:
        rare = counts.argmin()
        raise ValueError(
            f"stratify: expected at least {parts} members of each class, one for each part, got "
            f"{counts[rare]} of class {classes[rare].item()!r}"
        )
    return classes.tolist(), codes


def _largest_remainder(counts, total):
    """Whole numbers in proportion to counts that add up to total (Hare quota; ties go first)."""
    share, remainder = np.divmod(counts * total, counts.sum())
    missing = total - share.sum()
    share[np.argsort(-remainder, kind="stable")[:missing]] += 1
    return share
