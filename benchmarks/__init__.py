"""Parts of `make bench`, each of which can be run alone; all on the kernels of this state of the sources."""

from cli.compiled import keep_compiled

keep_compiled()  # before any part imports numba
