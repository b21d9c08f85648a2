"""Groups of parameters that are updated by settings of their own."""

import fnmatch
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np

from fastnn import _settings
from fastnn._settings import NONNEGATIVE, POSITIVE, number
from fastnn.layers import Layer
from fastnn.parameter import FlatParameters, Parameter


@dataclass(eq=False)
class Group:
    """The settings of some parameters.

    Attributes
    ----------
    name : str
        For messages: ``groups[0]``.
    members : tuple
        What the user wrote: patterns, layers, parameters. Empty: whatever no other group has.
    options : dict
        The optimizer's own settings: momentum, betas, weight_decay.
    config : tuple
        The same in the order in which the prepare kernel reads them.
    lr_factor : float
        Times the rate of the step.
    l1, l2, sample_l2, clip_value, max_norm : float
        See `Optimizer`; infinity for no limit.
    decay : bool or None
        Whether penalties and `max_norm` apply; None: as each parameter says.
    hyper : array (16,)
        What the prepare kernel writes in each step and the update kernel reads; the last is what
        `sample_l2` comes to.
    """

    name: str
    members: tuple
    options: dict
    config: tuple
    lr_factor: float
    l1: float
    l2: float
    sample_l2: float
    clip_value: float
    max_norm: float
    decay: bool | None = None
    hyper: np.ndarray = field(default_factory=lambda: np.zeros(16))

    def _decays(self, parameter: Parameter) -> bool:
        return parameter.decay if self.decay is None else self.decay

    def penalties(self, parameter: Parameter) -> tuple[float, float, float]:
        """(l1, l2, largest absolute value) for the gradient of a parameter."""
        l1, l2 = (self.l1, self.l2) if self._decays(parameter) else (0.0, 0.0)
        return l1, l2, self.clip_value

    def shrinks(self, parameter: Parameter) -> bool:
        """Whether `sample_l2` applies to a parameter."""
        return self.sample_l2 > 0 and self._decays(parameter)

    def limits(self, parameter: Parameter) -> bool:
        """Whether the rows of a parameter have a largest norm."""
        rows = len(parameter.shape) > 1 and parameter.size > 0
        return self.max_norm < math.inf and rows and self._decays(parameter)


# What surrounds every optimizer's formula, and how each is checked.
_AROUND = {
    "l1": lambda value: number("l1", value, NONNEGATIVE),
    "l2": lambda value: number("l2", value, NONNEGATIVE),
    "sample_l2": lambda value: number("sample_l2", value, NONNEGATIVE),
    "clip_value": lambda value: _limit("clip_value", value),
    "max_norm": lambda value: _limit("max_norm", value),
}
_KEYS = ("params", "lr", "lr_factor", *_AROUND, "decay")


def _limit(name: str, value) -> float:
    return math.inf if value is None else number(name, value, POSITIVE)


def make_groups(lr: float, options: dict, around: dict, groups, configure: Callable) -> list[Group]:
    """The groups of an optimizer, the one for the rest first.

    Parameters
    ----------
    lr : float
    options : dict
        The optimizer's own settings by name.
    around : dict
        l1, l2, sample_l2, clip_value, max_norm.
    groups : iterable of mappings
        What the user wrote.
    configure : callable
        ``(**options) -> config``, which checks them.
    """
    around = {name: check(around[name]) for name, check in _AROUND.items()}
    rest = Group("groups", (), options, configure(**options), 1.0, **around)
    made = [rest]
    if isinstance(groups, Mapping | str):
        raise TypeError(f"groups: expected a list of dicts, got {type(groups).__name__}")
    for i, given in enumerate(groups):
        name = f"groups[{i}]"
        if not isinstance(given, Mapping):
            raise TypeError(f"{name}: expected a dict, got {type(given).__name__}")
        if unknown := [key for key in given if key not in (*_KEYS, *options)]:
            known = ", ".join([*_KEYS, *options])
            raise ValueError(f"{name}: expected keys {known}; got {unknown[0]!r}")
        try:
            made.append(_make(name, given, lr, rest, configure))
        except (TypeError, ValueError) as error:
            raise type(error)(f"{name}: {error}") from None
    return made


def _make(name: str, given: Mapping, lr: float, rest: Group, configure: Callable) -> Group:
    options = {key: given.get(key, value) for key, value in rest.options.items()}
    around = {
        key: check(given[key]) if key in given else getattr(rest, key)
        for key, check in _AROUND.items()
    }
    decay = given.get("decay")
    if decay is not None:
        decay = bool(_settings.flag("decay", decay))
    return Group(
        name, _members(given), options, configure(**options), _factor(given, lr), **around,
        decay=decay,
    )  # fmt: skip


def _members(given: Mapping) -> tuple:
    params = given.get("params", ())
    members = params if isinstance(params, list | tuple) else (params,)
    for member in members:
        if not isinstance(member, str | Layer | Parameter):
            raise TypeError(
                "params: expected layers, parameters or patterns of their names, "
                f"got {type(member).__name__}"
            )
    if not members:
        raise ValueError("params: expected layers, parameters or patterns of their names, got none")
    return tuple(members)


def _factor(given: Mapping, lr: float) -> float:
    if "lr" in given and "lr_factor" in given:
        raise ValueError("lr: expected lr or lr_factor, got both")
    if "lr" not in given:
        return number("lr_factor", given.get("lr_factor", 1.0), NONNEGATIVE)
    own = _settings.rate(given["lr"])
    if own == lr:
        return 1.0
    if lr == 0:
        raise ValueError("lr: expected an optimizer whose lr is > 0, to be a multiple of, got 0")
    return own / lr


def assign(groups: list[Group], flat: FlatParameters) -> list[Group]:
    """The group of each parameter.

    Raises
    ------
    ValueError
        If a group names a parameter that isn't there, or two name the same one.
    """
    rest, *others = groups
    found: list[Group | None] = [None] * len(flat.parameters)
    places = {id(p): i for i, p in enumerate(flat.parameters)}
    for group in others:
        chosen = {i for member in group.members for i in _places(group, member, flat, places)}
        for i in sorted(chosen):
            if found[i] is not None:
                raise ValueError(
                    f"{group.name}: expected parameters of no other group, "
                    f"got {flat.names[i]}, which is in {found[i].name}"
                )
            found[i] = group
    return [group or rest for group in found]


def _places(group: Group, member, flat: FlatParameters, places: dict) -> list[int]:
    if isinstance(member, str):
        matching = [i for i, name in enumerate(flat.names) if fnmatch.fnmatchcase(name, member)]
        if not matching:
            raise ValueError(
                f"{group.name}: expected a pattern of names among {', '.join(flat.names)}; "
                f"got {member!r}"
            )
        return matching
    parameters = [member] if isinstance(member, Parameter) else member.parameters()
    if not parameters or any(id(p) not in places for p in parameters):
        raise ValueError(f"{group.name}: expected parameters of the model, got those of {member!r}")
    return [places[id(p)] for p in parameters]
