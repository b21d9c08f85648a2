"""Loading data and splitting it."""

from fastnn.data.dataset import Dataset
from fastnn.data.digits import load_digits
from fastnn.data.idx import load_idx, load_idx_folder
from fastnn.data.source import load
from fastnn.data.split import train_dev_test_split, train_test_split
from fastnn.data.tables import load_csv, load_npz

__all__ = [
    "Dataset",
    "load",
    "load_csv",
    "load_digits",
    "load_idx",
    "load_idx_folder",
    "load_npz",
    "train_dev_test_split",
    "train_test_split",
]
