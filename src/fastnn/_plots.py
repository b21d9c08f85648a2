"""What everything that draws needs of matplotlib, which is optional."""


def new_figure(**options):
    """A figure that no window and no global state knows of.

    Raises
    ------
    ImportError
        Without matplotlib.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ImportError("a plot needs matplotlib: pip install 'fastnn[plot]'") from error
    return Figure(layout="constrained", **options)
