"""Write portal_admin/embedded/java-artifacts.txt: every file of Kafka and the registry, with its SHA-256.

Run it from the project's root after a change of the versions below: `.venv/bin/python scripts/lock_java.py`.
"""

import hashlib
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

from jgo.maven import Artifact, MavenContext
from jgo.parse import Coordinate

KAFKA = ("org.apache.kafka:kafka_2.13:4.1.1", "org.slf4j:slf4j-simple:1.7.36")
REGISTRY = ("io.apicurio", "apicurio-registry-app", "3.3.3")
LOCK_FILE = Path(__file__).parents[1] / "portal_admin" / "embedded" / "java-artifacts.txt"


def kafka_artifacts(context: MavenContext) -> list[Artifact]:
    """Kafka and everything that it needs to run."""
    wanted = [
        context.create_dependency(replace(Coordinate.parse(coordinates), scope="compile")) for coordinates in KAFKA
    ]
    direct, transitive = context.resolver.resolve(wanted)
    return [dependency.artifact for dependency in (*direct, *transitive) if dependency.scope in ("compile", "runtime")]


def line(program: str, artifact: Artifact) -> str:
    """A line of the lock file, after a download."""
    sys.stderr.write(f"{artifact.filename}\n")
    digest = hashlib.sha256(artifact.resolve().read_bytes()).hexdigest()
    parts = (artifact.groupId, artifact.artifactId, artifact.version, artifact.classifier, artifact.packaging)
    return f"{program} {':'.join(parts)} {digest}\n"


def main() -> None:
    """Write the lock file."""
    with tempfile.TemporaryDirectory() as directory:
        context = MavenContext(repo_cache=Path(directory), local_repos=[])
        group, name, version = REGISTRY
        registry = context.project(group, name).at_version(version).artifact(classifier="all", packaging="tar.gz")
        lines = sorted(line("kafka", artifact) for artifact in kafka_artifacts(context))
        lines.append(line("registry", registry))
    LOCK_FILE.write_text(
        "# Written by scripts/lock_java.py: program group:artifact:version:classifier:packaging SHA-256\n"
        + "".join(lines)
    )


if __name__ == "__main__":
    main()
