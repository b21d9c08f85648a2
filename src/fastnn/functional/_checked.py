"""The second try of a call, with checked arrays."""


def must(accepted):
    """What the engine said to arrays that were checked, and so are its to take.

    Not an ``assert``: under ``python -O`` the call would go with it.
    """
    if not accepted:
        raise AssertionError("the engine refused checked arrays")
