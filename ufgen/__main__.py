"""`python -m ufgen`: the command line."""

from ufgen.cli import main

if __name__ == "__main__":
    main()
