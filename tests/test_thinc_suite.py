"""thinc's own tests, on fastnn's backend: what thinc passes, fastnn passes.

They lie in its wheel. Some fail on thinc's own backend, where NumPy or PyTorch is newer than they
are; so both are run, in processes of their own, and compared.
"""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from peers import peer

peer("thinc")
peer("thinc.tests")

# Failing examples aren't made smaller, which would take minutes.
QUICK = """
from hypothesis import Phase, settings
settings.register_profile("quick", phases=[Phase.explicit, Phase.generate])
settings.load_profile("quick")
"""

# What takes the place of NumpyOps in the tests of backends; and what all else runs under.
PLUGINS = {
    "original": "",
    "backend": "import thinc.api, fastnn.thinc; thinc.api.NumpyOps = fastnn.thinc.FastnnOps",
    "installed": "import fastnn.thinc; fastnn.thinc.install()",
}

# Cases that fastnn fails and thinc doesn't, and why.
EXPECTED = {
    "backend": {
        # With that plugin it asks whether the backend called "numpy" is a FastnnOps.
        "test_get_ops",
    },
    "installed": set(),
}


def outcomes(folder, plugin, *arguments):
    """What becomes of each case: ``{"test_gemm[...]": "PASSED"}``."""
    (folder / f"{plugin}_plugin.py").write_text(QUICK + PLUGINS[plugin])
    # Deterministic examples, the same ones for both.
    command = [
        sys.executable, "-m", "pytest", "-p", f"{plugin}_plugin", "-p", "no:cacheprovider",
        "-o", "addopts=", "-rA", "--tb=no", "-q", "-W", "ignore", "--hypothesis-seed=0",
        "--continue-on-collection-errors", *arguments,
    ]  # fmt: skip
    path = [str(folder), *(str(Path(p).resolve()) for p in sys.path if p)]
    run = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, check=False, timeout=500,
        env={"PYTHONPATH": ":".join(path), "PATH": "", "HOME": str(folder)},
    )  # fmt: skip
    found = re.findall(r"^(PASSED|FAILED|ERROR) (?:\S*::)?(.+?)(?: - .*)?$", run.stdout, re.M)
    assert found, run.stdout[-2000:] + run.stderr[-2000:]
    return {name.replace("FastnnOps", "NumpyOps"): outcome for outcome, name in found}


def failed(results):
    return {name for name, outcome in results.items() if outcome != "PASSED"}


@pytest.mark.parametrize(
    ("plugin", "least", "arguments"),
    [
        ("backend", 250, ("--pyargs", "thinc.tests.backends.test_ops")),
        ("installed", 700, ("--pyargs", "thinc.tests", "-k", "not test_ops")),
    ],
    ids=["backend", "installed"],
)
def test_what_thinc_passes_passes(tmp_path, plugin, least, arguments):
    original, own = (outcomes(tmp_path, which, *arguments) for which in ("original", plugin))
    passed = original.keys() - failed(original)
    assert len(passed) >= least
    assert own.keys() == original.keys()
    assert failed(own) - failed(original) == EXPECTED[plugin]
