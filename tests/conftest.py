"""Makes the suites that lie beside the test folders importable, with readable failures."""

import pytest

pytest.register_assert_rewrite("sandbox_conformance", "sandbox_files_conformance")
