"""The image's entry point: reads secrets from files, then replaces itself with the command.

The content of the file in a variable …_URI_FILE becomes …_URI, unless that is set; likewise …_KEY and …_PASSWORD. So
credentials stay out of the container's configuration, which is readable with the right to list containers.
"""

import os
import sys
from pathlib import Path

FROM_FILES = ("_URI_FILE", "_KEY_FILE", "_PASSWORD_FILE")


def secrets_from_files(environment: dict[str, str]) -> dict[str, str]:
    read = {
        name.removesuffix("_FILE"): Path(path).read_text(encoding="utf-8").strip()
        for name, path in environment.items()
        if name.endswith(FROM_FILES)
    }
    return {**read, **environment}


def main() -> None:
    command = sys.argv[1:]
    os.execvpe(command[0], command, secrets_from_files(dict(os.environ)))  # noqa: S606 -- the image's own command


if __name__ == "__main__":
    main()
