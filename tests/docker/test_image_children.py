"""A child of the harness's warm Python cannot be told from a real process."""

import json

import pytest

from runner.config.settings import ROOT, load_settings
from runner.config.tasks import load_tasks
from runner.image.build import ImagePlan, image_for
from runner.sandbox.container import open_sandbox
from runner.sandbox.engine import Engine

pytestmark = pytest.mark.docker

CHILDREN = r"""
import json, os, subprocess, sys
from pathlib import Path

sys.path.insert(0, "/opt/runner")
from runner_harness import children

HERE = Path("/work/repo/docs_src/programs")
HERE.mkdir()
SCRIPTS = {
    "plain": "import typer; print(typer.__name__, __name__, __file__)",
    "exit": "raise SystemExit(7)",
    "text": "import sys; sys.exit('bye')",
    "raises": "def f():\n    raise ValueError('no ä')\nf()",
    "signal": "import os, signal; os.kill(os.getpid(), signal.SIGTERM)",
    "stdin": "import sys; print(repr(sys.stdin.read()), sys.stdin.encoding, sys.stdin.errors)",
    "argv": "import sys; print(sys.argv, sys.path[0], sys.flags, sys.warnoptions)",
    "streams": "import sys; print([(s.name, s.mode, s.encoding, s.errors, s.newlines, "
    "s.line_buffering, s.write_through) for s in (sys.stdin, sys.stdout, sys.stderr)])",
    "env": "import os; print(sorted(os.environ.items())); print(os.getcwd())",
    "error": "import sys; print('é', file=sys.stderr); print('ü'); os = None; os.x",
    "exits": "import atexit; atexit.register(print, 'last'); print('first')",
    "file": "f = open('/work/home/left', 'w'); f.write('unflushed')",
    "rich": "import sys\nprint('rich' in sys.modules)\nimport rich.console\n"
    "print(sorted(m for m in sys.modules if m.startswith('rich')))\n"
    "rich.console.Console().print('[b]x[/b]')",
    "forgot": "import xml\nxml.dom",
    "forgot2": "import concurrent\nconcurrent.futures",
    "thread": "import threading; threading.Timer(0.05, print, ['late']).start()",
    "random": "import random, tempfile; print(len(tempfile.mkdtemp()), random.random() < 1)",
    "syntax": "def (",
}
for name, text in SCRIPTS.items():
    (HERE / f"{name}.py").write_text(text + "\n")

WAYS = [
    {},
    {"input": "a\r\nb ü"},
    {"env": {**os.environ, "PYTHONIOENCODING": "latin-1", "MORE": "1"}},
    {"stderr": subprocess.STDOUT},
    {"cwd": "/work/home"},
]
CURIOUS = ("stdin", "streams", "env", "error")
NOISE = (b"arn(", b"CoverageWarning")  # of measuring nothing

def quiet(output):
    return [line for line in (output or b"").splitlines() if not any(n in line for n in NOISE)]

def outcomes():
    found = {}
    for name in SCRIPTS:
        for number, way in enumerate(WAYS if name in CURIOUS else WAYS[:1]):
            options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **way}
            if "input" not in way:
                options["stdin"] = subprocess.DEVNULL
            else:
                options["input"] = way["input"].encode()
            argv = [sys.executable, "-m", "coverage", "run", str(HERE / f"{name}.py"), "--x", ""]
            done = subprocess.run(argv, **options)
            left = Path("/work/home/left")
            text = left.read_text() if left.exists() else None
            left.unlink(missing_ok=True)
            said = (done.returncode, quiet(done.stdout), quiet(done.stderr), text)
            found[f"{name} {number}"] = repr(said)
    argv = [sys.executable, "-m", "coverage", "run", "-m", "typer", "--help"]
    done = subprocess.run(argv, capture_output=True)
    found["module"] = repr((done.returncode, done.stdout))
    try:
        slow = [sys.executable, "-m", "coverage", "run", str(HERE / "sleep.py")]
        (HERE / "sleep.py").write_text("import time; time.sleep(60)")
        subprocess.run(slow, timeout=1)
    except subprocess.TimeoutExpired:
        found["timeout"] = "expired"
    return found

real = outcomes()
nursery = children.Nursery()
children._install(nursery)
warm = outcomes()
print(json.dumps({
    "different": {k: [real[k], warm[k]] for k in real if real[k] != warm[k]},
    "count": len(real),
    "used": nursery._channel is not None and not nursery._broken,
}))
"""


def test_programs_run_alike_in_a_real_and_in_a_warm_python(engine: Engine) -> None:
    settings = load_settings()
    plan = ImagePlan(ROOT / "images" / "typer-base", settings.cache, settings.base_image)
    image = image_for(engine, load_tasks(settings.tasks_dir)["T2"], plan)
    with open_sandbox(engine, image.id, run_id="test", trial_id="children") as sandbox:
        sandbox.write("children_check.py", CHILDREN.encode())
        result = sandbox.run(["/opt/venv/bin/python", "children_check.py"], timeout_s=300)
    assert result.exit_code == 0, result.output.decode(errors="replace")
    found = json.loads(result.output.decode().splitlines()[-1])
    assert found["used"]
    assert found["different"] == {}
    assert found["count"] == 36
