"""The exit codes of every command, and the one line that a user sees of an error.

| code | meaning |
|---|---|
| 0 | done, nothing found |
| 1 | findings at or above `--fail-on` |
| 2 | one line on stderr: a wrong call, an unusable input, too little memory, a system error |
| 3 | an internal error: the traceback, and a request to report it |
| 130 | Ctrl-C |
"""

from __future__ import annotations

import sys
import traceback
from typing import NoReturn

import click

from shiftlint.errors import InputError
from shiftschemas import SchemaError

WRONG_INPUT = 2
INTERNAL_ERROR = 3
INTERRUPTED = 130


def run(command: click.Command, name: str) -> NoReturn:
    """Run `command` as the program `name` and exit with a code of the table above."""
    try:
        result = command.main(prog_name=name, standalone_mode=False)
        code = result if isinstance(result, int) else 0
    except click.exceptions.Abort:
        code = _fail(name, "interrupted; nothing was left half-written.", INTERRUPTED)
    except click.exceptions.Exit as request:
        code = request.exit_code
    except click.ClickException as error:
        error.show()
        code = WRONG_INPUT
    except (InputError, SchemaError) as error:
        code = _fail(name, str(error), WRONG_INPUT)
    except MemoryError as error:
        code = _fail(
            name,
            f"out of memory: {str(error) or 'none is left'}. Free some, or process less at a time.",
            WRONG_INPUT,
        )
    except KeyboardInterrupt:
        code = _fail(name, "interrupted; nothing was left half-written.", INTERRUPTED)
    except BrokenPipeError:
        # the reader of our output has closed it (as `head` does): no one is left to read an error
        sys.stderr.close()
        code = 0
    except OSError as error:
        if error.errno is None:  # made by a library, not by the system
            code = _internal(name)
        else:
            what = f"the system refuses ({error.filename or 'input or output'}): {error.strerror}"
            code = _fail(name, f"{what}. Check the name, permissions and disk space.", WRONG_INPUT)
    except Exception:
        code = _internal(name)
    sys.exit(code)


def _internal(name: str) -> int:
    traceback.print_exc()
    return _fail(
        name,
        f"internal error. Please report it with the lines above and the output of {name} "
        "--version.",
        INTERNAL_ERROR,
    )


def _fail(name: str, message: str, code: int) -> int:
    print(f"{name}: error: {message}", file=sys.stderr)
    return code
