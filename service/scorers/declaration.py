"""What a scorer declares, read from its class or function; nothing of it is run but properties of the class."""

import inspect
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

from service.api.scorer import BINARY
from service.scorers.reference import ScorerError, first_line, load_scorer

# A scorer may bring a codec of its own, as the built-in one does: a method that returns a `codec.Codec`. The name
# cannot be that of something else in a user's class.
CODEC_HOOK = "__scorepool_codec__"


@dataclass(frozen=True, slots=True)
class Declaration:
    """A scorer's class or function, and what it says of itself.

    plain: whether it is a function, for one request a call. request, response: the annotated types; `Any` without.
    """

    scorer: Any
    reference: str
    plain: bool
    name: str
    version: str
    request: Any
    response: Any
    accepts: tuple[str, ...]
    media_type: str
    preload: tuple[str, ...]

    @property
    def place(self) -> str:
        """Where it is defined: file and line."""
        return _place(self.scorer)


def declare(reference: str, folder: str = "") -> Declaration:
    """Import a scorer and return what it declares. Raises: ScorerError when it has the wrong shape."""
    scorer = load_scorer(reference, folder)
    plain = inspect.isfunction(scorer)
    if not plain and not inspect.isclass(scorer):
        raise ScorerError(f"{reference}: expected a class or a function, got {type(scorer).__name__}")
    request, response = _types(scorer, scorer if plain else _score_method(scorer), plain=plain)
    return Declaration(
        scorer,
        reference,
        plain,
        _text(scorer, "name", scorer.__name__),
        _text(scorer, "version", ""),
        request,
        response,
        _texts(scorer, "accepts"),
        _media_type(scorer),
        _texts(scorer, "preload"),
    )


def check_model(declared: Declaration, model: Path | None) -> None:
    """Check that the scorer can be constructed with this model, or without one. Raises: ScorerError."""
    if declared.plain:
        if model is not None:
            raise ScorerError(f"{declared.place}: {declared.name} is a function, which takes no --model")
        return
    given = () if model is None else (model,)
    try:
        inspect.signature(declared.scorer).bind(*given)
    except TypeError as error:
        remedy = "needs --model PATH" if model is None else "takes no --model"
        raise ScorerError(f"{declared.place}: {declared.name} {remedy}: {first_line(error)}") from None
    except ValueError:
        return  # a class written in C tells nothing


def _score_method(scorer: Any) -> Callable[..., Any]:
    score = getattr(scorer, "score", None)
    if not callable(score):
        raise ScorerError(f"{_place(scorer)}: {scorer.__name__} has no method score(self, requests)")
    method: Callable[..., Any] = score
    return method


def _types(scorer: Any, score: Callable[..., Any], *, plain: bool) -> tuple[Any, Any]:
    """Return the types of a request and of a result. Raises: ScorerError."""
    place, form = _place(score, scorer), "score(request)" if plain else "score(self, requests)"
    if inspect.iscoroutinefunction(score) or inspect.isgeneratorfunction(score):
        raise ScorerError(f"{place}: {form} must be a plain function: no async and no yield")
    try:
        inspect.signature(score).bind(*range(1 if plain else 2))
        hints = get_type_hints(score, include_extras=True)
    except (TypeError, NameError, AttributeError) as error:
        raise ScorerError(f"{place}: expected {form}: {first_line(error)}") from None
    names = list(inspect.signature(score).parameters)
    request = hints.get(names[0 if plain else 1], Any)
    response = hints.get("return", Any)
    if plain:
        return request, _without_errors(response)
    return _item(request, f"{place}: {form}: requests"), _without_errors(
        _item(response, f"{place}: {form}: its result")
    )


def _item(annotation: Any, what: str) -> Any:
    """Return T of an annotation list[T]. Raises: ScorerError for one that is no list."""
    if annotation in {Any, list}:
        return Any
    origin = get_origin(annotation)
    if origin not in {list, Sequence, Iterable}:
        raise ScorerError(f"{what} must be annotated as list[…], not {inspect.formatannotation(annotation)}")
    return get_args(annotation)[0]


def _without_errors(annotation: Any) -> Any:
    """Return a type without the exceptions in it: a ValueError in the list rejects a request and is no answer."""
    if get_origin(annotation) not in {Union, UnionType}:
        return annotation
    kept = [
        each for each in get_args(annotation) if not (inspect.isclass(each) and issubclass(each, Exception))
    ]
    return Union[tuple(kept)] if kept else NoneType  # noqa: UP007 - made of a list


def _text(scorer: Any, name: str, default: str) -> str:
    value = getattr(scorer, name, default)
    if not isinstance(value, str) or not value.isprintable():
        raise ScorerError(f"{_place(scorer)}: {name}: expected a text, got {type(value).__name__}")
    return value


def _media_type(scorer: Any) -> str:
    """Return the type of a `bytes` result, which becomes a header. Raises: ScorerError."""
    value = _text(scorer, "media_type", BINARY)
    if not value.isascii() or "/" not in value:
        raise ScorerError(f"{_place(scorer)}: media_type: {value} is none; expected one such as image/png")
    return value


def _texts(scorer: Any, name: str) -> tuple[str, ...]:
    value = getattr(scorer, name, ())
    if not isinstance(value, tuple | list) or not all(isinstance(each, str) for each in value):
        raise ScorerError(f"{_place(scorer)}: {name}: expected a tuple of texts")
    return tuple(value)


def _place(*candidates: Any) -> str:
    """Return file and line of the first that has them."""
    for candidate in candidates:
        try:
            return f"{inspect.getsourcefile(candidate)}:{inspect.getsourcelines(candidate)[1]}"
        except (TypeError, OSError):
            continue
    return getattr(candidates[0], "__module__", "an unknown place")
