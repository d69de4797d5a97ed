"""GraphQL: the dashboard's linked views, read through the bus; changes go by REST."""
