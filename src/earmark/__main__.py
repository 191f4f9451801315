"""``python -m earmark`` is the ``earmark`` command."""

from earmark.cli.main import run

if __name__ == "__main__":
    run()
