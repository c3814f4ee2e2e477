"""The one error a user can cause."""


class UserError(Exception):
    """A mistake at the keyboard or in the data.

    The message says what was found, where, what was expected and what to do. The command line
    prints it without a traceback and exits with status 1.
    """
