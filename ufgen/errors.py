"""Errors caused by user input."""


class UserError(Exception):
    """A mistake in the arguments or in the data.

    The message names what was found, where, what was expected and what to do. The command line
    prints it without a traceback and exits with status 1.
    """
