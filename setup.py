"""The extension modules; everything else about the package is in pyproject.toml.

Compiler directives stand here and not in the sources, because an ``include`` does not carry
the directives of the included file, and without ``cdivision`` no kernel vectorises.
"""

import glob
import os
import platform
import sys

from Cython.Build import cythonize
from setuptools import Extension, setup

DIRECTIVES = {
    "language_level": 3,
    "boundscheck": False,
    "wraparound": False,
    "cdivision": True,
    "initializedcheck": False,
    "embedsignature": False,
}
LIMITED_API = [("Py_LIMITED_API", "0x030B0000")]

# FASTNN_SANITIZE=address,undefined builds everything with sanitizers.
SANITIZE = os.environ.get("FASTNN_SANITIZE", "")

gcc_like = sys.platform != "win32"
x86_64 = platform.machine().lower() in ("x86_64", "amd64")

# -g0: what Python itself was built with may ask for debugging symbols, twice the wheel.
common = ["-O3", "-g0"] if gcc_like else ["/O2"]
# Floating-point flags that let loops vectorise and change no result. -ffast-math is not among
# them: NaN and infinity must propagate, and linking with it can flush subnormals process-wide.
math = ["-fno-math-errno", "-fno-trapping-math", "-fno-signed-zeros"] if gcc_like else []
openmp = ["-fopenmp"] if sys.platform.startswith("linux") else []
link = []
if SANITIZE:
    common = ["-O1", "-g", f"-fsanitize={SANITIZE}", "-fno-omit-frame-pointer"]
    link = [f"-fsanitize={SANITIZE}"]

# The instruction sets that the one kernel source is built for. The baseline is the compiler's
# default; prefer-vector-width is explicit because GCC's default tuning halves AVX-512 vectors.
VARIANTS = {"_kernels": []}
if gcc_like and x86_64:
    VARIANTS["_kernels_v3"] = ["-march=x86-64-v3"]
    VARIANTS["_kernels_v4"] = ["-march=x86-64-v4", "-mprefer-vector-width=512"]


HEADERS = glob.glob("src/fastnn/kernels/*.h")


def extension(name, flags, **options):
    return Extension(
        f"fastnn.{name}",
        [f"src/fastnn/{name}.pyx"],
        extra_compile_args=common + flags,
        extra_link_args=link + options.pop("link", []),
        define_macros=LIMITED_API,
        py_limited_api=True,
        **options,
    )


extensions = [extension("_cpu", [])]
extensions += [extension(name, math + flags, depends=HEADERS) for name, flags in VARIANTS.items()]
extensions += [extension("_engine", openmp, link=openmp, depends=HEADERS)]

setup(
    ext_modules=cythonize(extensions, compiler_directives=DIRECTIVES),
    options={"bdist_wheel": {"py_limited_api": "cp311"}},
)
