"""Images in which a whole trial takes a second: the real tree, a stand-in for the harness.

Everything else is the real thing, found by the real program under its own tags: `runner matrix`
with RUNNER_TASKS_DIR set to `TASKS` needs no patch to run on them.
"""

import io
import json
import tarfile
from collections.abc import Mapping
from pathlib import Path

from runner import wiring
from runner.config.settings import load_settings
from runner.config.solution import Create
from runner.config.tasks import Task, load_tasks
from runner.image.base import base_reference
from runner.image.build import tag_of
from runner.image.context import content_key, read_recipe
from runner.image.engine import BuildRequest, architecture, build_image, stored_image
from runner.image.states import starting_tree, tree_digest, tree_tar
from runner.sandbox.engine import Engine

SOAK = Path(__file__).parent / "soak"
TASKS = SOAK / "tasks"
PROGRAMS = wiring.RECIPE
DOCKERFILE = """\
FROM {base}
RUN echo 'agent:x:10001:10001::/work/home:/bin/bash' >> /etc/passwd \\
 && echo 'keeper:x:10002:10002::/:/bin/false' >> /etc/passwd \\
 && echo 'judge:x:10003:10003::/:/bin/false' >> /etc/passwd \\
 && mkdir -p /opt/venv/bin && ln -s /usr/bin/python3 /opt/venv/bin/python
ENV LANG=C.UTF-8 TZ=UTC PATH=/opt/venv/bin:/opt/runner/bin:/usr/local/bin:/usr/bin:/bin
COPY toolserver.py processes.py worktree.py /opt/runner/
COPY harness /opt/runner/bin/harness
COPY runner_harness.py /usr/lib/python3/dist-packages/runner_harness.py
RUN chmod 755 /opt/runner/bin/harness
COPY tree.tar tests.txt wanted.json /opt/task/
LABEL runner.test=soak
"""


def ensure_fast_images(engine: Engine, tasks: Path = TASKS) -> Mapping[str, str]:
    """The stand-in tasks' images, built where they are missing; gives their tags by task id."""
    return {task.id: _ensured(engine, task) for task in load_tasks(tasks).values()}


def _ensured(engine: Engine, task: Task) -> str:
    settings = load_settings()
    machine = architecture(engine)
    base = base_reference(settings.base_image, machine)
    key = content_key(read_recipe(wiring.RECIPE), task, base, machine)
    tag = tag_of(task, key)
    stored = stored_image(engine, tag)
    parts = _parts(task, wiring.pristine(settings, machine, print), base)
    made_of = tree_digest(parts)
    if stored is not None and stored.labels.get("runner.test.parts") == made_of:
        return tag
    tree = starting_tree(wiring.pristine(settings, machine, print), task)
    labels = {
        "runner.image.key": key,
        "runner.image.task": task.id,
        "runner.image.tree": tree_digest(tree),
        "runner.test.parts": made_of,
    }
    build_image(engine, BuildRequest(_packed(parts), "", tag, {}, labels), lambda _text: None)
    return tag


def _parts(task: Task, pristine: Mapping[str, bytes], base: str) -> dict[str, bytes]:
    tree = starting_tree(pristine, task)
    wanted = {
        step.path: step.text if isinstance(step, Create) else step.new for step in task.solution
    }
    files = {name: (PROGRAMS / name).read_bytes() for name in _SERVED}
    return {
        **files,
        "harness": b'#!/bin/sh\nexec /opt/venv/bin/python -I -m runner_harness "$@"\n',
        "runner_harness.py": (SOAK / "standin_harness.py").read_bytes(),
        "tree.tar": tree_tar({f"repo/{path}": data for path, data in tree.items()}, 1_700_000_000),
        "tests.txt": "\n".join(sorted(wiring.expected_tests(task))).encode(),
        "wanted.json": json.dumps(wanted).encode(),
        "Dockerfile": DOCKERFILE.format(base=base).encode(),
    }


_SERVED = ("toolserver.py", "processes.py", "worktree.py")


def _packed(files: Mapping[str, bytes]) -> io.BytesIO:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name, data in sorted(files.items()):
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(data), 0o644
            tar.addfile(entry, io.BytesIO(data))
    buffer.seek(0)
    return buffer
