"""`python -m harness` is the command `harness`."""

import os


def main() -> None:
    """Runs the command; a Ctrl-C while it is still being imported ends it as any other does."""
    try:
        from harness.cli.main import main as command
    except KeyboardInterrupt:
        os._exit(130)
    command()


if __name__ == "__main__":
    main()
