"""The one error that a user can cause: it carries a whole sentence and ends the command with exit code 2."""

from __future__ import annotations

import re


class InputError(ValueError):
    """A file, an argument or an image that cannot be used.

    The message is one line of the form `what (where): expected E, got G. Do this.`; where a rule stands behind it, the rule's
    code comes first.
    """

    @property
    def code(self) -> str | None:
        """The code of the rule that the message begins with, as in "SL001"; None if there is none."""
        match = re.match(r"SL\d{3}\b", str(self))
        return match and match[0]
