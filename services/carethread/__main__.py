"""`python -m carethread`, and the `carethread` command."""

from carethread.cli import main

if __name__ == "__main__":
    main()
