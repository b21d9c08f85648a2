"""The example that goes back and forth between PyTorch and fastnn, where PyTorch is."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from peers import peer

peer("torch")

EXAMPLE = Path(__file__).resolve().parents[1] / "examples" / "torch_exchange.py"


@pytest.mark.checkout
def test_both_say_the_same_all_the_way(tmp_path):
    done = subprocess.run(
        [sys.executable, str(EXAMPLE), "--quick"],
        cwd=tmp_path, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    rows = re.findall(r"(\d+\.\d\d) +(\d+\.\d\d) +(\d\.?\d*e-\d+)$", done.stdout, re.MULTILINE)
    assert len(rows) == 5
    for theirs, ours, difference in rows:
        assert theirs == ours
        assert float(difference) < 1e-4  # float32, through two convolutions
