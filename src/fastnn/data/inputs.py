"""Examples without targets: what a model that is trained is asked about."""

from fastnn.data.npz import load_npz_inputs
from fastnn.data.source import read, source_kind
from fastnn.data.tables import LABEL_NAMES, check_columns, read_table


def load_inputs(source, features=None):
    """Examples to predict, by a name or a path.

    Parameters
    ----------
    source : str or path-like
        As in :func:`fastnn.data.load`. A ``.csv`` table needs no label, a ``.npz`` file no y.
        Of a source with a test part, that part.
    features : list of str, optional
        The columns of a table that the model was trained on, in its order; others are not
        looked at. By default all but the first of "label", "target", "class" and "y".

    Returns
    -------
    ndarray (N, ...)

    Raises
    ------
    FileNotFoundError, ValueError
        As :func:`fastnn.data.load`; if one of the features is not there.

    Examples
    --------
    >>> load_inputs("digits").shape
    (360, 64)
    """
    kind = source_kind(source)
    if kind == "npz":
        return load_npz_inputs(source)
    if kind != "csv":
        data = read(source)
        return data.x_train if data.x_test is None else data.x_test

    def choose(names):
        if features is not None:
            check_columns(source, features, names)
            return list(features), None
        label = next((name for name in LABEL_NAMES if name in names), None)
        return [name for name in names if name != label], None

    return read_table(source, choose)[0]
