"""Rules of the wire contract: how protos are written, and what may change after a release."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from google.protobuf.descriptor_pb2 import (
    DescriptorProto,
    EnumDescriptorProto,
    FieldDescriptorProto,
    FileDescriptorProto,
    FileDescriptorSet,
)

Path = tuple[int, ...]
PASCAL = re.compile(r"^[A-Z][A-Za-z0-9]*$")
SNAKE = re.compile(r"^[a-z][a-z0-9]*(_[a-z0-9]+)*$")
# Numbers of the fields of FileDescriptorProto, DescriptorProto … that make up a comment's path.
MESSAGE, ENUM, SERVICE, SYNTAX_PACKAGE = 4, 5, 6, 2
FIELD, NESTED, NESTED_ENUM, VALUE, METHOD = 2, 3, 4, 2, 2


@dataclass(frozen=True, slots=True)
class Element:
    """One message, field, enum, value, service or method with its place in the file."""

    name: str
    path: Path
    proto: object


def _messages(
    messages: list[DescriptorProto], prefix: str, path: Path
) -> Iterator[tuple[Element, DescriptorProto]]:
    for index, message in enumerate(messages):
        here = (*path, index)
        name = f"{prefix}.{message.name}"
        yield Element(name, here, message), message
        yield from _messages(list(message.nested_type), name, (*here, NESTED))


def messages_of(file: FileDescriptorProto) -> dict[str, tuple[Element, DescriptorProto]]:
    """Return every message by its full name, nested ones too; map entries stand for fields."""
    found = _messages(list(file.message_type), file.package, (MESSAGE,))
    return {e.name: (e, m) for e, m in found if not m.options.map_entry}


def enums_of(file: FileDescriptorProto) -> dict[str, tuple[Element, EnumDescriptorProto]]:
    """Return every enum by its full name."""
    found = [
        (Element(f"{file.package}.{e.name}", (ENUM, i), e), e) for i, e in enumerate(file.enum_type)
    ]
    for element, message in messages_of(file).values():
        for index, enum in enumerate(message.enum_type):
            path = (*element.path, NESTED_ENUM, index)
            found.append((Element(f"{element.name}.{enum.name}", path, enum), enum))
    return {element.name: (element, enum) for element, enum in found}


def _screaming(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).upper()


@dataclass(slots=True)
class Lint:
    """The problems of one file."""

    file: FileDescriptorProto
    problems: list[str] = field(default_factory=list)
    requests: dict[str, str] = field(default_factory=dict)

    def run(self) -> list[str]:
        """Return one sentence for each broken rule."""
        self._file()
        for element, message in messages_of(self.file).values():
            self._message(element, message)
        for element, enum in enums_of(self.file).values():
            self._enum(element, enum)
        self._services()
        self._comments()
        return self.problems

    def _file(self) -> None:
        folder = self.file.name.rpartition("/")[0].replace("/", ".")
        self._demand(self.file.package == folder, f"package is {self.file.package}, not {folder}")
        self._demand(self.file.syntax == "proto3", "syntax is not proto3")
        versioned = re.search(r"\.v[1-9][0-9]*$", self.file.package)
        self._demand(versioned is not None, "the package ends in no version")
        self._demand(not self.file.public_dependency, "no public imports")
        self._demand(not self.file.weak_dependency, "no weak imports")

    def _message(self, element: Element, message: DescriptorProto) -> None:
        self._demand(PASCAL.match(message.name), f"{element.name} is not in PascalCase")
        for part in message.field:
            name = f"{element.name}.{part.name}"
            self._demand(SNAKE.match(part.name), f"{name} is not in snake_case")
            required = part.label == FieldDescriptorProto.LABEL_REQUIRED
            self._demand(not required, f"{name} is required")
        for choice in message.oneof_decl:
            # `_name` is what protoc makes of an optional field.
            self._demand(
                SNAKE.match(choice.name.lstrip("_")), f"{element.name}.{choice.name} not snake_case"
            )

    def _enum(self, element: Element, enum: EnumDescriptorProto) -> None:
        prefix = _screaming(enum.name) + "_"
        self._demand(PASCAL.match(enum.name), f"{element.name} is not in PascalCase")
        self._demand(not enum.options.allow_alias, f"{element.name} has aliases")
        first = enum.value[0]
        self._demand(
            first.number == 0 and first.name == f"{prefix}UNSPECIFIED",
            f"{element.name} does not begin with {prefix}UNSPECIFIED = 0",
        )
        for value in enum.value:
            self._demand(value.name.startswith(prefix), f"{value.name} lacks {prefix}")

    def _services(self) -> None:
        for service in self.file.service:
            self._demand(service.name.endswith("Service"), f"{service.name} lacks Service")
            for method in service.method:
                name = f"{service.name}.{method.name}"
                self._demand(PASCAL.match(method.name), f"{name} is not in PascalCase")
                for kind, used in (
                    ("Request", method.input_type),
                    ("Response", method.output_type),
                ):
                    wanted = f".{self.file.package}.{method.name}{kind}"
                    self._demand(used == wanted, f"{name} uses {used}, not {wanted}")
                    self._demand(used not in self.requests, f"{used} serves two methods")
                    self.requests[used] = name

    def _comments(self) -> None:
        told = {
            tuple(place.path)
            for place in self.file.source_code_info.location
            if place.leading_comments.strip() or place.trailing_comments.strip()
        }
        self._demand((SYNTAX_PACKAGE,) in told, "the package has no comment")
        for path, name in self._commented():
            self._demand(path in told, f"{name} has no comment")

    def _commented(self) -> Iterator[tuple[Path, str]]:
        for element, message in messages_of(self.file).values():
            yield element.path, element.name
            for index, part in enumerate(message.field):
                yield (*element.path, FIELD, index), f"{element.name}.{part.name}"
        for element, enum in enums_of(self.file).values():
            yield element.path, element.name
            for index, value in enumerate(enum.value):
                yield (*element.path, VALUE, index), value.name
        for index, service in enumerate(self.file.service):
            yield (SERVICE, index), service.name
            for number, method in enumerate(service.method):
                yield (SERVICE, index, METHOD, number), f"{service.name}.{method.name}"

    def _demand(self, holds: object, otherwise: str) -> None:
        if not holds:
            self.problems.append(f"{self.file.name}: {otherwise}")


def breaking_changes(old: FileDescriptorSet, new: FileDescriptorSet) -> list[str]:
    """Return what a speaker of ``old`` would no longer understand; additions break nobody."""
    now = {file.name: file for file in new.file}
    broken = []
    for before in old.file:
        after = now.get(before.name)
        if after is None:
            broken.append(f"{before.name} is gone")
            continue
        broken += _messages_changed(before, after)
        broken += _enums_changed(before, after)
        broken += _services_changed(before, after)
    return broken


def _messages_changed(before: FileDescriptorProto, after: FileDescriptorProto) -> Iterator[str]:
    now = messages_of(after)
    for name, (_, message) in messages_of(before).items():
        if name not in now:
            yield f"{name} is gone"
            continue
        _, later = now[name]
        fields = {part.number: part for part in later.field}
        kept = [range(r.start, r.end) for r in later.reserved_range]
        for part in message.field:
            if part.number in fields:
                yield from _field_changed(name, part, fields[part.number])
            elif not any(part.number in numbers for numbers in kept):
                yield f"{name}.{part.name} is gone and its number {part.number} is not reserved"


def _field_changed(
    message: str, before: FieldDescriptorProto, after: FieldDescriptorProto
) -> Iterator[str]:
    for trait in ("name", "type", "type_name", "label", "proto3_optional", "json_name"):
        old, new = getattr(before, trait), getattr(after, trait)
        if old != new:
            yield f"{message}.{before.name} ({before.number}): {trait} was {old!r}, is {new!r}"
    if before.HasField("oneof_index") != after.HasField("oneof_index"):
        yield f"{message}.{before.name}: moved into or out of a oneof"


def _enums_changed(before: FileDescriptorProto, after: FileDescriptorProto) -> Iterator[str]:
    now = enums_of(after)
    for name, (_, enum) in enums_of(before).items():
        values = {v.number: v.name for v in now[name][1].value} if name in now else {}
        for value in enum.value:
            if values.get(value.number) != value.name:
                yield f"{name}: {value.name} = {value.number} is gone or means something else"


def _services_changed(before: FileDescriptorProto, after: FileDescriptorProto) -> Iterator[str]:
    now = {
        f"{s.name}.{m.name}": (m.input_type, m.output_type, m.client_streaming, m.server_streaming)
        for s in after.service
        for m in s.method
    }
    for service in before.service:
        for m in service.method:
            name = f"{service.name}.{m.name}"
            shape = (m.input_type, m.output_type, m.client_streaming, m.server_streaming)
            if now.get(name) != shape:
                yield f"{name} is gone or takes and gives something else"
