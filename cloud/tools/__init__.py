"""The registry of MCP connections and their tools."""
