"""The image's entry point: replaces itself with the command, after reading secrets that came as files.

For every variable …_URI_FILE the content of that file becomes …_URI: credentials stay out of the container's
configuration, where everybody who may list containers could read them. A value that is there already wins.
"""

import os
import sys
from pathlib import Path


def secrets_from_files(environment: dict[str, str]) -> dict[str, str]:
    read = {
        name.removesuffix("_FILE"): Path(path).read_text(encoding="utf-8").strip()
        for name, path in environment.items()
        if name.endswith("_URI_FILE")
    }
    return {**read, **environment}


def main() -> None:
    command = sys.argv[1:]
    os.execvpe(command[0], command, secrets_from_files(dict(os.environ)))  # noqa: S606 -- the command is the image's


if __name__ == "__main__":
    main()
