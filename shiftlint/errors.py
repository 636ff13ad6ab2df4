"""The error that a user can cause: one whole sentence that ends the command with exit code 2."""

from __future__ import annotations


class InputError(ValueError):
    """A file, an argument or an image that cannot be used.

    The message is one line of the form `what (where): expected E, got G. Do this.` If the error
    belongs to a rule, `str` begins with its code.

    Attributes
    ----------
    code : str or None
        Code of the rule, such as "SL001".
    what : str
        What is wrong, as one word for programs; "" if the code says it.
    message : str
        The message without the code.
    """

    def __init__(self, message: str, *, code: str | None = None, what: str = "") -> None:
        super().__init__(f"{code} {message}" if code else message)
        self.code, self.message, self.what = code, message, what
