"""From what a report says to its page, by a Jinja2 template."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Mapping

from ...errors import InputError
from ...support.optional import optional
from ..provenance import Record

TEMPLATES = Path(__file__).with_name("templates")
USUAL = "report.html"


class Renderer:
    """Makes pages.

    A template gets `report`, what the page says (docs/report.md lists it), and `picture`, which
    gives the address of a picture by its name. It may extend "report.html", the usual one.

    Args:
        template: of the user's own; None for the usual one.
        usual: the name of the usual one.

    Raises:
        DependencyError: Jinja2 is not installed.
        InputError: there is no such template, or it is damaged.
    """

    def __init__(self, template: Path | None = None, usual: str = USUAL) -> None:
        jinja2 = optional("jinja2", "reports are made", "report")
        self._errors: Any = (jinja2.TemplateError, UnicodeDecodeError)
        self.is_usual = template is None
        self._name = usual if template is None else template.name
        self._said = self._name if template is None else str(template)
        if template is not None and not template.is_file():
            raise InputError(f"there is no template {template}: check the path")
        own = [] if template is None else [_only(jinja2, template)]
        loaders = [*own, jinja2.FileSystemLoader(str(TEMPLATES))]
        environment = jinja2.Environment(
            autoescape=True,
            loader=jinja2.ChoiceLoader(loaders),
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        environment.filters.update(_FILTERS)
        try:
            self._template = environment.get_template(self._name)
        except self._errors as error:
            raise self._refused(error) from error

    def page(self, record: Record, pictures: Mapping[str, str]) -> str:
        """A page.

        Args:
            record: what it says.
            pictures: name → address.

        Raises:
            InputError: the template asks for what there is not.
        """
        try:
            return str(self._template.render(report=record, picture=pictures.__getitem__))
        except (*self._errors, KeyError, TypeError, ValueError) as error:
            raise self._refused(error) from error

    def _refused(self, error: Exception) -> InputError:
        line = getattr(error, "lineno", None)
        where = f", line {line}" if line else ""
        return InputError(
            f"the template {self._said}{where}: {type(error).__name__}: {error}; docs/report.md "
            "lists what a template gets"
        )


def _only(jinja2: Any, template: Path) -> Any:
    """Loads this file and those beside it; but "report.html" is the usual one."""
    beside = jinja2.FileSystemLoader(str(template.parent))
    if template.name == USUAL:
        return beside
    return jinja2.FunctionLoader(
        lambda name: None if name == USUAL else _source(jinja2, beside, name)
    )


def _source(jinja2: Any, loader: Any, name: str) -> Any:
    try:
        return loader.get_source(jinja2.Environment(), name)
    except jinja2.TemplateNotFound:
        return None


# -- numbers for people ----------------------------------------------------------------------------


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.3g}".replace("-", "−")


def _percent(value: float | None) -> str:
    return "–" if value is None else f"{100 * value:.1f}\u00a0%"


def _chance(value: float | None) -> str:
    if value is None:
        return "–"
    return "<\u00a00.001" if 0 < value < 0.0005 else f"{value:.3f}"


def _count(value: int) -> str:
    return f"{value:,}".replace(",", "\u202f")


def _option(value: Any) -> str:
    """An option, as it is kept in a record."""
    if not isinstance(value, dict):
        return repr(value)
    kind = value.get("kind")
    if kind in ("tuple", "list"):
        return f"[{', '.join(map(_option, value['items']))}]"
    if kind == "array":
        return f"array {' × '.join(map(str, value['shape']))}"
    if kind == "lost":
        return f"{value['said']} (not kept)"
    return ", ".join(f"{key}={_option(one)}" for key, one in value.items())


_FILTERS = {
    "number": _number,
    "percent": _percent,
    "chance": _chance,
    "count_of": _count,
    "option": _option,
}
