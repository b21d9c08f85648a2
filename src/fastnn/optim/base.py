"""What all optimizers share: state, and the calls that are strung around their kernels."""

import math
from typing import ClassVar

import numpy as np

from fastnn import _dispatch, _engine, _settings
from fastnn._settings import POSITIVE, number
from fastnn.graph import Call, UpdateFields, keep_gradient
from fastnn.optim.groups import Group, assign, make_groups
from fastnn.parameter import FlatParameters, aligned_zeros


class Optimizer:
    """Settings, and the state that they have built up.

    Parameters
    ----------
    lr : float
        Learning rate, at least 0. A schedule given to the `Trainer` replaces it.
    l1, l2 : float
        Penalties ``l1 * sum |w| + l2 / 2 * sum w^2`` on weights, not biases.
    sample_l2 : float
        A penalty ``sample_l2 / (2 n) * sum w^2`` on weights, `n` the sum of the batch's sample
        weights: scikit-learn's `alpha`. Unlike the other two it is part of the loss that training
        reports. Only `Trainer` knows `n`.
    clip_value : float, optional
        The largest absolute value of an element of the gradient.
    clip_norm : float, optional
        The largest norm of the gradient of all parameters; a longer one is scaled down to it
        (Pascanu et al. 2013), as ``torch.nn.utils.clip_grad_norm_``.
    max_norm : float, optional
        The largest norm of a unit's incoming weights, a row of its weight (all axes but the
        first); after each update longer ones are scaled down to it (Srivastava et al. 2014).
    groups : list of dict
        Parameters with settings of their own, as PyTorch's parameter groups. In each,
        ``"params"`` says which: a layer, a `Parameter`, a pattern of `state_dict` keys
        (``"*.bias"``), or a list of these. The others override what is given here: ``"lr"``, or
        ``"lr_factor"`` times the lr of the step; ``"l1"``, ``"l2"``, ``"sample_l2"``,
        ``"clip_value"``, ``"max_norm"``, and the optimizer's own, as ``"weight_decay"`` or
        ``"momentum"``.
        ``"decay": True`` has penalties and `max_norm` apply to all of the group, biases too.
        Schedules scale the rates of all groups alike.

    Attributes
    ----------
    steps : int
        Steps taken.

    Raises
    ------
    TypeError, ValueError
        If a setting is of another type, out of its range or unknown. Whether groups suit a model
        is known when training begins: ValueError where they name a parameter twice, or one that
        isn't there. Nothing is changed then.

    Notes
    -----
    `lr` may be changed between one `fit` and the next. The other settings are compiled into a
    program: for others, give the trainer a new optimizer.

    Parameters that are not to be learned: ``layer.requires_grad_(False)``.

    Examples
    --------
    >>> import fastnn
    >>> model = fastnn.Sequential(fastnn.Linear(4, 8), fastnn.ReLU(), fastnn.Linear(8, 3))
    >>> optimizer = fastnn.SGD(
    ...     lr=0.1,
    ...     momentum=0.9,
    ...     weight_decay=1e-4,
    ...     groups=[
    ...         {"params": "*.bias", "weight_decay": 0.0},
    ...         {"params": model[0].weight, "lr": 0.01},
    ...     ],
    ... )
    """

    name: ClassVar[str]  # of the kernels
    states: ClassVar[tuple[str, ...]] = ()  # arrays kept for each parameter, at most three

    def __init__(
        self, lr, options, *, l1=0.0, l2=0.0, sample_l2=0.0, clip_norm=None, clip_value=None,
        max_norm=None, groups=(),
    ):  # fmt: skip
        self.lr = _settings.rate(lr)
        self.clip_norm = None if clip_norm is None else number("clip_norm", clip_norm, POSITIVE)
        around = {
            "l1": l1, "l2": l2, "sample_l2": sample_l2, "clip_value": clip_value,
            "max_norm": max_norm,
        }  # fmt: skip
        self.groups = make_groups(self.lr, options, around, groups, self.configure)
        self.steps = 0
        self._flat: FlatParameters | None = None
        self._groups: list[Group] = []  # of each parameter
        self._state: dict[str, np.ndarray] = {}
        self._late = None  # the program of `step`, and which parameters it was made for
        self._learned: list[bool] = []

    # -- what a subclass says ---------------------------------------------------------------

    def configure(self, **options) -> tuple:
        """The optimizer's own settings, checked, in the order in which its prepare kernel reads
        them."""
        raise NotImplementedError

    def used_states(self, options: dict) -> tuple[str, ...]:
        """Those of `states` that the settings call for."""
        return self.states

    def descends(self, options: dict) -> bool:
        """Whether an update is ``param -= lr * grad`` and nothing else."""
        return False

    # -- state ------------------------------------------------------------------------------

    def bind(self, flat: FlatParameters) -> None:
        """Take charge of these parameters; state begins at zero if they are new."""
        if self._flat is flat:
            return
        self._groups = assign(self.groups, flat)
        self._flat, self._late, self.steps = flat, None, 0
        names, size = self._kept(), flat.data.size
        # One behind the other: the kernels find a third from where the second is.
        memory = aligned_zeros(len(names) * size, flat.dtype)
        self._state = {n: memory[i * size : (i + 1) * size] for i, n in enumerate(names)}

    def _kept(self) -> list[str]:
        """Those of `states` that any group calls for."""
        used = {name for group in self.groups for name in self.used_states(group.options)}
        return [name for name in self.states if name in used]

    def serves(self, flat: FlatParameters) -> bool:
        """Whether the state is that of these parameters."""
        return self._flat is flat

    def state_dict(self) -> dict[str, np.ndarray]:
        """Copies of the state: a flat array for each name in `states`, and ``step``."""
        state = {name: array.copy() for name, array in self._state.items()}
        return state | {"step": np.array(self.steps, np.int64)}

    def load_state_dict(self, state: dict[str, np.ndarray], model) -> None:
        """Go on from what `state_dict` returned, with a model of the same parameters.

        Parameters
        ----------
        state : dict of array
        model : Layer
            That is trained from here on.

        Raises
        ------
        KeyError
            If a key is missing or unknown.
        TypeError, ValueError
            If a dtype or shape differs. Nothing is changed then.

        Examples
        --------
        >>> import fastnn
        >>> model, optimizer = fastnn.Linear(3, 2), fastnn.Adam()
        >>> optimizer.step(model)
        >>> again = fastnn.Adam()
        >>> again.load_state_dict(optimizer.state_dict(), model)
        >>> again.steps
        1
        """
        flat = FlatParameters.of(model)
        expected = dict.fromkeys(self._kept(), (flat.data.shape, flat.dtype))
        expected["step"] = ((), np.dtype(np.int64))
        if state.keys() != expected.keys():
            raise KeyError(f"state: expected keys {', '.join(expected)}; got {', '.join(state)}")
        for name, (shape, dtype) in expected.items():
            value = np.asarray(state[name])
            if value.dtype != dtype:
                raise TypeError(f"state[{name!r}]: expected {dtype}, got {value.dtype}")
            if value.shape != shape:
                raise ValueError(f"state[{name!r}]: expected shape {shape}, got {value.shape}")
        self.bind(flat)
        for name, array in self._state.items():
            array[...] = state[name]
        self.steps = int(state["step"])

    # -- calls ------------------------------------------------------------------------------

    @property
    def fuses(self) -> bool:
        """Whether a parameter can be updated as soon as its own gradient is known."""
        return self.clip_norm is None

    def _leaf(self, role: str):
        return _dispatch.table(role)[self._flat.dtype]

    def _regularize(self, group: Group, parameter) -> tuple:
        """(leaf or None, (l1, l2, limit)) for a parameter."""
        scalars = group.penalties(parameter)
        if scalars == (0, 0, math.inf) and not group.shrinks(parameter):
            return None, ()
        return self._leaf("regularize.apply"), scalars

    def _states(self, group: Group, begin: int, end: int) -> list:
        """A part of the first two states, where the group has them."""
        used = self.used_states(group.options)
        parts = [a[begin:end] if name in used else None for name, a in self._state.items()]
        return (parts + [None] * 2)[:2]

    def prepare_calls(self) -> list[Call]:
        """What comes first in a step: bias corrections and the like, in double."""
        leaf, calls = self._leaf(f"{self.name}.prepare"), []
        for group in self.groups:
            third = len(self.used_states(group.options)) == 3
            config = np.array([*group.config, self._flat.data.size if third else 0])
            buffers = (config, *(None,) * 5, group.hyper)
            calls.append(Call("prepare", (leaf,), buffers, (), (group.lr_factor,)))
        return calls

    def penalty_calls(self) -> list[Call]:
        """What comes between the loss and its gradients: what a batch's samples share."""
        flat, calls, leaf = self._flat, [], self._leaf("squares.sum")
        for group in self.groups:
            if not group.sample_l2:
                continue
            learned = [
                p.data for p, of in zip(flat.parameters, self._groups, strict=True)
                if of is group and group.shrinks(p) and p.requires_grad
            ]  # fmt: skip
            squares, partial, blocks = _squares(learned, leaf)
            buffers = (None, None, None, None, partial, None, group.hyper)
            calls += [
                *squares,
                Call("penalty", (), buffers, (blocks * _engine.UPDATE_BLOCK,), (group.sample_l2,)),
            ]
        return calls

    def fields(self, parameter) -> UpdateFields:
        """What follows the gradient of one parameter when updates are fused."""
        if not parameter.requires_grad:
            return keep_gradient(parameter)
        flat = self._flat
        i = next(i for i, p in enumerate(flat.parameters) if p is parameter)
        group = self._groups[i]
        regularize, scalars = self._regularize(group, parameter)
        begin = flat.offsets[i]
        return UpdateFields(
            grad=None,
            buffers=(
                parameter.data, *self._states(group, begin, begin + parameter.size), group.hyper,
            ),
            leaves=(self._leaf(f"{self.name}.update"), regularize),
            scalars=scalars,
            descend=self.descends(group.options) and regularize is None,
        )  # fmt: skip

    def late_calls(self) -> list[Call]:
        """A whole step over the flat buffers, once all gradients are known."""
        flat = self._flat
        calls = self.prepare_calls()
        for p, group in zip(flat.parameters, self._groups, strict=True):
            leaf, scalars = self._regularize(group, p)
            if leaf is not None and p.requires_grad:
                buffers = (None, None, p.grad, p.data, None, None, group.hyper)
                calls.append(Call("update", (None, None, None, leaf), buffers, (p.size,), scalars))
        factor, scale = None, None
        if self.clip_norm is not None:
            factor, scale = np.ones(2), self._leaf("scale.apply")
            calls += self._clip_calls(factor)
        for group, begin, end in self._runs():
            buffers = (flat.grad[begin:end], flat.data[begin:end])
            states = self._states(group, begin, end)
            leaves = (scale, None, self._leaf(f"{self.name}.update"), None)
            buffers = (factor, None, *buffers, *states, group.hyper)
            calls.append(Call("update", leaves, buffers, (end - begin,)))
        return calls + self.limit_calls()

    def _runs(self) -> list[tuple[Group, int, int]]:
        """The parts of the flat buffers that are updated alike: (group, begin, end)."""
        flat, runs = self._flat, []
        ends = [*flat.offsets[1:], flat.data.size]
        for p, group, begin, end in zip(
            flat.parameters, self._groups, flat.offsets, ends, strict=True
        ):
            if not p.requires_grad:
                continue
            if runs and runs[-1][0] is group and runs[-1][2] == begin:
                begin = runs.pop()[1]
            runs.append((group, begin, end))
        return runs

    def _clip_calls(self, factor: np.ndarray) -> list[Call]:
        """From the norm of all that is learned to the factor that brings it down."""
        gradients = [self._flat.grad[begin:end] for _, begin, end in self._runs()]
        calls, partial, blocks = _squares(gradients, self._leaf("squares.sum"))
        buffers, size = (factor, None, None, None, partial), blocks * _engine.UPDATE_BLOCK
        return [*calls, Call("clip_factor", (), buffers, (size,), (self.clip_norm,))]

    def limit_calls(self) -> list[Call]:
        """What comes last in a step: rows that have grown too long."""
        leaves = (self._leaf("squares.sum"), self._leaf("scale.apply"))
        return [
            Call("limit_rows", leaves, (p.data,), (len(p.data), p.size // len(p.data)),
                 (group.max_norm,))
            for p, group in zip(self._flat.parameters, self._groups, strict=True)
            if group.limits(p) and p.requires_grad
        ]  # fmt: skip

    def step(self, model) -> None:
        """One step from the gradients that ``model.backward`` left in its parameters.

        Parameters
        ----------
        model : Layer
            Penalties and clipping change its gradients in place.

        Raises
        ------
        ValueError
            If there is a `sample_l2`: how many samples made the gradients isn't known here.

        Examples
        --------
        >>> import fastnn, numpy as np
        >>> model, optimizer = fastnn.Linear(3, 2), fastnn.SGD(lr=0.1)
        >>> x, y = np.ones((4, 3), np.float32), np.zeros(4, np.int64)
        >>> for _ in range(3):
        ...     loss, grad = fastnn.CrossEntropyLoss()(model.forward(x), y)
        ...     _ = model.backward(grad)
        ...     optimizer.step(model)
        >>> optimizer.steps
        3
        """
        if any(group.sample_l2 for group in self.groups):
            raise ValueError("sample_l2: expected 0 outside of Trainer; use l2")
        self.bind(FlatParameters.of(model))
        learned = [p.requires_grad for p in self._flat.parameters]
        if self._late is None or learned != self._learned:
            self._learned, size = learned, self._flat.dtype.itemsize
            specs = [("gather", size, (), (None, None, None), (0, 0), (0.0,))] * 3
            specs += [
                (c.op, size, c.leaves, c.buffers, c.dims, c.scalars) for c in self.late_calls()
            ]
            self._late = _engine.Program(specs, (3, 3, 3), [None] * 3, 0, 0)
        self.steps += 1
        self._late.update(self.lr, self.steps)

    def __repr__(self):
        return f"{type(self).__name__}(lr={self.lr:g})"


def _squares(arrays: list[np.ndarray], leaf) -> tuple[list[Call], np.ndarray, int]:
    """Calls that write the sums of squares of arrays, block by block; where; how many blocks."""
    blocks = [-(-array.size // _engine.UPDATE_BLOCK) for array in arrays]
    partial = np.zeros(sum(blocks) + 1)
    calls, first = [], 0
    for array, count in zip(arrays, blocks, strict=True):
        buffers = (None, None, array, None, partial[first:])
        calls.append(Call("squares", (leaf,), buffers, (array.size,)))
        first += count
    return calls, partial, first
