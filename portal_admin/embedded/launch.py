"""Become another program, in a way that never outlives the process that asked for it.

Run as a script, it needs nothing but the standard library:
`python -I -S launch.py PARENT_PID [--as-ordinary-user] -- PROGRAM ARGUMENT...`

On Linux it asks the kernel for a signal at its parent's death and then becomes PROGRAM. Elsewhere it stays, as
PROGRAM's parent, and ends it when the pipe on its standard input closes, which happens when the parent ends.
"""

import ctypes
import os
import signal
import subprocess
import sys
import threading
import time
from typing import NoReturn

LINUX = sys.platform == "linux"
_PR_SET_PDEATHSIG = 1  # <sys/prctl.h>
_CLONE_NEWUSER = 0x10000000  # <sched.h>
# Any identity but 0 will do: inside the name space it stands for the user who runs this.
_ORDINARY_ID = 1000
# Where user name spaces are forbidden, as in most containers: really another user, who may still read root's files.
_AS_NOBODY = (
    *("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"),
    *("--inh-caps=+dac_override", "--ambient-caps=+dac_override", "--pdeathsig=KILL", "--"),
)


def die_with_parent(signum: int = signal.SIGKILL, *, parent: int | None = None) -> None:
    """Have the calling process receive `signum` when its parent ends, by SIGKILL too.

    `parent`: the process id of the parent, where known: closes the gap in which it ended before this call.
    The kernel means the *thread* that forked, and forgets the wish when credentials change: call it after that.
    """
    if LINUX:
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.prctl(_PR_SET_PDEATHSIG, signum, 0, 0, 0) != 0:
            raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG) was refused")
    else:
        watched = parent or os.getppid()
        threading.Thread(target=_signal_when_orphaned, args=(watched, signum), name="parent-watch", daemon=True).start()
    if parent is not None and os.getppid() != parent:
        os.kill(os.getpid(), signum)


def _signal_when_orphaned(parent: int, signum: int) -> None:
    while os.getppid() == parent:
        time.sleep(0.2)
    os.kill(os.getpid(), signum)


def enter_user_namespace() -> None:
    """Go on as an ordinary user to this process's eyes, while files still see the user who started it.

    PostgreSQL refuses to run as root. In a user name space root is shown as user 1000; no file changes its owner.
    Raises OSError where the system forbids user name spaces.
    """
    uid, gid = os.geteuid(), os.getegid()
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(_CLONE_NEWUSER) != 0:
        raise OSError(ctypes.get_errno(), "user name spaces are not permitted here")
    for file, line in (
        ("setgroups", "deny"),
        ("uid_map", f"{_ORDINARY_ID} {uid} 1"),
        ("gid_map", f"{_ORDINARY_ID} {gid} 1"),
    ):
        with open(f"/proc/self/{file}", "w", encoding="ascii") as stream:
            stream.write(line)


def _stay_and_watch(command: list[str]) -> int:
    """Run the command as a child; end it when standard input closes. Returns its exit code."""
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL)
    for signum in (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT):
        signal.signal(signum, lambda received, _frame: child.send_signal(received))

    def end_at_eof() -> None:
        while os.read(0, 1024):
            pass
        child.kill()
        os.killpg(0, signal.SIGKILL)

    threading.Thread(target=end_at_eof, daemon=True).start()
    return child.wait()


def main(arguments: list[str]) -> NoReturn:
    """Launch as the arguments say. Does not return: this process becomes the program."""
    separator = arguments.index("--")
    parent, options, command = int(arguments[0]), arguments[1:separator], arguments[separator + 1 :]
    if "--as-ordinary-user" in options:
        try:
            enter_user_namespace()
        except OSError:
            command = [*_AS_NOBODY, *command]
    if not LINUX:
        sys.exit(_stay_and_watch(command))
    die_with_parent(parent=parent)
    try:
        os.execvp(command[0], command)  # noqa: S606 - no shell is wanted
    except OSError as error:
        sys.exit(f"Cannot run {command[0]}: {error.strerror}.")


if __name__ == "__main__":
    main(sys.argv[1:])
