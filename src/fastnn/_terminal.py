"""What the command line says: errors, and tables for a terminal."""


class CommandError(Exception):
    """Ends the command with one line of explanation.

    Parameters
    ----------
    message : str
    code : int
        2 for wrong usage or data, 1 for the rest.
    """

    def __init__(self, message, code=2):
        super().__init__(str(message))
        self.code = code


def explain(error: BaseException) -> str:
    """An error in one sentence.

    Examples
    --------
    >>> explain(FileNotFoundError(2, "No such file or directory", "iris.csv"))
    'iris.csv: No such file or directory'
    """
    if isinstance(error, OSError) and error.strerror:
        return ": ".join(map(str, filter(None, (error.filename, error.strerror))))
    return str(error) or type(error).__name__


def confusion_table(matrix, names) -> str:
    """A confusion matrix to print: true classes down, predicted ones across.

    Parameters
    ----------
    matrix : sequence of sequences of int
    names : sequence of str
        Of the classes.

    Examples
    --------
    >>> print(confusion_table([[5, 1], [0, 7]], ["cat", "dog"]))
        cat dog
    cat   5   1
    dog   .   7
    """
    cells = [[str(count) if count else "." for count in row] for row in matrix]
    left = max(map(len, names))
    widths = [
        max(len(name), *(len(row[column]) for row in cells)) for column, name in enumerate(names)
    ]

    def line(name, row):
        return " ".join([f"{name:<{left}}", *map(str.rjust, row, widths)]).rstrip()

    return "\n".join([line("", names), *map(line, names, cells)])


def epoch_line(record, epochs) -> str:
    """The numbers of an epoch in one line.

    Examples
    --------
    >>> epoch_line({"epoch": 3, "loss": 0.25, "val_accuracy": 0.5, "lr": 0.1, "seconds": 1}, 20)
    'epoch  3/20  loss 0.25  val_accuracy 0.5  1 s'
    """
    width = len(str(epochs))
    parts = [f"epoch {record['epoch']:{width}}/{epochs}"]
    parts += [
        f"{name} {value:.4g}" for name, value in record.items()
        if name not in ("epoch", "lr", "seconds")
    ]  # fmt: skip
    return "  ".join([*parts, f"{record['seconds']:.3g} s"])
