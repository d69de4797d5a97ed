"""A connection that writes down what it runs, put in the place of the pool's own."""

from typing import Any

from cloud.infrastructure.postgres import pool


class Counted(pool.PlainConnection):
    """Counts for all connections together."""

    ran: list[str] = []  # noqa: RUF012  one list for all on purpose

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.add_query_logger(lambda record: self.ran.append(record.query))
