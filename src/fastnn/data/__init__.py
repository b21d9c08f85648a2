"""Loading data and splitting it."""

from fastnn.data.augment import Augment
from fastnn.data.dataset import Dataset
from fastnn.data.digits import load_digits
from fastnn.data.idx import load_idx, load_idx_folder
from fastnn.data.inputs import load_inputs
from fastnn.data.npz import load_npz
from fastnn.data.source import load, read
from fastnn.data.split import train_dev_test_split, train_test_split
from fastnn.data.streams import stream_batches
from fastnn.data.tables import load_csv

__all__ = [
    "Augment",
    "Dataset",
    "load",
    "load_csv",
    "load_digits",
    "load_idx",
    "load_idx_folder",
    "load_inputs",
    "load_npz",
    "read",
    "stream_batches",
    "train_dev_test_split",
    "train_test_split",
]
