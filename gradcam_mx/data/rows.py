"""The lines of a table in a text file, read one after the other."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Iterator

from ..errors import GradCamError


def rows(path: Path, what: str, wrong: type[GradCamError]) -> Iterator[tuple[int, list[str]]]:
    """The number and the fields of each line that is not empty.

    Fields have tabs between them where the first line has one, else commas; what has such a mark
    itself stands in double quotes.

    Args:
        path: of the file, in UTF-8.
        what: it holds, such as "labels".
        wrong: the error if it cannot be read.

    Raises:
        GradCamError: of the class `wrong`.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            first = next((line for line in file if line.strip()), "")
            file.seek(0)
            between = "\t" if "\t" in first.lstrip() else ","
            reader = csv.reader(file, delimiter=between, skipinitialspace=True)
            try:
                for row in reader:
                    fields = [one.strip() for one in row]
                    if any(fields):
                        yield reader.line_num, fields
            except csv.Error as error:
                raise wrong(f"line {reader.line_num} of {path}: {error}") from error
    except OSError as error:
        raise wrong(
            f"the {what} in {path} cannot be read ({error.strerror or error}): check the path"
        ) from error
    except UnicodeDecodeError as error:
        raise wrong(f"{path} is not a text file (UTF-8)") from error
