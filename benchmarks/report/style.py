"""What plots share: everybody has one colour throughout."""

_COLORS = {
    "fastnn": "#d62728",
    "numpy": "#1f77b4",
    "torch": "#ff7f0e",
    "torch_compile": "#c49a6c",
    "jax": "#9467bd",
    "sklearn": "#17a2b8",
    "thinc": "#2ca02c",
    "numexpr": "#7f7f7f",
    "bound": "black",
}


def color(name: str) -> str:
    """Of a peer, of fastnn or of the bound."""
    return _COLORS.get(name, "#bcbd22")
