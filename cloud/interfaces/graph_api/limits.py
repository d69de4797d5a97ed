"""How deep, how long and how costly a question of the graph may be, and how a refusal is told."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from graphql import (
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    GraphQLInterfaceType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    InlineFragmentNode,
    IntValueNode,
    OperationDefinitionNode,
    SelectionSetNode,
    ValidationContext,
    ValidationRule,
)
from strawberry.extensions import (
    AddValidationRules,
    DisableIntrospection,
    MaxAliasesLimiter,
    MaxTokensLimiter,
    QueryDepthLimiter,
    SchemaExtension,
)

#: Turns an error into what the asker is told: code, message in their language, details.
Tell = Callable[[Any, BaseException | None, str], dict[str, Any]]
_USUAL_COUNT = 5
_LARGEST_COUNT = 50
_PAGE_COUNT = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The bounds. A field costs one; a list costs as often as it may have items."""

    depth_count: int = 10
    tokens_count: int = 2000
    aliases_count: int = 20
    cost_count: int = 100_000
    introspection: bool = True


class CostExceededError(GraphQLError):
    """The question would cost too much."""


def limit_rules(limits: Limits) -> list[Any]:
    """Return the extensions that keep the bounds."""

    class Cost(_Cost):
        most_count = limits.cost_count

    rules: list[Any] = [
        lambda: QueryDepthLimiter(max_depth=limits.depth_count),
        lambda: MaxTokensLimiter(max_token_count=limits.tokens_count),
        lambda: MaxAliasesLimiter(max_alias_count=limits.aliases_count),
        lambda: AddValidationRules([Cost]),
    ]
    return rules if limits.introspection else [*rules, DisableIntrospection]


class _Cost(ValidationRule):
    """Adds up every operation before anything is run."""

    most_count = 0

    def enter_operation_definition(self, node: OperationDefinitionNode, *_: Any) -> None:  # noqa: ANN401
        """Refuse an operation that costs more than is allowed."""
        context: ValidationContext = self.context
        root = context.schema.get_root_type(node.operation)
        cost = self._cost(node.selection_set, root, ())
        if cost > self.most_count:
            told = f"the question costs {cost}, at most {self.most_count} are allowed"
            self.report_error(CostExceededError(told, node))

    def _cost(
        self,
        selections: SelectionSetNode | None,
        parent: Any,  # noqa: ANN401
        path: tuple[str, ...],
    ) -> int:
        total = 0
        for selection in selections.selections if selections else ():
            if isinstance(selection, FieldNode):
                total += self._field(selection, parent, path)
            elif isinstance(selection, InlineFragmentNode):
                total += self._cost(selection.selection_set, parent, path)
            elif isinstance(selection, FragmentSpreadNode):
                fragment = self._fragment(selection.name.value)
                # A fragment inside itself is refused by another rule; here it only must end.
                if fragment is not None and selection.name.value not in path:
                    inner = (*path, selection.name.value)
                    total += self._cost(fragment.selection_set, parent, inner)
            if total > self.most_count:
                return total
        return total

    def _fragment(self, name: str) -> FragmentDefinitionNode | None:
        return self.context.get_fragment(name)

    def _field(self, field: FieldNode, parent: Any, path: tuple[str, ...]) -> int:  # noqa: ANN401
        known = isinstance(parent, GraphQLObjectType | GraphQLInterfaceType)
        definition = parent.fields.get(field.name.value) if known else None
        kind, count = _unwrapped(definition.type if definition else None)
        if field.name.value == "items":
            count = 1  # counted by the page's ``first``
        return 1 + max(count, _asked_count(field, definition)) * self._cost(
            field.selection_set, kind, path
        )


def _unwrapped(kind: Any) -> tuple[Any, int]:  # noqa: ANN401
    count = 1
    while isinstance(kind, GraphQLNonNull | GraphQLList):
        if isinstance(kind, GraphQLList):
            count *= _USUAL_COUNT
        kind = kind.of_type
    return kind, count


def _asked_count(field: FieldNode, definition: Any) -> int:  # noqa: ANN401
    for argument in field.arguments or ():
        if argument.name.value == "first":
            if isinstance(argument.value, IntValueNode) and len(argument.value.value) < 6:
                return max(1, int(argument.value.value))
            return _LARGEST_COUNT
    is_page = definition is not None and "first" in definition.args
    return _PAGE_COUNT if is_page else 1


class CodedErrors(SchemaExtension):
    """Gives every refusal its code, the message in the asker's language and details."""

    tell: Tell

    def on_operation(self) -> Iterator[None]:
        """Rewrite the errors of a result before it is sent."""
        yield
        self._rewrite(self.execution_context.result)

    def on_stream_result(self, result: Any) -> Iterator[None]:  # noqa: ANN401
        """Rewrite the errors of one message of a subscription."""
        self._rewrite(result)
        yield None

    def _rewrite(self, result: Any) -> None:  # noqa: ANN401
        if getattr(result, "errors", None):
            result.errors = [self._coded(error) for error in result.errors]

    def _coded(self, error: GraphQLError) -> GraphQLError:
        if error.extensions and "code" in error.extensions:
            return error
        connection = getattr(self.execution_context.context, "request", None)
        told = self.tell(connection, error.original_error, error.message)
        return GraphQLError(
            told.pop("message"),
            nodes=error.nodes,
            source=error.source,
            positions=error.positions,
            path=error.path,
            extensions=told,
        )
