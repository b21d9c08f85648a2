"""Looking must not change what is looked at."""

import contextlib


@contextlib.contextmanager
def unchanged(model, *, state: bool = True, gradients: bool = True):
    """A model whose parameters and running statistics (`state`), and whose parameters' gradients,
    are afterwards what they were."""
    values = list(model.named_state().values()) if state else []
    slopes = model.parameters() if gradients else []
    before = [value.data.copy() for value in values], [p.grad.copy() for p in slopes]
    try:
        yield
    finally:
        # Looked up anew: the first training moves parameters.
        for value, old in zip(values, before[0], strict=True):
            value.data[...] = old
        for p, old in zip(slopes, before[1], strict=True):
            p.grad[...] = old
