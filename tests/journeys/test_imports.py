"""What is served needs no torch."""

import subprocess
import sys


def test_planning_and_loading_models_import_no_torch():
    code = "import sys, journeys.model, journeys.planning; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
